"""Settings from defaults, file, environment and command line, in that order, each value with its origin."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from platformdirs import user_config_path, user_data_path

from app.redaction import redact
from app.settings.describing import describe, masked
from app.settings.nested import NESTED, explain_nested
from app.settings.schema import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENVIRONMENT_PREFIX = "TOCSIN_"
WELL_KNOWN_VARIABLES = {"PROMETHEUS_URL": "prometheus.url"}
"""Variables that other tools set too; ours (`TOCSIN_SECTION_KEY`) win over them."""

DEFAULTS = Settings()
"""Every table with its defaults: they tell which settings there are, and which of them are lists."""

SECRET_KEYS = re.compile(r"(password|token|secret)$")


class SettingsError(Exception):
    """A settings value that cannot be used; the message names the place, the key, the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Validated settings and the origin of every value that is not a default."""

    settings: Settings
    path: Path
    """The settings file, whether it exists or not."""
    origins: Mapping[str, str]
    """Dotted key -> `FILE:LINE`, `environment NAME` or the command-line option."""
    overrides: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What the command line said, for loading again."""

    def origin(self, key: str) -> str:
        """Where the value of `section.key` came from."""
        return self.origins.get(key, "default")

    def value(self, key: str) -> Any:
        """The value of `section.key`."""
        section, _, name = key.partition(".")
        return getattr(getattr(self.settings, section), name)

    @property
    def database(self) -> Path:
        """Where the store lives."""
        configured = self.settings.store.path
        return Path(configured).expanduser() if configured else user_data_path("tocsin") / "tocsin.db"

    @property
    def configuration_folder(self) -> Path:
        """The folder of the settings file, which also holds the engineer's own catalogue rows under `catalog/`."""
        return self.path.parent


def default_path() -> Path:
    """The platform's place for the settings file."""
    return user_config_path("tocsin") / "config.toml"


def load_settings(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, tuple[str, str]] | None = None,
) -> LoadedSettings:
    """Read all layers.

    Args:
        path: the settings file; None is the platform's place, where it may be absent.
        environment: defaults to the process's.
        overrides: dotted key -> (value, origin), from the command line.

    Raises:
        SettingsError: naming file and line (or variable, or option), key, value and what is allowed.
    """
    variables = os.environ if environment is None else environment
    file = path or default_path()
    layered, origins = read_file(file, required=path is not None and path != default_path())
    for key, (value, origin) in [*_from_environment(variables), *(overrides or {}).items()]:
        section, _, name = key.partition(".")
        layered.setdefault(section, {})[name] = _typed(key, value)
        origins[key] = origin
    return LoadedSettings(_validated(layered, origins, file), file, origins, overrides or {})


def read_file(path: Path, *, required: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The file's tables and the origin (`FILE:LINE`) of each of its keys."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        if required:
            raise SettingsError(f"{path}: there is no such file") from None
        return {}, {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: `{name}` stands outside any table; allowed: {', '.join(sections())}")
    lines = key_lines(text)
    return tables, {
        f"{section}.{key}": f"{path}:{lines.get((section, key), 1)}"
        for section, table in tables.items()
        for key in table
    }


def key_lines(text: str) -> dict[tuple[str, str], int]:
    """(table, key) -> line number, for telling where a value came from."""
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
            section, _, sub = header[1].partition(".")
            if sub:
                found.setdefault((section, sub), number)
        elif pair := re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*[.=]", line):
            found.setdefault((section, pair[1]), number)
    return found


def sections() -> tuple[str, ...]:
    """The names of the tables that a settings file may have."""
    return Settings.__struct_fields__


def section_fields(section: str) -> dict[str, msgspec.structs.FieldInfo]:
    """The settings of one table by name.

    Raises:
        SettingsError: when there is no such table.
    """
    for table in msgspec.structs.fields(Settings):
        if table.name == section:
            return {inner.name: inner for inner in msgspec.structs.fields(table.type)}
    raise SettingsError(f"`{section}` is no table of the settings; allowed: {', '.join(sections())}")


def _from_environment(variables: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    for name, key in WELL_KNOWN_VARIABLES.items():
        if variables.get(name):
            yield key, (variables[name], f"environment {name}")
    for section in sections():
        for key in getattr(DEFAULTS, section).__struct_fields__:
            name = f"{ENVIRONMENT_PREFIX}{section}_{key}".upper()
            if name in variables:
                yield f"{section}.{key}", (variables[name], f"environment {name}")


def _typed(key: str, value: str) -> Any:
    """A string from the environment or the command line, split where the setting is a list."""
    section, _, name = key.partition(".")
    default = getattr(getattr(DEFAULTS, section), name)
    if isinstance(default, tuple):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(default, dict):
        return dict(part.split("=", 1) for part in value.split(",") if "=" in part)
    return value


def _validated(tables: dict[str, Any], origins: Mapping[str, str], path: Path) -> Settings:
    try:
        return msgspec.convert(tables, Settings, strict=False)
    except msgspec.ValidationError as error:
        found = list(dict.fromkeys(_problems(tables, origins, path)))
        raise SettingsError("\n".join(found) or explain(str(error), tables, origins, path)) from None


def _problems(tables: Mapping[str, Any], origins: Mapping[str, str], path: Path) -> Iterator[str]:
    """Every value that is wrong by itself; each is tried alone, since a conversion stops at its first."""
    text = path.read_text("utf-8") if path.exists() else ""
    for section, table in tables.items():
        for part in [{key: value} for key, value in table.items() if (section, key) not in NESTED] or [{}]:
            try:
                msgspec.convert({section: part}, Settings, strict=False)
            except msgspec.ValidationError as error:
                yield explain(str(error), tables, origins, path)
    yield from explain_nested(tables, text, path)


def explain(message: str, tables: Mapping[str, Any], origins: Mapping[str, str], path: Path) -> str:
    """A validation error as one sentence: where, which key, which value, what is allowed."""
    what, _, where = message.partition(" - at ")
    key = where.strip("`").removeprefix("$").lstrip(".")
    if unknown := re.search(r"unknown field `([^`]+)`", what):
        section = key
        key = f"{section}.{unknown[1]}".lstrip(".")
        allowed = ", ".join(section_fields(section)) if section else ", ".join(sections())
        return f"{origins.get(key, path)}: `{key}` is not a setting; allowed: {allowed}"
    section, _, name = re.sub(r"\[.*?\]", "", key).partition(".")
    base = f"{section}.{name}".rstrip(".")
    value = tables.get(section, {}).get(name)
    shown = "(hidden)" if SECRET_KEYS.search(name) else redact(repr(masked(base, value)))
    if not name:
        named = re.match(r"`([a-z_.]+)`", what)
        return f"{origins.get(named[1], path) if named else path}: {what}"
    known = section_fields(section).get(name)
    allowed = describe(known.type)[1] if known is not None else what
    return f"{origins.get(base, path)}: `{base}` is {shown}; allowed: {allowed}"
