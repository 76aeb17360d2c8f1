"""C18, C25 to C30: quotas, Jobs, autoscalers, Services, StatefulSets, the API server, and what tells no more."""

from __future__ import annotations

from typing import Any

import pytest

from app.investigation.collectors.contributions import NODE_LABELS
from detectors.cluster import Access, AccessStatus, Readiness
from detectors.model import Confidence
from storage.records import Priority, Verdict
from tests.app.investigation.scenes import Answers, anomaly, entity, investigated, scene
from tests.app.investigation.tracks import level, requests
from tests.detectors.states.objects import (
    LISTED,
    NOW,
    at,
    cluster,
    deployment,
    ended,
    event,
    healthy,
    node,
    pod,
    replica_set,
    waiting,
)


def concluded(signal: str, about: Any, *objects: Any, sources: Answers | None = None, **more: Any) -> Any:
    return investigated(scene(cluster(list(objects), **more), anomaly(signal, about), sources=sources)).conclusion


def ids(said: Any) -> list[str]:
    return [each.id for each in said.causes]


class TestQuota:
    FAILURE = {"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}]}

    def quota(self, pods: str = "20", cpu: str = "2") -> Any:
        meta = {"name": "team", "namespace": "prod", "uid": "q", "creationTimestamp": at(86400)}
        status = {"hard": {"pods": "20", "requests.cpu": "8"}, "used": {"pods": pods, "requests.cpu": cpu}}
        return "resourcequotas", {"metadata": meta, "status": status}

    def test_the_quota_that_is_used_up_is_named_with_its_limit(self):
        refused = event("FailedCreate", {"kind": "ReplicaSet", "uid": "web-aaaa", "name": "web-aaaa"}, 300, 30, 5)
        objects = [deployment(replicas=4, **self.FAILURE), replica_set(), healthy(0), self.quota(), refused]
        said = concluded("quota-exceeded", entity(), *objects)
        assert said.verdict is Verdict.REAL
        assert said.causes[0].title == "ResourceQuota team allows 20 pods in namespace prod, 20 are used"

    def test_what_one_more_pod_asks_for_counts(self):
        part = {"name": "app", "resources": {"requests": {"cpu": "1"}}}
        objects = [deployment(replicas=4), replica_set(), healthy(0, containers=[part])]
        assert (
            "requests.cpu" in concluded("quota-exceeded", entity(), *objects, self.quota("3", "7500m")).causes[0].title
        )
        assert not concluded("quota-exceeded", entity(), *objects, self.quota("3", "6")).causes

    def test_another_namespaces_quota_is_not_to_blame(self):
        kind, other = self.quota()
        other["metadata"]["namespace"] = "dev"
        assert not concluded("quota-exceeded", entity(), deployment(), replica_set(), healthy(0), (kind, other)).causes


class TestJob:
    def job(self, reason: str = "BackoffLimitExceeded", **spec: Any) -> Any:
        failed = {"type": "Failed", "status": "True", "reason": reason, "lastTransitionTime": at(600)}
        meta = {"name": "load", "namespace": "prod", "uid": "j", "creationTimestamp": at(1200)}
        return "jobs", {"metadata": meta, "spec": spec, "status": {"failed": 3, "conditions": [failed]}}

    def attempt(self, reason: str = "Error", code: int = 3) -> Any:
        status = {"name": "load", "state": ended(650, reason, code)}
        return pod(0, status, owner="load", controller=("Job", "load"), phase="Failed")

    def test_its_last_words_are_the_cause(self):
        logs = Answers(logs={"load-aaaa-0/load": "INFO starting\nERROR no such column"})
        said = concluded("job-failed", entity("Job", "load"), self.job(), self.attempt(), sources=logs)
        assert said.verdict is Verdict.REAL
        assert said.causes[0].confidence is Confidence.HIGH
        assert "no such column" in said.causes[0].title

    def test_without_a_log_the_exit_code_is_what_is_known(self):
        said = concluded("job-failed", entity("Job", "load"), self.job(), self.attempt())
        assert ids(said) == ["unexplained-exit"]
        assert said.verdict is Verdict.REAL

    def test_a_deadline_is_no_error_of_the_program(self):
        said = concluded("job-failed", entity("Job", "load"), self.job("DeadlineExceeded", activeDeadlineSeconds=60))
        assert said.causes[0].title == "Job load did not end within 60 s"

    def test_out_of_memory_is_told_apart(self):
        logs = Answers(logs={"load-aaaa-0/load": "loading"})
        objects = [self.job(), self.attempt("OOMKilled", 137)]
        objects[1][1]["spec"]["containers"] = [{"name": "load", "resources": {"limits": {"memory": "64Mi"}}}]
        assert (
            ids(concluded("job-failed", entity("Job", "load"), *objects, sources=logs))[0] == "memory-limit-too-small"
        )

    def test_a_job_that_completed_in_the_end_is_noise(self):
        kind, job = self.job()
        job["status"]["conditions"] = [{"type": "Complete", "status": "True"}]
        assert concluded("job-failed", entity("Job", "load"), (kind, job), self.attempt()).verdict is Verdict.NOISE


class TestAutoscaler:
    ABOUT = entity("HorizontalPodAutoscaler", "web")

    def scaler(self, current: int = 6, load: int = 180, active: str = "True") -> Any:
        meta = {"name": "web", "namespace": "prod", "uid": "h", "creationTimestamp": at(86400)}
        measure = {"type": "Resource", "resource": {"name": "cpu"}}
        target = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}
        measure["resource"]["current"] = {"averageUtilization": load}  # type: ignore[index]
        spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 6}
        limited = {
            "type": "ScalingLimited",
            "status": "True",
            "reason": "TooManyReplicas",
            "lastTransitionTime": at(900),
        }
        limited |= {} if current == 6 else {"status": "False", "reason": "DesiredWithinRange"}
        works = {
            "type": "ScalingActive",
            "status": active,
            "reason": "ValidMetricFound" if active == "True" else "Failed",
        }
        status = {"currentReplicas": current, "currentMetrics": [measure], "conditions": [limited, works]}
        return "horizontalpodautoscalers", {"metadata": meta, "spec": {**spec, "metrics": [target]}, "status": status}

    def pods(self) -> list[Any]:
        up = deployment(replicas=6, readyReplicas=6, availableReplicas=6)
        return [up, replica_set(), *(healthy(number) for number in range(6))]

    def test_a_load_beyond_the_maximum(self):
        said = concluded("hpa-at-maximum", self.ABOUT, *self.pods(), self.scaler())
        assert (said.verdict, said.causes[0].confidence) == (Verdict.REAL, Confidence.HIGH)
        assert said.causes[0].title == "CPU demand is above target (257%) and maxReplicas (6) is reached"

    def test_a_load_at_its_target_is_not_too_much(self):
        assert "maximum-too-low" not in ids(concluded("hpa-at-maximum", self.ABOUT, *self.pods(), self.scaler(load=70)))

    def test_an_autoscaler_below_its_maximum_is_not_limited(self):
        assert not ids(concluded("hpa-at-maximum", self.ABOUT, *self.pods(), self.scaler(current=4)))

    def test_without_metrics_it_cannot_know(self):
        said = concluded("hpa-at-maximum", self.ABOUT, *self.pods(), self.scaler(current=4, active="False"))
        assert ids(said) == ["no-metrics"]


