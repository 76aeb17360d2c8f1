"""Acts, their undo and redo, and the lines that nobody can change."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.database import Store
from storage.errors import UndoError
from storage.history import UNDO_SECONDS, Act, describe
from storage.records import HistoryRecord, Label
from tests.storage import samples
from tests.storage.samples import NOW

LABEL_TRUE = {"label": Label.TRUE, "label_reason": "real"}
LABEL_FALSE = {"label": Label.FALSE, "label_reason": "noise"}


@pytest.fixture
def cases(store: Store) -> Store:
    store.cycles.write(samples.update(*(samples.case(number) for number in range(1, 6))))
    return store


def labels(store: Store) -> list[str | None]:
    return [record.label and str(record.label) for record in store.investigations.open(samples.CLUSTER)]


def undone(lines: tuple[HistoryRecord, ...]) -> list[int | None]:
    return [line.investigation for line in lines]


def test_an_act_says_what_it_changed(cases: Store) -> None:
    (line,) = cases.history.act([2], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW, session="s1")
    assert line == HistoryRecord(
        id=1,
        at=NOW,
        actor="kim",
        action="label",
        investigation=2,
        before={"label": None, "label_reason": ""},
        after={"label": "true", "label_reason": "real"},
        session="s1",
        step=1,
    )
    assert cases.history.of(2) == (line,)
    assert labels(cases) == [None, "true", None, None, None]


def test_an_act_that_changes_nothing_leaves_no_line(cases: Store) -> None:
    cases.history.act([1], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)
    assert undone(cases.history.act([1, 2, 99, 2], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)) == [2]
    assert cases.history.act([], Act.PIN, {"pinned": True}, actor="kim", at=NOW) == ()


def test_an_act_sets_its_own_fields_only(cases: Store) -> None:
    for values in ({}, {"pinned": True}, {"label": "true", "label_reason": "", "id": 9}):
        with pytest.raises(ValueError, match="label sets label, label_reason"):
            cases.history.act([1], Act.LABEL, values, actor="kim", at=NOW)


def test_undo_and_redo_walk_the_acts(cases: Store) -> None:
    act = cases.history.act
    act([1], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)
    act([1], Act.LABEL, LABEL_FALSE, actor="kim", at=NOW + 1)
    seen = []
    for step in (cases.history.undo, cases.history.undo, cases.history.undo, cases.history.redo, cases.history.redo):
        step(actor="kim", at=NOW + 2)
        seen.append(labels(cases)[0])
    assert seen == ["true", None, None, "true", "false"]
    assert cases.history.redo(actor="kim", at=NOW + 3) == ()
    assert [(line.action, line.undoes) for line in cases.history.of(1)] == [
        ("label", None),
        ("label", None),
        ("undo", 2),
        ("undo", 1),
        ("redo", 4),
        ("redo", 3),
    ]


def test_a_new_act_empties_what_could_be_redone(cases: Store) -> None:
    cases.history.act([1], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)
    cases.history.undo(actor="kim", at=NOW)
    cases.history.act([2], Act.PIN, {"pinned": True}, actor="kim", at=NOW)
    assert cases.history.redo(actor="kim", at=NOW) == ()
    assert undone(cases.history.undo(actor="kim", at=NOW)) == [2]
    assert cases.history.undo(actor="kim", at=NOW) == ()


def test_a_bulk_act_is_one_step(cases: Store) -> None:
    cases.history.act([3], Act.LABEL, LABEL_FALSE, actor="kim", at=NOW)
    lines = cases.history.act([1, 2, 3, 4], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)
    assert {line.step for line in lines} == {lines[0].id}
    assert undone(cases.history.undo(actor="kim", at=NOW)) == [1, 2, 3, 4]
    assert labels(cases) == [None, None, "false", None, None]
    cases.history.redo(actor="kim", at=NOW)
    assert labels(cases) == ["true", "true", "true", "true", None]


def test_seen_is_not_undone(cases: Store) -> None:
    cases.history.act([1], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)
    cases.history.act([1], Act.SEEN, {"seen_at": NOW}, actor="kim", at=NOW)
    assert cases.history.undo(actor="kim", at=NOW)[0].before == {"label": "true", "label_reason": "real"}
    record = cases.investigations.get(1)
    assert record is not None
    assert (record.label, record.seen_at) == (None, NOW)


def test_everyone_undoes_their_own(cases: Store) -> None:
    cases.history.act([1], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)
    cases.history.act([2], Act.LABEL, LABEL_TRUE, actor="robin", at=NOW + 1)
    assert undone(cases.history.undo(actor="kim", at=NOW + 2)) == [1]
    assert cases.history.undo(actor="kim", at=NOW + 3) == ()


def test_undo_works_after_a_restart_but_not_for_ever(cases: Store) -> None:
    cases.history.act([1], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW, session="s1")
    cases.close()
    with Store.open(cases.path) as store:
        assert store.history.undo(actor="kim", at=NOW + UNDO_SECONDS + 1, session="s2") == ()
        assert undone(store.history.undo(actor="kim", at=NOW + 3_600, session="s2")) == [1]
        assert undone(store.history.redo(actor="kim", at=NOW + 3_601, session="s3")) == [1]


def test_undo_refuses_to_clobber_what_somebody_else_changed(cases: Store) -> None:
    cases.history.act([1, 2], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)
    with Store.open(cases.path) as other:
        other.history.act([2], Act.LABEL, LABEL_FALSE, actor="robin", at=NOW + 1)
        with pytest.raises(UndoError, match=r"#2 has been changed since \(label, label_reason\)") as caught:
            cases.history.undo(actor="kim", at=NOW + 2)
        assert caught.value.investigation == 2
        assert labels(cases)[:2] == ["true", "false"]
        assert len(cases.history.of(1)) == 1
        other.history.undo(actor="robin", at=NOW + 3)
    assert undone(cases.history.undo(actor="kim", at=NOW + 4)) == [1, 2]


def test_a_change_of_another_field_is_no_conflict(cases: Store) -> None:
    cases.history.act([1], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)
    cases.history.act([1], Act.PIN, {"pinned": True}, actor="robin", at=NOW)
    assert undone(cases.history.undo(actor="kim", at=NOW)) == [1]
    record = cases.investigations.get(1)
    assert record is not None
    assert record.pinned


@pytest.mark.parametrize(
    ("act", "values", "words"),
    [
        (Act.LABEL, LABEL_FALSE, ("kim labelled it false: noise", "kim undid, took the label off")),
        (
            Act.ACKNOWLEDGE,
            {"acknowledged_at": NOW, "acknowledged_by": "kim"},
            ("kim acknowledged it", "kim undid, gave it back"),
        ),
        (Act.SNOOZE, {"snoozed_until": NOW, "awaits_rollout": None}, ("kim snoozed it", "kim undid, ended the snooze")),
        (Act.CLOSE, {"closed_at": NOW}, ("kim closed it", "kim undid, opened it again")),
        (Act.PIN, {"pinned": True}, ("kim pinned it", "kim undid, unpinned it")),
    ],
)
def test_acts_can_be_read(cases: Store, act: Act, values: dict[str, object], words: tuple[str, ...]) -> None:
    cases.history.act([1], act, values, actor="kim", at=NOW)
    cases.history.undo(actor="kim", at=NOW)
    assert tuple(describe(line) for line in cases.history.of(1)) == words


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history SET actor = 'nobody'",
        "DELETE FROM history",
        "DELETE FROM history WHERE id = 1",
        "REPLACE INTO history SELECT * FROM history",
    ],
)
def test_history_is_append_only(cases: Store, statement: str) -> None:
    cases.history.act([1], Act.LABEL, LABEL_TRUE, actor="kim", at=NOW)
    before = cases.history.of(1)
    with (
        closing(sqlite3.connect(cases.path, isolation_level=None)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)
    assert cases.history.of(1) == before


LABELLINGS = st.tuples(st.sets(st.integers(1, 3), min_size=1), st.sampled_from(["true", "false", None]))


@given(st.lists(st.sampled_from(["undo", "redo"]) | LABELLINGS, max_size=14))
@settings(max_examples=30, deadline=None)
def test_undo_is_a_walk_through_the_states(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[str | tuple[set[int], str | None]]
) -> None:
    """Against the textbook: a list of states and a place in it."""
    with Store.open(tmp_path_factory.mktemp("walk") / "tocsin.db") as store:
        store.cycles.write(samples.update(*(samples.case(number) for number in range(1, 4))))
        states: list[list[str | None]] = [[None, None, None]]
        place = 0
        for at, wish in enumerate(wishes, int(NOW)):
            if wish == "undo":
                assert bool(store.history.undo(actor="kim", at=at)) == (place > 0)
                place = max(place - 1, 0)
            elif wish == "redo":
                assert bool(store.history.redo(actor="kim", at=at)) == (place < len(states) - 1)
                place = min(place + 1, len(states) - 1)
            elif isinstance(wish, tuple):
                ids, label = wish
                values = {"label": label, "label_reason": ""}
                if store.history.act(sorted(ids), Act.LABEL, values, actor="kim", at=at):
                    changed = [label if number in ids else old for number, old in enumerate(states[place], 1)]
                    states[place + 1 :] = [changed]
                    place += 1
            assert labels(store) == states[place]
