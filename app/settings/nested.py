"""Tables within tables of the settings: which of them is wrong, and in which line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from app.notify.destinations import Destination
from app.notify.settings import Rule
from app.settings.describing import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NESTED: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("notify", "destinations"): Destination,
    ("notify", "rules"): Rule,
}
"""Table and key -> what each table under it is."""


def explain_nested(tables: Mapping[str, Any], text: str, path: object) -> Iterator[str]:
    """What is wrong with each nested table that is: file, line, key, value, what is allowed.

    Args:
        tables: as the file has them.
        text: of the file, for finding lines.
        path: what to call it.
    """
    for title, header, turn, value, kind in _each(tables):
        try:
            msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError as error:
            what, _, where = str(error).partition(" - at ")
            name = re.sub(r"\[.*?\]", "", where.strip("`").removeprefix("$").lstrip("."))
            line = _line(text, header, turn, name)
            yield f"{path}:{line}: {_what(what, title, name, value, kind)}"


def _each(tables: Mapping[str, Any]) -> Iterator[tuple[str, str, int, Any, type[msgspec.Struct]]]:
    """(what to call it, its header, which of those with this header, its value, its type)."""
    for (section, key), kind in NESTED.items():
        under = tables.get(section, {}).get(key)
        if isinstance(under, dict):
            for name, value in under.items():
                yield f"{section}.{key}.{name}", f"{section}.{key}.{name}", 1, value, kind
        elif isinstance(under, list):
            for number, value in enumerate(under, 1):
                yield f"{section}.{key}[{number}]", f"{section}.{key}", number, value, kind


def _what(what: str, title: str, name: str, value: Any, kind: type[msgspec.Struct]) -> str:
    if unknown := re.search(r"unknown field `([^`]+)`", what):
        return f"`{title}.{unknown[1]}` is not a setting; allowed: {', '.join(kind.__struct_fields__)}"
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    if name not in fields or not isinstance(value, dict):
        return f"`{title}`: {what}"
    return f"`{title}.{name}` is {value.get(name)!r}; allowed: {describe(fields[name].type)[1]}"


def _line(text: str, header: str, turn: int, name: str) -> int:
    """The line of a key of the nth table with a header, or of that header; 1 where there is none."""
    found = 1
    for number, line in enumerate(text.splitlines(), 1):
        if (table := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line)) is not None:
            if found > 1 and not turn:
                return found
            if table[1].replace('"', "").replace("'", "") == header:
                turn -= 1
                found = number if not turn else found
        elif not turn and name and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return number
    return found
