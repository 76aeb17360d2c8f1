"""What is wrong with a catalogue file, said so that it can be put right."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import msgspec


class CatalogError(ValueError):
    """A file of the catalogue is not what the schema says.

    Attributes:
        file: the file's name or path.
        key: where in the file: `row[checkout-lag].params.z_min`; empty for the file as a whole.
        value: what stands there, None when there is nothing.
        problem: what is wrong with it.
        allowed: what may stand there, empty when the problem says it.
    """

    def __init__(self, file: str, key: str, value: object, problem: str, allowed: str = "") -> None:
        place = f"{file}: {key}" if key else file
        shown = "" if value is None else f" = {_shortened(value)}"
        super().__init__(f"{place}{shown}: {problem}" + (f"; allowed: {allowed}" if allowed else ""))
        self.file, self.key, self.value, self.problem, self.allowed = file, key, value, problem, allowed


def explained(file: str, place: str, raw: object, kind: type[msgspec.Struct], message: str) -> CatalogError:
    """A CatalogError from what msgspec says about `raw`: its path becomes a key, its value is looked up."""
    text, _, path = message.partition(" - at `$")
    steps = re.findall(r"\.([\w-]+)|\[(\d+|\.\.\.)\]", path.rstrip("`"))
    keys = [name or number for name, number in steps]
    key = ".".join(filter(None, (place, *keys)))
    struct, value = _reached(kind, raw, keys)
    if unknown := re.search(r"unknown field `(.+)`", text):
        name = unknown[1]
        fields = ", ".join(struct.__struct_fields__) if struct else ""
        found = value.get(name) if isinstance(value, dict) else None
        return CatalogError(file, f"{key}.{name}".lstrip("."), found, "unknown key", fields)
    if missing := re.search(r"missing required field `(.+)`", text):
        return CatalogError(file, f"{key}.{missing[1]}".lstrip("."), None, "is missing")
    return CatalogError(file, key, value, text[:1].lower() + text[1:], _choices(kind, keys))


def _reached(kind: Any, value: Any, keys: list[str]) -> tuple[Any, Any]:
    """The struct and the value at a path."""
    for key in keys:
        kind = _member(kind, key)
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit():
            value = value[int(key)]
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None, value


def _member(kind: Any, key: str) -> Any:
    """The type of a struct's field, of a list's items, or of a table's values."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        kind = get_type_hints(kind).get(key)
    elif arguments := [a for a in get_args(kind) if a is not Ellipsis]:
        kind = arguments[-1]
    plain = [a for a in get_args(kind) if a is not type(None)]
    return plain[0] if type(None) in get_args(kind) and len(plain) == 1 else kind


def _choices(kind: Any, keys: list[str]) -> str:
    for key in keys:
        kind = _member(kind, key)
    return ", ".join(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else ""


def _shortened(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
