"""Reading the catalogue: our files, then the engineer's, each checked; every error names file, key and value."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from detectors.catalog.checks import check_convention, check_row
from detectors.catalog.errors import CatalogError, explained
from detectors.catalog.model import Catalogue
from detectors.catalog.schema import Convention, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

    from detectors.catalog.schema import Instrument

_T = TypeVar("_T", bound=msgspec.Struct)
_ROWS_KEYS = {"group": str, "fallback": dict, "row": list}
OWN_GROUP = "Own signals"


class _Source(NamedTuple):
    """A file by its name as errors show it."""

    name: str
    text: str


def load(user_dir: Path | None = None) -> Catalogue:
    """Our catalogue, and the engineer's beside it.

    Args:
        user_dir: a folder with `conventions/*.toml` and `rows/*.toml` of the same schema; it need not exist.

    Raises:
        CatalogError: a file is not what the schema says; file, key, value and what is allowed are named.
    """
    return _builtin() if user_dir is None else _with_own(_builtin(), Path(user_dir))


def evidence(catalogue: Catalogue) -> Catalogue:
    """The rows that investigations ask for and nobody judges, over the same conventions."""
    without = Catalogue(catalogue.conventions, (), catalogue.preferences)
    return _extended(without, (), _sources(files("detectors.catalog") / "evidence"))


@lru_cache(maxsize=1)
def _builtin() -> Catalogue:
    here = files("detectors.catalog")
    preferences = _parsed(_Source("preferences.toml", (here / "preferences.toml").read_text("utf-8")))
    empty = Catalogue((), (), {name: tuple(order) for name, order in preferences.items()})
    return _extended(empty, _sources(here / "conventions"), _sources(here / "rows"))


def _with_own(ours: Catalogue, folder: Path) -> Catalogue:
    return _extended(ours, _sources(folder / "conventions"), _sources(folder / "rows"))


def _sources(folder: Traversable | Path) -> Iterator[_Source]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".toml"):
            continue
        name = str(entry) if isinstance(entry, Path) else f"{folder.name}/{entry.name}"
        try:
            yield _Source(name, entry.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogError(name, "", None, f"cannot be read: {error}") from None


def _extended(base: Catalogue, conventions: Iterable[_Source], rows: Iterable[_Source]) -> Catalogue:
    known = {convention.id: convention for convention in base.conventions}
    for source in conventions:
        convention = _converted(source.name, "", _with_like(source.name, _parsed(source)), Convention)
        _unique(source.name, "id", convention.id, known)
        check_convention(source.name, convention)
        known[convention.id] = convention
    instruments: dict[str, list[Instrument]] = {}
    for instrument in (i for convention in known.values() for i in convention.instrument):
        instruments.setdefault(instrument.name, []).append(instrument)
    signals = {row.id: row for row in base.rows}
    for source in rows:
        for place, row in _rows(source):
            _unique(source.name, f"{place}.id", row.id, signals)
            signals[row.id] = check_row(source.name, place, row, instruments, base.preferences)
    return Catalogue(tuple(known.values()), tuple(signals.values()), base.preferences)


def _with_like(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """The same file with every identity rule completed by the one it is like."""
    rules = content.get("identity", {})
    if not isinstance(rules, dict) or not all(isinstance(rule, dict) for rule in rules.values()):
        return content
    for key, rule in rules.items():
        like = rule.get("like", "")
        if like and like not in rules:
            raise CatalogError(name, f"identity.{key}.like", like, "no such rule", _listed(rules))
    return content | {"identity": {key: rules.get(rule.get("like"), {}) | rule for key, rule in rules.items()}}


def _rows(source: _Source) -> Iterator[tuple[str, Row]]:
    """The rows of one file, with the place of each as errors name it."""
    content = _parsed(source)
    for key, value in content.items():
        if key not in _ROWS_KEYS:
            raise CatalogError(source.name, key, value, "unknown key", ", ".join(_ROWS_KEYS))
        if not isinstance(value, _ROWS_KEYS[key]):
            raise CatalogError(source.name, key, value, f"expected {_ROWS_KEYS[key].__name__}")
    shared = content.get("fallback", {})
    for number, raw in enumerate(content.get("row", ())):
        if not isinstance(raw, dict):
            raise CatalogError(source.name, f"row[{number}]", raw, "expected a table: [[row]]")
        place = f"row[{raw.get('id', number)}]"
        row = {"group": content.get("group", OWN_GROUP)} | raw
        name = row.get("fallback")
        if isinstance(name, str):
            if name not in shared:
                raise CatalogError(source.name, f"{place}.fallback", name, "no such fallback", _listed(shared))
            row["fallback"] = shared[name]
        yield place, _converted(source.name, place, row, Row)


def _parsed(source: _Source) -> dict[str, Any]:
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(source.name, "", None, f"is not TOML: {error}") from None


def _converted(name: str, place: str, raw: object, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise explained(name, place, raw, kind, str(error)) from None


def _unique(name: str, key: str, value: str, taken: dict[str, Any]) -> None:
    if value in taken:
        raise CatalogError(name, key, value, "is taken already", "an id of its own")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none is declared in this file"