class TestService:
    ABOUT = entity("Service", "web")

    def service(self, port: Any = "http", **selector: str) -> Any:
        meta = {"name": "web", "namespace": "prod", "uid": "s", "creationTimestamp": at(86400)}
        return "services", {
            "metadata": meta,
            "spec": {"selector": selector, "ports": [{"port": 80, "targetPort": port}]},
        }

    def labelled(self, **labels: str) -> list[Any]:
        kind, item = deployment(readyReplicas=2, availableReplicas=2)
        item["spec"]["template"] = {"metadata": {"labels": labels}}
        part = {"name": "app", "ports": [{"name": "http", "containerPort": 8080}]}
        more = {"metadata": {"labels": labels, "name": "web-aaaa-0"}, "containers": [part]}
        return [(kind, item), replica_set(), healthy(0, **more)]

    def test_a_selector_that_nothing_carries_names_the_nearest_miss(self):
        said = concluded("service-no-endpoints", self.ABOUT, self.service(app="wbe"), *self.labelled(app="web"))
        assert said.verdict is Verdict.REAL
        assert said.causes[0].id == "selector"
        assert "app=wbe" in said.causes[0].title
        assert "app=web" in said.causes[0].title

    def test_a_port_that_no_container_names(self):
        objects = [self.service("metrics", app="web"), *self.labelled(app="web")]
        assert ids(concluded("service-no-endpoints", self.ABOUT, *objects)) == ["port"]

    def test_a_selector_and_port_that_fit_are_not_blamed(self):
        objects = [self.service("http", app="web"), *self.labelled(app="web")]
        assert not ids(concluded("service-no-endpoints", self.ABOUT, *objects))


