"""Objects that lack what the API always sets: nothing breaks, and what is found has a time."""

from math import isfinite

import pytest

from detectors.states import STATE_DETECTORS
from tests.detectors.states.objects import KINDS, cluster, event, judge


def sparse(kind, name, **parts):
    return kind, {"metadata": {"name": name, "namespace": "prod", "uid": name}, **parts}


def condition(kind, status, reason=""):
    return {"conditions": [{"type": kind, "status": status, "reason": reason}]}


UNREADY = {
    "phase": "Running",
    "conditions": [
        {"type": "Ready", "status": "False"},
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"},
    ],
    "containerStatuses": [
        {"name": "a", "state": {"running": {}}},
        {"name": "b", "state": {"waiting": {"reason": "CreateContainerConfigError"}}},
    ],
}
CONTAINER = {"name": "a", "readinessProbe": {"periodSeconds": 0}, "resources": {"requests": {"cpu": "lots"}}}
CAPPED = {
    "currentReplicas": 3,
    "currentMetrics": [{"type": ""}],
    **condition("ScalingLimited", "True", "TooManyReplicas"),
}
SPARSE = [
    *(sparse(kind, f"bare-{kind}") for kind in KINDS),
    sparse("pods", "unready", spec={"containers": [CONTAINER]}, status=UNREADY),
    sparse("pods", "idle", spec={"containers": [CONTAINER]}, status={**UNREADY, "containerStatuses": [{"name": "a"}]}),
    sparse("horizontalpodautoscalers", "capped", spec={"maxReplicas": 3, "metrics": [{}]}, status=CAPPED),
    sparse("jobs", "failed", status=condition("Failed", "True")),
    sparse("persistentvolumeclaims", "lost", status={"phase": "Lost"}),
    sparse("persistentvolumes", "failed", status={"phase": "Failed"}),
    sparse("statefulsets", "short", spec={"replicas": 2}),
    sparse("deployments", "stuck", status=condition("Progressing", "False", "ProgressDeadlineExceeded")),
    sparse("services", "nowhere", spec={"selector": {"a": "b"}, "clusterIP": "1.2.3.4"}),
    *(
        event(reason, about, 200, 5, 9)
        for reason in ("Unhealthy", "BackOff", "FailedMount", "FailedScheduling", "FailedCreate", "Evicted")
        for about in ({"name": "unready", "uid": "unready"}, {"kind": "", "namespace": "", "uid": ""})
    ),
]


@pytest.mark.parametrize("row", sorted(STATE_DETECTORS))
def test_nothing_breaks(row):
    for each in judge(row, cluster(SPARSE)).observations:
        assert isfinite(each.onset)
        assert isfinite(each.score)


def test_what_needs_no_time_is_found_all_the_same():
    assert {o.entity.name for o in judge("pvc-unhealthy", cluster(SPARSE)).observations} == {"lost", "failed"}
    assert [o.entity.name for o in judge("rollout-stuck", cluster(SPARSE)).observations] == ["stuck"]
