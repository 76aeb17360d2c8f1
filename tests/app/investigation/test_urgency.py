"""How urgent a case is while its containers come and go: raised at once, lowered only after a while; what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.investigation.model import Scope
from app.investigation.scope import scope_of
from detectors.cluster import Restart
from storage.records import Priority, Verdict
from tests.app.investigation.playbooks.workloads import NEW, OLD, revision, running, spec
from tests.app.investigation.scenes import Answers, anomaly, investigated, scene
from tests.app.investigation.tracks import requests
from tests.detectors.states.objects import NOW, cluster, deployment, ended, healthy, pod, replica_set, waiting

if TYPE_CHECKING:
    from storage.records import Conclusion

KILLED = waiting("CrashLoopBackOff", restarts=6, last=ended(60, "OOMKilled", 137))
THREE = range(3)


def between(ago: float = 60.0) -> dict[str, Any]:
    """A container that runs for a moment after it was killed."""
    return running(ready=True, since=ago - 20, restarts=6, lastState=ended(ago, "OOMKilled", 137))


def looping(ready: int, *, at: float = NOW, steady: int = 0) -> Any:
    """Three replicas killed for memory again and again, so many of which are ready at this moment."""
    objects = [deployment(replicas=3, readyReplicas=ready, availableReplicas=ready), replica_set()]
    objects += [healthy(n) for n in range(steady)]
    objects += [pod(n, between(), ready=True) for n in range(steady, ready)]
    objects += [pod(n, KILLED) for n in range(ready, 3)]
    seen = [Restart(at - ago, f"uid-prod-web-aaaa-{n}", "app", 1, "OOMKilled", 137) for ago in (400, 200, 60) for n in
            range(steady, 3)]  # fmt: skip
    return cluster(objects, restarts=tuple(seen))


def killed(**more: Any) -> Any:
    return anomaly("pod-oomkilled", **more)


def told(ready: int, *, later: float = 0.0, before: Conclusion | None = None, **more: Any) -> Conclusion:
    at = NOW + later
    return investigated(scene(looping(ready, at=at), killed(), now=at, before=before, **more)).conclusion


class TestPriority:
    def test_pods_that_are_ready_for_a_moment_do_not_lower_it(self):
        found, seen = None, []
        for later, ready in ((0, 3), (120, 0), (240, 3), (360, 1), (600, 3), (840, 2)):
            found = told(ready, later=later, before=found)
            seen.append(found.priority)
        assert seen == [Priority.P2, *[Priority.P1] * 5]

    def test_it_falls_once_nothing_was_as_urgent_for_a_quarter_of_an_hour(self):
        worst = told(0)
        kept = told(3, later=840, before=worst)
        assert kept.priority is Priority.P1
        assert "0 of 3 replicas ready, 14 minutes ago; now 3 of 3 replicas ready" in kept.priority_reason
        assert told(3, later=960, before=kept).priority is Priority.P2

    def test_a_first_look_at_a_lucky_moment_sees_the_restarts(self):
        found = told(3)
        assert (found.verdict, found.priority) == (Verdict.REAL, Priority.P2)
        assert "3 of 3 replicas ready, 3 of them between two restarts" in found.priority_reason

    def test_pods_that_have_stayed_up_are_ready(self):
        well = scene(looping(3, steady=3), killed())
        assert investigated(well).conclusion.priority is Priority.P3

    def test_one_restart_is_none_of_that(self):
        objects = [deployment(replicas=3, readyReplicas=3, availableReplicas=3), replica_set()]
        objects += [pod(n, between(), ready=True) for n in THREE]
        assert investigated(scene(objects, killed())).conclusion.priority is Priority.P3

    @pytest.mark.parametrize("change", [{"silence": "muted by kim: batch"}, {"closed": NOW}])
    def test_what_is_over_or_nothing_falls_at_once(self, change):
        worst = told(0)
        over = {key: change.pop(key) for key in tuple(change) if key == "closed"}
        after = investigated(scene(looping(3, steady=3), killed(**over), before=worst, **change)).conclusion
        assert after.priority >= Priority.P4

    def test_what_it_was_is_remembered_with_the_conclusion(self):
        found = told(3, later=60, before=told(0))
        assert [(each.at - NOW, each.priority) for each in found.urgency] == [(0, Priority.P1), (60, Priority.P2)]


class TestImpact:
    def said(self, *tracks: Any) -> str:
        sources = Answers(numbers={"server-error-spike": tracks}) if tracks else None
        return investigated(scene(looping(0), killed(), sources=sources)).conclusion.priority_reason

    def test_nobody_says_that_nobody_is_served_while_requests_succeed(self):
        text = self.said(requests(share=(0.0005, 0.00071)))
        assert "nobody" not in text
        assert text.startswith("0 of 3 replicas ready; 0.071 % of 6000 requests to prod/web fail now")

    def test_without_any_number_of_requests_it_says_so(self):
        assert self.said().startswith("nobody can be served: 0 of 3 replicas ready")


class TestScope:
    def test_every_pod_that_failed_since_it_began_counts(self):
        objects = [deployment(replicas=3, readyReplicas=2), replica_set(), pod(0, KILLED)]
        objects += [pod(n, between(ago), ready=True) for n, ago in ((1, 60), (2, 500))]
        assert scope_of(scene(objects, killed())) == (Scope.WORKLOAD, "all 3 pods")

    def test_what_failed_before_it_or_ended_well_does_not(self):
        done = running(ready=True, restarts=1, lastState=ended(60, "Completed", 0))
        objects = [deployment(replicas=3, readyReplicas=2), replica_set(), pod(0, KILLED)]
        objects += [pod(1, between(5000), ready=True), pod(2, done, ready=True)]
        assert scope_of(scene(objects, killed()))[0] is Scope.POD


class TestLostRequests:
    def drop(self, observed: float, **more: Any) -> Any:
        return anomaly("http-server-request-rate-drop", observed=observed, low=40.0, high=60.0, **more)

    def test_they_are_an_effect_as_long_as_they_are_missing(self):
        real = investigated(scene([], self.drop(8.0))).conclusion
        assert (real.verdict, real.priority) == (Verdict.REAL, Priority.P2)
        more = investigated(scene([], self.drop(14.0), before=real, now=NOW + 60)).conclusion
        assert (more.verdict, more.priority) == (Verdict.REAL, Priority.P2)

    def test_one_look_in_band_is_not_yet_the_end_of_it(self):
        real = investigated(scene([], self.drop(8.0))).conclusion
        easing = investigated(scene([], self.drop(8.0, clean_passes=1), before=real, now=NOW + 60)).conclusion
        assert (easing.verdict, easing.priority) == (Verdict.REAL, Priority.P2)
        assert "in band again" in easing.reason

    def test_what_never_was_real_does_not_become_so_by_easing(self):
        doubtful = investigated(scene([], self.drop(30.0))).conclusion
        assert doubtful.verdict is Verdict.INCONCLUSIVE
        easing = investigated(scene([], self.drop(30.0, clean_passes=1), before=doubtful)).conclusion
        assert easing.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("share", "priority", "why"),
    [((0.001, 0.2), Priority.P2, "failed in 5m"), ((0.001, 0.001), Priority.P3, "the old one still serves")],
)
def test_an_old_revision_that_serves_is_no_comfort_while_requests_burn(share, priority, why):
    sets = revision(OLD, 1, spec(), 7200.0), revision(NEW, 2, spec(image="web:2"), 700.0)
    pods = (*(healthy(number, revision=OLD) for number in (0, 1)), pod(2, KILLED, revision=NEW))
    objects = [deployment(replicas=2, readyReplicas=2, availableReplicas=2), *sets, *pods]
    numbers = requests(share=share)
    sources = Answers(numbers={"server-error-spike": (numbers,), "http-server-5xx-spike": (numbers,)})
    found = investigated(
        scene(objects, anomaly("http-server-5xx-spike", low=0.0, high=0.01, observed=0.2), sources=sources)
    ).conclusion
    assert (found.verdict, found.priority) == (Verdict.REAL, priority)
    assert why in found.priority_reason
