"""Changing values of the settings file, keeping its comments and order, and showing what there is."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

import msgspec
import tomlkit

from app.notify.destinations import Destination
from app.notify.settings import Rule
from app.redaction import redact
from app.settings.describing import describe, masked
from app.settings.loading import SettingsError, _typed, load_settings, read_file, section_fields, sections
from app.settings.nested import NESTED
from app.snapshot import SettingValue
from app.sources.base import SourceError
from app.sources.prometheus.connection import PrometheusConnection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from app.settings.loading import LoadedSettings

PASSWORDS = "allowed: prometheus.username with password_env, password_file or password_keyring"


def list_settings(loaded: LoadedSettings) -> tuple[SettingValue, ...]:
    """Every setting with its value, origin, meaning and what is allowed."""
    return tuple(_list(loaded))


def _list(loaded: LoadedSettings) -> Iterator[SettingValue]:
    for section in sections():
        values = getattr(loaded.settings, section)
        for name, field in section_fields(section).items():
            doc, allowed = describe(field.type)
            value = getattr(values, name)
            key = f"{section}.{name}"
            yield SettingValue(key, redact(show(masked(key, value))), loaded.origin(key), doc, allowed)


def show(value: Any) -> str:
    """A value as a person writes it."""
    if isinstance(value, tuple | list):
        return ", ".join(f"rule {n}" if isinstance(item, Rule) else item for n, item in enumerate(value, 1))
    if isinstance(value, dict):
        pairs = value.items()
        return ", ".join(key if isinstance(item, Destination) else f"{key}={item}" for key, item in pairs)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def change_settings(path: Path, values: Mapping[str, str]) -> None:
    """Write values to the settings file, by dotted key: all of them, if the whole file is valid with them, or none.

    Raises:
        SettingsError: a key does not exist, a value is not allowed or a secret, or the file cannot be written; it is
            unchanged.
    """
    fields = {key: _field(key) for key in values}
    if url := values.get("prometheus.url"):
        _check_address(path, url)
    read_file(path, required=False)
    document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
    new = {key: (value, f"the new value of {key}") for key, value in values.items()}
    load_settings(path if path.exists() else None, {}, new)
    for key, value in values.items():
        section, _, name = key.partition(".")
        typed = msgspec.convert(_typed(key, value), fields[key].type, strict=False)
        table = document.setdefault(section, tomlkit.table())
        table[name] = list(typed) if isinstance(typed, tuple) else typed
    try:
        # Where the file is a link, what it points to is replaced, and the link stays.
        _replace(path.resolve(), tomlkit.dumps(document))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from None


def _check_address(path: Path, url: str) -> None:
    """Whether an address may be written to a file: it can be used, and holds no secret."""
    try:
        parts = PrometheusConnection(url=url).split()
    except SourceError as error:
        raise SettingsError(f"{path}: {error.message}. {error.hint}") from None
    if parts.password is not None:
        raise SettingsError(f"{path}: `prometheus.url` with a password is not written to a file; {PASSWORDS}")


def _field(key: str) -> msgspec.structs.FieldInfo:
    section, _, name = key.partition(".")
    known = section_fields(section)
    if name not in known:
        raise SettingsError(f"`{key}` is not a setting; allowed in {section}: {', '.join(known)}")
    return known[name]


def _replace(path: Path, text: str) -> None:
    """Write beside the file and rename, so that a crash leaves the old one or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)  # noqa: PTH105 - the atomic rename is the point


def document_settings() -> str:
    """`docs/settings.md`: every setting, generated from the schema."""
    from app.settings.loading import LoadedSettings, default_path
    from app.settings.schema import Settings

    rows = list_settings(LoadedSettings(Settings(), default_path(), {}))
    lines = ["# Settings", "", "Generated from `app/settings/schema.py` by `make docs`.", ""]
    for section in sections():
        lines += [f"## [{section}]", "", "| key | default | allowed | meaning |", "| --- | --- | --- | --- |"]
        mine = [row for row in rows if row.key.startswith(f"{section}.")]
        lines += [f"| `{row.key.split('.', 1)[1]}` | `{row.value}` | {row.allowed} | {row.doc} |" for row in mine]
        lines.append("")
    for (section, key), kind in NESTED.items():
        lines += [f"## Each table of {section}.{key}", "", str(kind.__doc__), ""]
        lines += ["| key | default | allowed | meaning |", "| --- | --- | --- | --- |"]
        for field in msgspec.structs.fields(kind):
            doc, allowed = describe(field.type)
            lines.append(f"| `{field.name}` | `{show(field.default)}` | {allowed} | {doc} |")
        lines.append("")
    return "\n".join(lines)