class TestStatefulSet:
    def set(self) -> Any:
        meta = {"name": "db", "namespace": "prod", "uid": "db", "creationTimestamp": at(86400)}
        return "statefulsets", {"metadata": meta, "spec": {"replicas": 1}, "status": {"readyReplicas": 0}}

    def member(self, *statuses: Any, **more: Any) -> Any:
        return pod(0, *statuses, owner="db", controller=("StatefulSet", "db"), **more)

    @pytest.mark.parametrize(("ready", "first"), [("Unknown", "node-lost"), ("True", "cannot-create")])
    def test_a_pod_on_a_lost_node(self, ready, first):
        said = concluded(
            "statefulset-degraded",
            entity("StatefulSet", "db"),
            self.set(),
            self.member(waiting("CreateContainerError")),
            node(ready=ready),
        )
        assert ids(said)[0] == first

    def test_a_claim_that_is_not_bound(self):
        meta = {"name": "data-db-0", "namespace": "prod", "uid": "c", "creationTimestamp": at(900)}
        claim = ("persistentvolumeclaims", {"metadata": meta, "status": {"phase": "Pending"}})
        volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "data-db-0"}}]
        waits = self.member(volumes=volumes, node="", phase="Pending")
        said = concluded("statefulset-degraded", entity("StatefulSet", "db"), self.set(), waits, claim)
        assert said.causes[0].title == "pod db-aaaa-0 waits for claim data-db-0, which is not bound"


class TestMissing:
    @pytest.mark.parametrize(
        ("objects", "first"),
        [
            ([deployment(), replica_set(), healthy(0, node="n1"), node(ready="Unknown")], "node-lost"),
            ([deployment(), replica_set(), pod(0, waiting("CreateContainerError")), node()], "pods-wait"),
            ([deployment(), replica_set(), node()], "no-pods"),
            ([deployment(), replica_set(), healthy(0), node()], "scrape"),
        ],
        ids=["node", "waits", "none", "ready"],
    )
    def test_who_is_silent_and_why(self, objects, first):
        assert ids(concluded("target-missing", entity(), *objects))[0] == first

    def test_a_workload_scaled_to_zero_has_nothing_to_tell(self):
        assert concluded("target-missing", entity(), deployment(replicas=0)).verdict is Verdict.NOISE


class TestApiServer:
    ABOUT = entity("Cluster", "lab", "")

    @pytest.mark.parametrize(
        ("failed", "first"), [("etcd", "etcd"), ("poststarthook/rbac", "starting"), ("shutdown", "check")]
    )
    def test_the_check_that_fails_names_the_component(self, failed, first):
        readyz = Readiness(NOW - 10, ok=False, failed=(failed,), since=NOW - 120, times=4)
        said = concluded("apiserver-not-ready", self.ABOUT, node(), readyz=readyz)
        assert (said.verdict, said.priority) == (Verdict.REAL, Priority.P1)
        assert ids(said)[0] == first

    def test_without_an_answer_no_check_is_blamed(self):
        refused = LISTED | {"/readyz": Access(AccessStatus.FORBIDDEN)}
        said = concluded("apiserver-not-ready", self.ABOUT, node(), access=refused)
        assert not said.causes
        assert any("/readyz" in text for text in said.unknown)

    @pytest.mark.parametrize(
        ("failed", "refused", "first", "others"), [(0.2, 0.0, "check", False), (0.0, 0.3, "overload", True)]
    )
    def test_its_own_numbers_tell_failures_from_refusals(self, failed, refused, first, others):
        numbers = {
            row: (requests(row, self.ABOUT, share=(0.0, share)),)
            for row, share in (("apiserver-errors", failed), ("apiserver-refusals", refused))
        }
        checks = ("shutdown",) if failed else ()
        readyz = Readiness(NOW - 10, ok=False, failed=checks, since=NOW - 120, times=4) if failed else None
        about = anomaly("apiserver-not-ready", self.ABOUT)
        found = investigated(scene(cluster([node()], readyz=readyz), about, sources=Answers(numbers=numbers)))
        assert found.conclusion.causes[0].id == first
        held = {line.clue: line.stance for line in found.lines if line.clue.startswith("api.")}
        assert {"api.errors", "api.overloaded", "api.answers-others"} <= held.keys()


class TestClusterDisks:
    SIGNAL = "cluster-disk-usage-spike"

    @pytest.mark.parametrize(("second", "cause"), [(0.5, "one-node"), (0.6, "all-nodes")])
    def test_who_holds_what_was_added_whatever_measures_it(self, second, cause):
        about = entity("Cluster", "lab", "")
        whole = level(self.SIGNAL, about, values=(0.5, 0.6), per=(2e12, 2e12))
        parts = tuple(
            level(self.SIGNAL, about, values=(0.5, share), per=(1e12, 1e12), part={"k8s_node_name": name})
            for name, share in (("n1", 0.7), ("n2", second))
        )
        sources = Answers(numbers={self.SIGNAL: (whole,)}, split={(self.SIGNAL, NODE_LABELS): parts})
        said = concluded(self.SIGNAL, about, node("n1"), node("n2"), sources=sources)
        assert cause in ids(said)
        assert ("n1" in said.causes[0].title) is (cause == "one-node")
