"""What one process says of a value, the other understands: the same value, the same objects, in small pieces."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.engine_process.calls import LIFE, calls_of
from app.engine_process.changes import PIECE, Change, Incoming, Outgoing, Piece, encoded, lists_of, spans_of
from app.snapshot import Session, Snapshot
from storage.records import Label
from tests.app.engine_process.shapes import travelling, values
from tests.app.screens.fake_session import FakeSession

START = FakeSession().snapshot
DECODER = msgspec.msgpack.Decoder(Piece | Change)


class Pair:
    """Both ends, with the bytes between them."""

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        self.outgoing, self.incoming = Outgoing(kind, 7), Incoming(kind)
        self.messages: list[bytes] = []

    def carry(self, value: msgspec.Struct) -> msgspec.Struct:
        self.messages = [msgspec.msgpack.encode(message) for message in self.outgoing.messages(value)]
        *pieces, change = map(DECODER.decode, self.messages)
        assert all(message.number == 7 for message in (*pieces, change))
        for piece in pieces:
            self.incoming.take(piece)
        return self.incoming.changed(change)


@pytest.mark.parametrize("kind", travelling(), ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_shape_arrives_as_it_was(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    value = data.draw(values(kind))
    arrived = Pair(kind).carry(value)
    assert type(arrived) is kind
    # NaN differs from itself: the bytes are compared.
    assert encoded(arrived) == encoded(value)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=6))
def test_lists_arrive_in_their_order_and_what_stays_stays_the_same_object(orders: list[list[int]]) -> None:
    pair, known = Pair(Snapshot), {}
    mine = {number: replace(START.rows[0], reason=str(number)) for number in range(10)}
    for order in orders:
        shown = pair.carry(replace(START, rows=tuple(mine[number] for number in order)))
        assert [int(row.reason) for row in shown.rows] == order
        fresh = [message for message in map(DECODER.decode, pair.messages) if isinstance(message, Piece)]
        if set(order) <= known.keys():
            assert not any(piece.field == "rows" for piece in fresh), "what is there was sent again"
        assert all(row is known[row.reason] for row in shown.rows if row.reason in known)
        known = {row.reason: row for row in shown.rows}


def test_what_was_read_again_and_is_the_same_is_not_sent_again() -> None:
    pair = Pair(Snapshot)
    before = pair.carry(START)
    again = replace(START, coverage=tuple(map(replace, START.coverage)), now=START.now + 15)
    shown = pair.carry(again)
    assert shown.coverage is before.coverage
    assert (shown.rows, shown.now) == (START.rows, START.now + 15)
    assert len(pair.messages) == 1
    assert len(pair.messages[0]) < 60, "a cycle that changes nothing is told in a few bytes"


def test_many_rows_come_in_pieces_that_decode_in_a_moment() -> None:
    rows = tuple(replace(START.rows[number % 3], reason=f"reason {number}") for number in range(5_000))
    pair = Pair(Snapshot)
    assert pair.carry(replace(START, rows=rows)).rows == rows
    largest = max(len(encoded(row)) for row in rows)
    assert max(map(len, pair.messages)) < PIECE + largest + 100
    assert len(pair.messages) > 20


def test_neighbours_are_told_as_one() -> None:
    assert list(spans_of([0, 1, 2, -1, -1, 7, 8, 3])) == [(0, 3), (-1, 2), (7, 2), (3, 1)]
    assert list(spans_of([])) == []


def test_numbers_of_numpy_and_names_that_are_no_text_arrive_in_other_clothes() -> None:
    odd = replace(START, now=np.float64(3.5), series=np.int64(4), cluster="caf\udce9")
    shown = Pair(Snapshot).carry(odd)
    assert (shown.now, shown.series, shown.cluster) == (3.5, 4, "caf?")
    row = replace(START.rows[0], reason="\ud800!")
    assert Pair(Snapshot).carry(replace(START, rows=(row,))).rows[0].reason == "?!"


def test_the_rows_of_a_snapshot_are_among_what_is_sent_by_the_piece() -> None:
    assert {"rows", "coverage", "advice"} <= lists_of(Snapshot).keys()


def test_every_method_of_the_session_can_be_called_from_afar() -> None:
    public = {name for name in vars(Session) if not name.startswith("_")}
    assert calls_of(Session).keys() == public - LIFE
    label = calls_of(Session)["label"]
    given = label.decoded(label.encoded((1, 2), label=Label.FALSE))
    assert given == {"ids": [1, 2], "label": Label.FALSE, "reason": ""}
    assert isinstance(given["ids"], Sequence)
    with pytest.raises(TypeError):
        label.encoded()
    with pytest.raises(msgspec.ValidationError):
        label.decoded(label.encoded((1, 2), "perhaps"))
