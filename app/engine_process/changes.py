"""A value that changes little from one time to the next, sent as what changed, in pieces that decode in a moment.

A field that is a tuple of structs (`Snapshot.rows`) is described by spans: so many items from that place of the tuple
which the other side has, so many new ones. Items that are the same object, or encode to the same bytes, are not sent
again, and stay the same object on the other side: whoever draws them can tell what changed by identity.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import islice
from numbers import Integral
from types import GenericAlias
from typing import TYPE_CHECKING, Any, get_args, get_origin

from msgspec import Raw, Struct, msgpack, structs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


PIECE = 32 * 1024
"""Bytes after which a piece of a list is full: while one is decoded nothing else runs, for less than a millisecond."""
FRESH = -1
"""The start of a span of new items."""

Span = tuple[int, int]
"""Where it begins, and how many items it has."""


class Piece(Struct, frozen=True, array_like=True, tag="piece"):
    """Some new items of a list, ahead of the change that they belong to."""

    number: int
    """Of the call it answers; 0 for snapshots."""
    field: str
    items: Raw


class Change(Struct, frozen=True, array_like=True, tag="change"):
    """What is different now: fields, and the composition of lists."""

    number: int
    values: dict[str, Raw]
    lists: dict[str, tuple[Span, ...]]


def _plain(value: object) -> object:
    """Numpy's scalars as Python's own."""
    match value:
        case float():
            return float(value)
        case Integral():
            return int(value)
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be sent")


_encoder = msgpack.Encoder(enc_hook=_plain)


def encoded(value: object) -> bytes:
    """As MessagePack. What no text can hold (a file name of other bytes) becomes question marks."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        # Nothing that was stored can get here: SQLite takes no such text either.
        return _encoder.encode(_printable(structs.asdict(value) if isinstance(value, Struct) else value))


def _printable(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_printable(key): _printable(each) for key, each in value.items()}
        case list() | tuple():
            return [_printable(each) for each in value]
        case Struct():
            return _printable(structs.asdict(value))
        case _:
            return value


def lists_of(kind: type[Struct]) -> dict[str, type[Struct]]:
    """The fields of a struct that are tuples of structs, with the kind of these."""
    found = {}
    for field in structs.fields(kind):
        if get_origin(field.type) is tuple:
            item, *rest = get_args(field.type)
            if rest == [...] and isinstance(item, type) and issubclass(item, Struct):
                found[field.name] = item
    return found


class Outgoing:
    """What the other side has of a value, and what to send so that it has the next one.

    Args:
        kind: the type of the value.
        number: what its messages carry.
    """

    def __init__(self, kind: type[Struct], number: int = 0) -> None:
        self._number = number
        self._values: dict[str, object] = {}
        self._lists = {name: _Sent() for name in lists_of(kind)}

    def messages(self, value: Struct) -> Iterator[Piece | Change]:
        """The pieces of what is new, then the change. All of them have to be sent, in this order."""
        values: dict[str, Raw] = {}
        lists: dict[str, tuple[Span, ...]] = {}
        for name in value.__struct_fields__:
            part = getattr(value, name)
            if (sent := self._lists.get(name)) is not None:
                spans, fresh = sent.compared(part)
                yield from (Piece(self._number, name, piece) for piece in pieces(fresh))
                if spans is not None:
                    lists[name] = spans
            elif name not in self._values or self._values[name] != part:
                self._values[name], values[name] = part, Raw(encoded(part))
        yield Change(self._number, values, lists)


class _Sent:
    """A list as the other side has it."""

    def __init__(self) -> None:
        self._items: Sequence[Struct] = ()
        self._digests: list[bytes] = []

    def compared(self, items: Sequence[Struct]) -> tuple[tuple[Span, ...] | None, list[bytes]]:
        """How to make the list from the one before, None where it is the same; and its new items, encoded."""
        if items is self._items:
            return None, []
        places = {id(item): place for place, item in enumerate(self._items)}
        by_digest: dict[bytes, int] | None = None
        found: list[int] = []
        fresh: list[bytes] = []
        digests: list[bytes] = []
        for item in items:
            place = places.get(id(item), FRESH)
            if place != FRESH:
                digest = self._digests[place]
            else:
                if by_digest is None:
                    by_digest = {digest: place for place, digest in enumerate(self._digests)}
                body = encoded(item)
                digest = blake2b(body, digest_size=16).digest()
                place = by_digest.get(digest, FRESH)
                if place == FRESH:
                    fresh.append(body)
            found.append(place)
            digests.append(digest)
        before, self._items, self._digests = len(self._items), items, digests
        spans = tuple(spans_of(found))
        return (None if spans == (((0, before),) if before else ()) else spans), fresh


def spans_of(places: Iterable[int]) -> Iterator[Span]:
    """Neighbours that were neighbours before, and neighbours that are new, told as one."""
    start = following = count = 0
    for place in places:
        if count and place == following:
            count += 1
        else:
            if count:
                yield start, count
            start, count = place, 1
        following = FRESH if place == FRESH else place + 1
    if count:
        yield start, count


def pieces(bodies: Iterable[bytes]) -> Iterator[Raw]:
    """Encoded items as encoded lists of about `PIECE` bytes."""
    taken: list[Raw] = []
    size = 0
    for body in bodies:
        taken.append(Raw(body))
        size += len(body)
        if size >= PIECE:
            yield Raw(_encoder.encode(taken))
            taken, size = [], 0
    if taken:
        yield Raw(_encoder.encode(taken))


class Incoming:
    """The value as this side has it.

    Args:
        kind: its type.
    """

    def __init__(self, kind: type[Struct]) -> None:
        items = lists_of(kind)
        self._kind = kind
        self._fields: dict[str, Any] = dict.fromkeys(items, ())
        self._fresh: dict[str, list[Struct]] = {name: [] for name in items}
        self._decoders: dict[str, msgpack.Decoder[Any]] = {
            field.name: msgpack.Decoder(GenericAlias(list, items[field.name]) if field.name in items else field.type)
            for field in structs.fields(kind)
        }

    def take(self, piece: Piece) -> None:
        """Decode some new items."""
        self._fresh[piece.field] += self._decoders[piece.field].decode(piece.items)

    def changed(self, change: Change) -> Struct:
        """The next value."""
        for name, body in change.values.items():
            self._fields[name] = self._decoders[name].decode(body)
        for name, spans in change.lists.items():
            before, fresh = self._fields[name], iter(self._fresh[name])
            parts = (islice(fresh, n) if start == FRESH else before[start : start + n] for start, n in spans)
            self._fields[name] = tuple(item for part in parts for item in part)
            self._fresh[name] = []
        return self._kind(**self._fields)
