"""Values of every shape that travels between the processes: strategies made from the declarations themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from app.engine_process.calls import calls_of
from app.snapshot import Session, Snapshot

PLAIN = {
    str: st.text(max_size=8),
    bytes: st.binary(max_size=8),
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(),
    NoneType: st.none(),
    object: st.none() | st.booleans() | st.text(max_size=8) | st.floats() | st.lists(st.text(max_size=3), max_size=2),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type."""
    origin, members = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return st.one_of(*map(values, members))
    if origin is tuple and members[1:] == (...,):
        return st.lists(values(members[0]), max_size=3).map(tuple)
    if origin is Sequence:
        return st.lists(values(members[0]), max_size=3)
    if origin is tuple:
        return st.tuples(*map(values, members))
    if origin in {dict, Mapping}:
        return st.dictionaries(values(members[0]), values(members[1]), max_size=2)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        fields = {field.name: values(field.type) for field in msgspec.structs.fields(hint)}
        return st.fixed_dictionaries(fields).map(lambda given: hint(**given))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return PLAIN[hint]


def kinds(hint: Any) -> set[type[msgspec.Struct]]:
    """Every struct that a type holds."""
    found = set()
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        found = {hint}.union(*(kinds(field.type) for field in msgspec.structs.fields(hint)))
    return found.union(*map(kinds, get_args(hint)))


def travelling() -> list[type[msgspec.Struct]]:
    """Every struct that may travel: of the snapshots, of arguments and answers."""
    shapes = [Snapshot, *(shape for call in calls_of(Session).values() for shape in (call.arguments, call.answer))]
    return sorted(set().union(*map(kinds, shapes)), key=lambda kind: kind.__name__)
