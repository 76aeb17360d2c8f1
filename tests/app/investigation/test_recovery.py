"""A rollback: recovered only once its own signals are in band, one consistent statement until then, and no way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from app.investigation.container_causes import UNDO
from storage.records import AnomalyState, Priority, Verdict
from tests.app.investigation.playbooks.workloads import NEW, OLD, revision, spec
from tests.app.investigation.scenes import Answers, anomaly, investigated, scene
from tests.app.investigation.tracks import TIMES, requests, track
from tests.detectors.states.objects import NOW, deployment, healthy

if TYPE_CHECKING:
    from storage.records import AnomalyRecord, Conclusion

ERRORS = "http-server-5xx-spike"
SERVING = deployment(replicas=2, readyReplicas=2, availableReplicas=2)
FAILING, WELL = requests(share=(0.001, 0.19)), requests()


def taken_back(ago: float = 120.0) -> list[Any]:
    """Revision 2 came 700 s ago; the template before it is back as revision 3."""
    sets = revision(OLD, 3, spec(), 7200.0), revision(NEW, 2, spec(image="web:2"), 700.0)
    return [SERVING, *sets, *(healthy(number, revision=OLD, age=ago) for number in (0, 1))]


def released() -> list[Any]:
    """Revision 2 came 700 s ago and is there."""
    sets = revision(OLD, 1, spec(), 7200.0), revision(NEW, 2, spec(image="web:2"), 700.0)
    return [SERVING, *sets, *(healthy(number, revision=NEW, age=690.0) for number in (0, 1))]


def errors(**more: Any) -> AnomalyRecord:
    return anomaly(ERRORS, low=0.0, high=0.01, observed=0.19, **more)


def concluded(objects: list[Any], *anomalies: AnomalyRecord, numbers: Any = FAILING) -> Conclusion:
    sources = Answers(numbers={"server-error-spike": (numbers,), ERRORS: (numbers,)})
    return investigated(scene(objects, *anomalies, sources=sources)).conclusion


def undoes(found: Conclusion) -> bool:
    return any("rollout undo" in command for command in found.commands)


def test_while_requests_still_fail_it_recovers_and_is_not_over() -> None:
    before, after = concluded(released(), errors()), concluded(taken_back(), errors())
    assert (before.verdict, before.priority) == (Verdict.REAL, Priority.P2)
    assert (after.verdict, after.priority) == (Verdict.REAL, Priority.P3)
    assert "revision 2 was rolled back, recovering: 19 % of" in after.reason
    assert after.priority_reason.endswith("one step less while it recovers")
    assert "over" not in {after.priority_reason, *(gate.text for gate in after.gates), *after.impact}


def test_a_signal_out_of_band_is_enough_where_nobody_counts_requests() -> None:
    found = concluded(taken_back(), errors(), numbers=WELL)
    assert found.verdict is Verdict.REAL
    assert "19 %, expected 0-1 %" in found.reason


@pytest.mark.parametrize("more", [{"clean_passes": 1}, {"closed": NOW, "state": AnomalyState.CLOSED}])
def test_it_has_recovered_once_its_signals_are_in_band(more: dict[str, Any]) -> None:
    found = concluded(taken_back(), errors(last_seen=NOW - 180, **more), numbers=WELL)
    assert (found.verdict, found.priority_reason) == (Verdict.RECOVERED, "it is over")


def test_failures_of_before_do_not_fail_now() -> None:
    failed = np.where((NOW - 600 < TIMES) & (NOW - 120 > TIMES), 4.0, 0.0)[None, :]
    healed = track("server-error-spike", total=np.full((1, len(TIMES)), 20.0), errors=failed)
    over = concluded(taken_back(), errors(clean_passes=1, last_seen=NOW - 120), numbers=healed)
    assert over.verdict is Verdict.RECOVERED
    assert not any("fail now" in text for text in over.impact)
    lasting = concluded(taken_back(), errors(), numbers=healed)
    assert any("fail now" in text for text in lasting.impact)


def test_what_still_fails_is_never_over() -> None:
    closed = errors(closed=NOW, state=AnomalyState.CLOSED, last_seen=NOW - 240)
    found = concluded(taken_back(), closed)
    assert any("fail now" in text for text in found.impact)
    assert "fail now" in found.priority_reason


def test_a_signal_that_cannot_be_seen_has_not_recovered() -> None:
    held, easing = errors(state=AnomalyState.HELD), anomaly("http-server-latency-p95", number=2, clean_passes=1)
    found = concluded(taken_back(), held, easing, numbers=WELL)
    assert found.verdict is not Verdict.RECOVERED


def test_a_rollback_that_does_not_help_is_as_urgent_as_before() -> None:
    objects = taken_back(ago=1200.0)
    objects[2] = revision(NEW, 2, spec(image="web:2"), 1500.0)
    found = concluded(objects, errors(ago=1400.0))
    assert (found.verdict, found.priority) == (Verdict.REAL, Priority.P2)
    assert "not recovered after 20 minutes" in found.reason


def test_nobody_undoes_a_rollback() -> None:
    assert undoes(concluded(released(), errors()))
    assert not undoes(concluded(taken_back(), errors()))
    assert not undoes(concluded(taken_back(), errors(clean_passes=1, last_seen=NOW - 180), numbers=WELL))


def test_a_rollback_that_brought_it_about_can_be_undone() -> None:
    found = concluded(taken_back(ago=650.0), errors(ago=600.0))
    assert undoes(found)
    assert "recovering" not in found.reason


def test_a_line_that_is_cut_keeps_the_dry_run() -> None:
    assert UNDO.index("--dry-run=server") < UNDO.index("{kind}")
