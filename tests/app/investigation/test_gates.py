"""Every shared gate, on both sides: it applies where it should, and keeps still on what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from app.investigation.gates import ask_gates
from app.investigation.model import Clue, Clues, Noise
from detectors.cluster import Access, AccessStatus, Readiness
from detectors.model import Severity
from storage.records import Label, Lifecycle, Verdict
from tests.app.investigation.scenes import Answers, anomaly, case, entity, investigated, scene
from tests.detectors.states.objects import (
    LISTED,
    NOW,
    at,
    cluster,
    deployment,
    event,
    healthy,
    node,
    pod,
    replica_set,
    waiting,
)

CRASHING = waiting("CrashLoopBackOff", restarts=4)
SERVING = deployment(replicas=2, readyReplicas=2, availableReplicas=2, observedGeneration=0)


def outcome(where: Any, *clues: Clue, cause: str = "") -> Any:
    return ask_gates(where, Clues.of(clues), (), cause)


def applied(where: Any, *clues: Clue, cause: str = "") -> set[str]:
    return {record.id for record in outcome(where, *clues, cause=cause).records if record.passed}


def clue(name: str, holds: bool | None = True) -> Clue:
    return Clue(name=name, holds=holds, text=f"about {name}", source="")


class TestReal:
    def test_a_workload_without_any_replica(self):
        down = [deployment(replicas=2), replica_set(), pod(0, CRASHING), pod(1, CRASHING)]
        assert applied(scene(down, anomaly("pod-crashloopbackoff"))) >= {"R1", "R2"}

    def test_enough_replicas_are_no_reason(self):
        up = [SERVING, replica_set(), healthy(0), healthy(1)]
        assert not applied(scene(up, anomaly("http-server-5xx-spike"))) & {"R1", "R2"}

    def test_nobody_wants_replicas_of_a_workload_scaled_to_none(self):
        assert "R1" not in applied(scene([deployment(replicas=0)], anomaly("pod-crashloopbackoff")))

    @pytest.mark.parametrize(("ready", "ago", "real"), [(2, 600, True), (3, 600, False), (2, 60, False)])
    def test_less_than_three_quarters_for_two_minutes(self, ready, ago, real):
        objects = [deployment(replicas=4, readyReplicas=ready, availableReplicas=ready), replica_set()]
        objects += [healthy(n) for n in range(ready)] + [pod(n, CRASHING) for n in range(ready, 4)]
        assert ("R2" in applied(scene(objects, anomaly("pod-crashloopbackoff", ago=ago)))) is real

    @pytest.mark.parametrize(("times", "real"), [(1, False), (2, True)])
    def test_an_api_server_that_is_not_ready_twice(self, times, real):
        state = cluster([node()], readyz=Readiness(NOW, ok=False, times=times))
        where = scene(state, anomaly("apiserver-not-ready", entity("Cluster", "", "")))
        assert ("R4" in applied(where)) is real

    @pytest.mark.parametrize(("gate", "name"), [("R3", "impact.burning"), ("R5", "impact.data-at-risk")])
    def test_what_collectors_tell(self, gate, name):
        where = scene([SERVING, healthy(0), healthy(1)], anomaly("http-server-5xx-spike"))
        assert gate in applied(where, clue(name))
        assert gate not in applied(where, clue(name, holds=False))
        unknown = [r for r in outcome(where, clue(name, holds=None)).records if r.id == gate]
        assert [r.passed for r in unknown] == [None]


class TestHealed:
    objects = [SERVING, replica_set(), healthy(0), healthy(1)]

    def test_what_is_over_has_recovered(self):
        found = outcome(scene(self.objects, anomaly("http-server-5xx-spike", closed=NOW)))
        assert found.verdict is Verdict.RECOVERED

    def test_events_of_pods_that_are_well_and_quiet(self):
        about = healthy(0)[1]["metadata"]
        old = event("BackOff", {"name": about["name"], "uid": about["uid"]}, 1200, 700)
        assert outcome(scene([*self.objects, old], anomaly("events-backoff"))).verdict is Verdict.RECOVERED

    def test_not_while_events_come(self):
        about = healthy(0)[1]["metadata"]
        fresh = event("BackOff", {"name": about["name"], "uid": about["uid"]}, 1200, 60)
        assert outcome(scene([*self.objects, fresh], anomaly("events-backoff"))).verdict is None

    def test_not_while_a_pod_is_unwell(self):
        objects = [SERVING, replica_set(), healthy(0), pod(1, CRASHING)]
        assert outcome(scene(objects, anomaly("events-backoff"))).verdict is None

    def test_not_while_pods_are_missing(self):
        lacking = [deployment(replicas=4, readyReplicas=2, availableReplicas=2), *self.objects[1:]]
        assert outcome(scene(lacking, anomaly("quota-exceeded"))).verdict is None
        assert outcome(scene(self.objects, anomaly("quota-exceeded"))).verdict is Verdict.RECOVERED

    def test_numbers_are_not_healed_by_pods_that_are_ready(self):
        assert outcome(scene(self.objects, anomaly("http-server-5xx-spike"))).verdict is None

    def test_pods_that_may_not_be_read_heal_nothing(self):
        state = cluster([], access=LISTED | {"pods": Access(AccessStatus.FORBIDDEN)})
        assert outcome(scene(state, anomaly("events-backoff"))).verdict is None


class TestLeaving:
    def test_pods_that_are_being_deleted(self):
        gone = pod(2, waiting("CrashLoopBackOff"), metadata={"deletionTimestamp": at(30)})
        objects = [SERVING, replica_set(), healthy(0), healthy(1), gone]
        assert outcome(scene(objects, anomaly("pod-readiness-failing"))).verdict is Verdict.NOISE

    def test_pods_of_an_old_revision_beside_a_complete_new_one(self):
        objects = [SERVING, replica_set("aaaa", age=7200), replica_set("bbbb", age=900)]
        objects += [healthy(0, revision="bbbb"), healthy(1, revision="bbbb"), pod(0, CRASHING, revision="aaaa")]
        assert "N2" in applied(scene(objects, anomaly("pod-crashloopbackoff")))

    def test_pods_of_the_newest_revision_are_meant(self):
        objects = [SERVING, replica_set("aaaa", age=7200), replica_set("bbbb", age=900)]
        objects += [healthy(0), healthy(1), pod(0, CRASHING, revision="bbbb")]
        assert outcome(scene(objects, anomaly("pod-crashloopbackoff"))).verdict is None

    def test_errors_of_users_do_not_leave_with_a_pod(self):
        gone = pod(2, waiting("CrashLoopBackOff"), metadata={"deletionTimestamp": at(30)})
        objects = [SERVING, replica_set(), healthy(0), healthy(1), gone]
        assert outcome(scene(objects, anomaly("http-server-5xx-spike"))).verdict is None


class TestRolling:
    def rolling(self, fresh: dict[str, Any], age: float = 120.0, available: int = 2) -> Any:
        objects = [deployment(replicas=2, readyReplicas=2, availableReplicas=available)]
        objects += [replica_set("aaaa", age=7200), replica_set("bbbb", age=age), healthy(0), healthy(1)]
        return scene([*objects, pod(0, fresh, revision="bbbb")], anomaly("pod-readiness-failing", ago=90))

    def test_new_pods_that_start_are_waited_for(self):
        found = outcome(self.rolling({"name": "app", "state": {"running": {"startedAt": at(60)}}}))
        assert found.verdict is Verdict.INCONCLUSIVE
        assert "rollout" in found.reason

    def test_not_beyond_the_deadline(self):
        assert outcome(self.rolling({"name": "app", "state": {"running": {}}}, age=700)).verdict is None

    def test_not_for_pods_that_crash(self):
        assert outcome(self.rolling(CRASHING)).verdict is None

    def test_not_when_too_few_are_available(self):
        assert outcome(self.rolling({"name": "app", "state": {"running": {}}}, available=1)).verdict is None


class TestRolledBack:
    def objects(self, bad_age: float, *pods: Any) -> list[Any]:
        good, bad = replica_set("aaaa", age=7200), replica_set("bbbb", age=bad_age)
        good[1]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "9000000"
        return [SERVING, good, bad, *pods]

    def test_the_template_of_before_is_back(self):
        found = outcome(scene(self.objects(900, healthy(0), healthy(1)), anomaly("rollout-stuck")))
        assert found.verdict is Verdict.RECOVERED
        assert "rolled back" in found.reason

    def test_not_while_pods_are_unwell(self):
        where = scene(self.objects(900, healthy(0), pod(1, CRASHING)), anomaly("rollout-stuck"))
        assert outcome(where).verdict is None

    def test_a_rollback_of_last_week_explains_nothing(self):
        where = scene(self.objects(7000, healthy(0), healthy(1)), anomaly("rollout-stuck"))
        assert outcome(where).verdict is None


class TestJobs:
    def job(self, **status: Any) -> tuple[str, dict[str, Any]]:
        meta = {"name": "migrate", "namespace": "prod", "uid": "j", "creationTimestamp": at(900)}
        return "jobs", {"metadata": meta, "spec": {"backoffLimit": 3}, "status": status}

    def gates(self, **status: Any) -> Any:
        failed = pod(0, CRASHING, owner="migrate", revision="x", controller=("Job", "migrate"), phase="Failed")
        return outcome(scene([self.job(**status), failed], anomaly("pod-crashloopbackoff", entity("Job", "migrate"))))

    def test_a_complete_job(self):
        assert self.gates(failed=1, conditions=[{"type": "Complete", "status": "True"}]).verdict is Verdict.NOISE

    def test_a_job_that_may_try_again(self):
        assert self.gates(failed=1, active=1).verdict is Verdict.NOISE

    def test_a_job_that_gave_up(self):
        assert self.gates(failed=3, conditions=[{"type": "Failed", "status": "True"}]).verdict is None


class TestNodes:
    def gates(self, *nodes: Any, access: Any = None) -> Any:
        state = cluster(list(nodes), access=access or LISTED)
        return outcome(scene(state, anomaly("node-not-ready", entity("Node", "n1", ""))))

    @pytest.mark.parametrize(
        "leaving",
        [{"cordoned": True}, {"taints": ("ToBeDeletedByClusterAutoscaler",)}, {"deletionTimestamp": at(20)}],
        ids=["cordoned", "autoscaler", "deleted"],
    )
    def test_a_node_that_leaves(self, leaving):
        assert self.gates(node("n1", "Unknown", **leaving)).verdict is Verdict.NOISE

    def test_a_node_that_is_gone(self):
        assert self.gates(node("n2")).verdict is Verdict.NOISE

    def test_a_node_that_falls_silent(self):
        assert self.gates(node("n1", "Unknown", taints=("node.kubernetes.io/unreachable",))).verdict is None

    def test_nodes_that_may_not_be_read_are_not_gone(self):
        found = self.gates(access=LISTED | {"nodes": Access(AccessStatus.FORBIDDEN)})
        assert found.verdict is None
        assert [record.passed for record in found.records if record.id == "N6"] == [None]


class TestEcho:
    def surge(self, ready: str, elsewhere: int) -> Any:
        objects = [node("n1", ready), node("n2")]
        for number in range(10):
            place = "n2" if number < elsewhere else "n1"
            one = pod(number, CRASHING, node=place)
            objects += [
                one,
                event("Unhealthy", {"name": one[1]["metadata"]["name"], "uid": one[1]["metadata"]["uid"]}, 30),
            ]
        return outcome(scene(objects, anomaly("events-warning-cluster", entity("Cluster", "", ""))))

    def test_a_surge_of_one_node_that_is_not_ready(self):
        found = self.surge("False", 1)
        assert found.verdict is Verdict.NOISE
        assert "n1" in found.reason

    def test_a_surge_of_a_node_that_is_ready(self):
        assert self.surge("True", 1).verdict is None

    def test_a_surge_of_several_nodes(self):
        assert self.surge("False", 5).verdict is None


class TestFloorAndHabit:
    objects = [SERVING, replica_set(), healthy(0), healthy(1)]
    down = [deployment(replicas=2), replica_set(), pod(0, CRASHING), pod(1, CRASHING)]

    def past(self, number: int = 3, **more: Any) -> tuple[Any, ...]:
        closed = anomaly("pod-crashloopbackoff", ago=90000, closed=NOW - 80000)
        given: dict[str, Any] = {"onset": NOW - 90000, "ended": NOW - 80000, "lifecycle": Lifecycle.RECOVERED}
        return tuple(case(entity(), (closed,), 10 + n, **given | more) for n in range(number))

    def habit(self, past: tuple[Any, ...], objects: Any = None, causes: dict[int, str] | None = None) -> set[str]:
        where = scene(
            objects or self.objects, anomaly("pod-crashloopbackoff"), sources=Answers(past=past, causes=causes)
        )
        return applied(where)

    def test_below_the_floor(self):
        assert "N8" in applied(scene(self.objects, anomaly("http-server-5xx-spike")), clue("impact.below-floor"))

    def test_a_real_gate_takes_the_floor_away(self):
        assert "N8" not in applied(scene(self.down, anomaly("pod-crashloopbackoff")), clue("impact.below-floor"))

    def test_three_that_went_by_themselves(self):
        assert "N9" in self.habit(self.past())

    def test_three_labelled_false(self):
        assert "N9" in self.habit(self.past(label=Label.FALSE, acknowledged_at=NOW - 85000))

    @pytest.mark.parametrize(
        "past",
        [
            {"number": 2},
            {"severity": Severity.LOW},
            {"ended": NOW - 89900},
            {"onset": NOW - 9 * 86400},
            {"acknowledged_at": NOW - 85000},
            {"label": Label.TRUE},
        ],
        ids=["two only", "less severe", "shorter", "long ago", "somebody took it", "one was true"],
    )
    def test_what_is_no_habit(self, past):
        assert "N9" not in self.habit(self.past(**past))

    def test_another_cause_is_news(self):
        assert "N9" not in self.habit(self.past(), causes={10: "release", 11: "release", 12: "release"})

    def test_a_real_gate_takes_the_habit_away(self):
        assert "N9" not in self.habit(self.past(), objects=self.down)


class TestSilenceAndArtefact:
    objects = [SERVING, replica_set(), healthy(0), healthy(1)]

    def test_a_silence(self):
        where = scene(self.objects, anomaly("http-server-5xx-spike"), silence="silenced by ana until 12:00: deploy")
        assert outcome(where).verdict is Verdict.NOISE
        assert not applied(scene(self.objects, anomaly("http-server-5xx-spike")))

    def monitored(self, ago: float) -> Any:
        running = {"name": "prometheus", "state": {"running": {"startedAt": at(ago)}}}
        measuring = pod(0, running, owner="prometheus", revision="p", namespace="monitoring", ready=True)
        return [*self.objects, replica_set("p", "prometheus", "monitoring"), measuring]

    def test_numbers_that_began_when_the_server_started_are_not_believed(self):
        found = investigated(scene(self.monitored(610), anomaly("http-server-request-rate-drop"))).conclusion
        assert found.verdict is Verdict.INCONCLUSIVE
        assert "prometheus" in found.reason

    def test_a_server_that_started_an_hour_ago_is_believed(self):
        found = investigated(scene(self.monitored(3600), anomaly("http-server-request-rate-drop"))).conclusion
        assert "N11" not in {gate.id for gate in found.gates}

    def test_objects_do_not_depend_on_the_server(self):
        objects = [*self.monitored(610), pod(7, CRASHING)]
        found = investigated(scene(objects, anomaly("pod-crashloopbackoff"))).conclusion
        assert found.verdict is Verdict.REAL

    def test_one_signal_of_nearly_all_workloads_at_once(self):
        objects = [deployment(name) for name in ("a", "b", "c", "d", "e", "web")]
        others = tuple(anomaly("http-server-request-rate-drop", entity(name=n), number=9, case=9) for n in "abcde")
        where = scene(objects, anomaly("http-server-request-rate-drop"), related=others)
        assert investigated(where).conclusion.verdict is Verdict.INCONCLUSIVE
        few = scene(objects, anomaly("http-server-request-rate-drop"), related=others[:2])
        assert "N11" not in {gate.id for gate in investigated(few).conclusion.gates}


class TestOwnReasons:
    """What a class itself takes for noise."""

    OWN = Noise("nobody suffers from it", requires=("effect.none",), unless=("impact.errors", "impact.latency"))

    def told(self, *clues):
        where = scene([SERVING, replica_set(), healthy(0), healthy(1)], anomaly("http-server-5xx-spike"))
        return ask_gates(where, Clues.of(clues), (self.OWN,), "")

    def test_it_is_noise_where_nothing_speaks_against_it(self):
        found = self.told(clue("effect.none"), clue("impact.errors", False))
        assert (found.verdict, found.reason) == (Verdict.NOISE, self.OWN.title)

    @pytest.mark.parametrize("holds", [True, None], ids=["an effect", "an unknown one"])
    def test_an_effect_that_is_there_or_cannot_be_seen_keeps_it_from_being_noise(self, holds):
        found = self.told(clue("effect.none"), clue("impact.errors", False), clue("impact.latency", holds))
        assert found.verdict is None
        told = [(record.passed, record.text) for record in found.records if record.id == "class"]
        assert told == ([] if holds else [(None, "about impact.latency")])
