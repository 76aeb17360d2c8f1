"""What a setting means and what it may be, read off its declared type."""

from __future__ import annotations

from typing import Any

from msgspec import inspect as types

from app.redaction import MASK

TENANT = "x-scope-orgid"


def describe(annotation: Any) -> tuple[str, str]:
    """(meaning, what is allowed) of a setting's type."""
    doc = next((meta.description for meta in getattr(annotation, "__metadata__", ()) if meta.description), "")
    return doc, _allowed(types.type_info(annotation))


def _allowed(info: Any) -> str:
    if isinstance(info, types.Metadata):
        return _allowed(info.type)
    if isinstance(info, types.BoolType):
        return "true or false"
    if isinstance(info, types.IntType | types.FloatType):
        word = "a whole number" if isinstance(info, types.IntType) else "a number"
        low = f"from {info.ge:g}" if info.ge is not None else f"above {info.gt:g}" if info.gt is not None else ""
        high = f"to {info.le:g}" if info.le is not None else f"below {info.lt:g}" if info.lt is not None else ""
        return " ".join(filter(None, (word, low, high)))
    if isinstance(info, types.LiteralType):
        return "one of " + ", ".join(map(str, info.values))
    if isinstance(info, types.VarTupleType):
        return _several(info.item_type, "a list of texts")
    if isinstance(info, types.DictType):
        return _several(info.value_type, "pairs of texts (a=b)")
    return "a text"


def _several(item: Any, usual: str) -> str:
    if isinstance(item, types.LiteralType):
        return "a list of " + ", ".join(map(str, item.values))
    return "tables of the file" if isinstance(item, types.StructType) else usual


def masked(key: str, value: Any) -> Any:
    """Header values may be credentials: only the tenant's and references to the environment are shown."""
    if key != "prometheus.headers" or not isinstance(value, dict):
        return value
    return {name: item if name.lower() == TENANT or "${" in str(item) else MASK for name, item in value.items()}
