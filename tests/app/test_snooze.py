"""A snooze until the next rollout: ended by a newer revision, by nothing else, and not for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.clock import ManualClock
from app.rollouts import Rollout
from app.settings.schema import Settings
from app.tracking import Tracker
from app.triage import LONGEST_WAIT, Triage
from app.writing import Writer
from detectors.catalog import load
from detectors.model import Entity, EntityType
from storage.database import Store
from tests.storage.samples import CLUSTER, NOW, case, update

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "t.db") as opened:
        node = Entity(EntityType.NODE, CLUSTER, "", "Node", "worker-3")
        opened.cycles.write(update(case(1), case(2), case(3, entity=node)))
        yield opened


@pytest.fixture
def triage(store: Store) -> Triage:
    return Triage(store, ManualClock(NOW), "kim", "one")


def state(store: Store, number: int, at: float) -> str:
    found = store.investigations.get(number)
    assert found is not None
    return found.state(at)


def wake(store: Store, at: float, began: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout = None if began is None else Rollout(began, ())
    monkeypatch.setattr("app.writing.newest_rollout", lambda _, __: rollout)
    Writer(CLUSTER, store, load(), Settings(), Tracker(CLUSTER, 3, 60.0, 600.0), "").wake(None, at)


def test_a_newer_revision_ends_it(store: Store, triage: Triage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert triage.snooze_until_rollout([1]).message.startswith("snoozed until the next rollout, at most 30 d")
    for began in (None, NOW - 60):
        wake(store, NOW + 600, began, monkeypatch)
        assert state(store, 1, NOW + 600) == "snoozed"
    wake(store, NOW + 700, NOW + 650, monkeypatch)
    assert state(store, 1, NOW + 700) != "snoozed" and store.investigations.awaiting_rollout(CLUSTER) == ()


def test_a_snooze_for_a_time_is_not_ended_by_a_rollout(
    store: Store, triage: Triage, monkeypatch: pytest.MonkeyPatch
) -> None:
    triage.snooze_until_rollout([1, 2])
    triage.snooze([1], 900)
    wake(store, NOW + 60, NOW + 30, monkeypatch)
    assert (state(store, 1, NOW + 60), state(store, 2, NOW + 60)) == ("snoozed", case(2).state(NOW + 60))


def test_it_ends_by_itself_and_undo_takes_it_back(store: Store, triage: Triage) -> None:
    triage.snooze_until_rollout([1])
    assert (state(store, 1, NOW + LONGEST_WAIT - 1), state(store, 1, NOW + LONGEST_WAIT)) == (
        "snoozed", case(1).state(NOW),
    )  # fmt: skip
    assert triage.undo().ok and store.investigations.awaiting_rollout(CLUSTER) == ()


def test_what_has_no_rollouts_says_so(store: Store, triage: Triage) -> None:
    refused = triage.snooze_until_rollout([3])
    assert not refused.ok and "Deployment and Rollout only" in refused.message
    assert triage.snooze_until_rollout([1, 3]).ids == (1,)
