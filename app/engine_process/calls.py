"""What can be asked of a session in another process: read from the signatures of its protocol.

Whoever adds a method to `app.snapshot.Session` says all there is to say with its annotations. They are looked up when
the program runs, so what they name has to be imported at run time there, and be something that msgspec can decode.
"""

from __future__ import annotations

import inspect
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Struct, defstruct, msgpack, structs

if TYPE_CHECKING:
    from collections.abc import Mapping

LIFE = frozenset({"start", "stop", "restored"})
"""The methods that begin and end a session, and the stream of its snapshots: those a connection has of its own."""


class Call(NamedTuple):
    """One method: the shapes of what goes there and of what comes back."""

    arguments: type[Struct]
    """One field for each parameter."""
    answer: type[Struct]
    """What it returns; where that is no struct, one whose only field holds it."""
    wrapped: bool
    """Whether it is such a struct."""

    def encoded(self, *given: Any, **named: Any) -> bytes:
        """Arguments for the way. Raises TypeError where they do not fit."""
        return msgpack.encode(self.arguments(*given, **named))

    def decoded(self, body: bytes) -> dict[str, Any]:
        """Arguments by name. Raises msgspec.ValidationError where one has another type."""
        return structs.asdict(msgpack.decode(body, type=self.arguments))

    def packed(self, result: Any) -> Struct:
        """A result as the struct that travels; not for None, which needs none."""
        packed: Struct = self.answer(result) if self.wrapped else result
        return packed

    def unpacked(self, answer: Struct) -> Any:
        """The result again."""
        return answer.value if self.wrapped else answer  # type: ignore[attr-defined]


def calls_of(protocol: type) -> Mapping[str, Call]:
    """Every public method of a protocol but those of `LIFE`, by name."""
    methods = inspect.getmembers(protocol, inspect.isfunction)
    return {name: _call(name, method) for name, method in methods if not name.startswith("_") and name not in LIFE}


def _call(name: str, method: Any) -> Call:
    hints = get_type_hints(method)
    _, *parameters = inspect.signature(method).parameters.values()
    fields = [
        (each.name, hints[each.name], NODEFAULT if each.default is each.empty else each.default) for each in parameters
    ]
    answer = _without_none(hints["return"])
    wrapped = not (isinstance(answer, type) and issubclass(answer, Struct))
    return Call(
        defstruct(f"{name}_arguments", fields, array_like=True),
        defstruct(f"{name}_answer", [("value", answer)]) if wrapped else answer,
        wrapped,
    )


def _without_none(hint: Any) -> Any:
    """`Case` of `Case | None`: that there is none is told without a value."""
    if get_origin(hint) in {Union, UnionType} and NoneType in (members := get_args(hint)):
        [hint] = [member for member in members if member is not NoneType]
    return hint
