from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import pytest

from detectors.objects import Deployment, EndpointSlice, Event, Pod, RawEvent, ReplicaSet, decode, quantity, unix
from tests.lab.kubernetes_store import read_json

FIXTURES = Path(__file__).parents[1] / "fixtures" / "kubernetes"
SECRET = "hunter2-do-not-keep"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", 0.25),
        ("2", 2.0),
        (3, 3.0),
        ("512Mi", 512 * 2**20),
        ("1.5Gi", 1.5 * 2**30),
        ("30000000n", 0.03),
        ("1e3", 1000.0),
        ("10M", 1e7),
        ("1E", 1e18),
    ],
)
def test_quantities_are_in_base_units(text, value):
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "lots", "12 apples", "Mi"])
def test_what_is_no_quantity_is_not_a_number(text):
    assert math.isnan(quantity(text))


def test_times_of_both_precisions_and_none():
    assert unix("2026-11-20T08:00:00Z") == 1795161600.0
    assert unix("2026-11-20T08:00:00.250000Z") == 1795161600.25
    assert unix("2026-11-20T09:00:00+01:00") == 1795161600.0
    assert unix(None) is unix("") is unix("yesterday") is None


def test_an_object_without_a_creation_time_is_never_old_enough():
    pod = decode(Pod, b'{"metadata": {"name": "p"}}')
    assert not (1e12 - pod.metadata.created > 60)


POD = {
    "metadata": {
        "name": "web-0",
        "namespace": "shop",
        "uid": "u1",
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": SECRET,
            "metoro.io/anomaly-detection-disabled": "true",
            "internal.example.com/token": SECRET,
        },
        "managedFields": [{"manager": SECRET}],
    },
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "registry.example.com/web:1",
                "env": [{"name": "PASSWORD", "value": SECRET}],
                "command": ["sh", "-c", SECRET],
                "args": [SECRET],
                "livenessProbe": {
                    "httpGet": {"path": "/healthz", "port": "http", "httpHeaders": [{"name": "A", "value": SECRET}]},
                    "periodSeconds": 5,
                },
                "readinessProbe": {"exec": {"command": [SECRET]}},
            }
        ],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data-web-0"}}],
    },
}


def test_what_is_not_named_is_not_kept():
    pod = decode(Pod, json.dumps(POD).encode())
    assert SECRET not in repr(pod)
    assert SECRET.encode() not in msgspec.json.encode(pod)
    assert pod.metadata.annotations == {"metoro.io/anomaly-detection-disabled": "true"}
    probe = pod.spec.containers[0].liveness_probe
    assert probe is not None and probe.http_get is not None
    assert (probe.http_get.path, probe.http_get.port, probe.period_seconds) == ("/healthz", "http", 5)
    assert pod.spec.containers[0].readiness_probe is not None
    assert pod.spec.volumes[0].persistent_volume_claim.claim_name == "data-web-0"


def test_nulls_anywhere_are_as_good_as_nothing():
    raw = b"""{"metadata": {"name": "p", "labels": null, "annotations": null, "ownerReferences": null},
               "spec": {"containers": null, "volumes": null, "nodeName": null},
               "status": {"conditions": null, "containerStatuses": [null, {"name": "a", "state": null}]}}"""
    pod = decode(Pod, raw)
    assert pod.metadata.labels == {} and pod.spec.containers == ()
    assert [status.name for status in pod.status.container_statuses] == ["a"]


def test_a_service_without_endpoints_has_null_for_a_list():
    assert decode(EndpointSlice, b'{"metadata": {"name": "s"}, "endpoints": null}').endpoints is None


@pytest.mark.parametrize("raw", [b'{"metadata": {"name": 7}}', b"[]", b'"pod"', b'{"status": {"phase": {}}}'])
def test_another_shape_is_refused(raw):
    with pytest.raises(msgspec.ValidationError):
        decode(Pod, raw)


def test_argo_writes_its_generation_as_text():
    raw = b'{"metadata": {"name": "r", "generation": 4}, "status": {"observedGeneration": "4"}}'
    assert decode(Deployment, raw).settled


def test_revisions_are_numbers_of_either_controller():
    def revision(annotations: dict[str, str]) -> int:
        return decode(ReplicaSet, json.dumps({"metadata": {"annotations": annotations}}).encode()).revision

    assert revision({"deployment.kubernetes.io/revision": "12"}) == 12
    assert revision({"rollout.argoproj.io/revision": "3"}) == 3
    assert revision({"deployment.kubernetes.io/revision": "newest"}) == revision({}) == 0


def events(name: str) -> list[Event]:
    folder = FIXTURES / "crashloop-expired-certificate"
    file = next(folder.glob(f"{name}.json*"))
    return [decode(RawEvent, json.dumps(item).encode()).normalised() for item in read_json(file)["items"]]


def test_both_event_apis_say_the_same():
    core, new = events("events"), events("events.events.k8s.io")
    assert len(core) > 20
    assert {event.reason for event in core} >= {"BackOff", "Pulled"}
    assert sorted(core, key=lambda e: e.uid) == sorted(new, key=lambda e: e.uid)


def test_the_new_recorders_series_counts():
    raw = {
        "metadata": {"uid": "e", "creationTimestamp": "2026-11-20T08:00:00Z"},
        "eventTime": "2026-11-20T08:00:00.500000Z",
        "series": {"count": 5, "lastObservedTime": "2026-11-20T08:10:00.500000Z"},
        "reason": "FailedScheduling",
        "note": "0/5 nodes are available",
        "regarding": {"kind": "Pod", "name": "p", "uid": "u"},
        "reportingController": "default-scheduler",
    }
    event = decode(RawEvent, json.dumps(raw).encode()).normalised()
    assert (event.count, event.component, event.message) == (5, "default-scheduler", "0/5 nodes are available")
    assert event.last_seen - event.first_seen == 600.0
    assert event.regarding.name == "p"


def event(count: int, first: float, last: float, version: str = "1") -> Event:
    def at(seconds: float) -> str:
        return f"2026-11-20T08:{int(seconds) // 60:02d}:{int(seconds) % 60:02d}Z"

    raw = {
        "metadata": {"uid": "e", "resourceVersion": version},
        "count": count,
        "firstTimestamp": at(first),
        "lastTimestamp": at(last),
    }
    return decode(RawEvent, json.dumps(raw).encode()).normalised()


START = 1795161600.0


def test_one_occurrence_counts_once_in_its_window_only():
    single = event(1, 60, 60)
    assert single.between(START, START + 120) == 1.0
    assert single.between(START + 60, START + 120) == 0.0
    assert single.between(START, START + 59) == 0.0


def test_a_first_sight_of_many_is_spread_over_its_time():
    many = event(11, 0, 600)
    assert many.between(START - 1, START + 600) == pytest.approx(11.0)
    # Nine lie somewhere in ten minutes, one at either end.
    assert many.between(START + 300, START + 600) == pytest.approx(1 + 9 * 0.5)
    assert many.between(START + 600, START + 900) == 0.0


def test_occurrences_that_were_watched_have_their_own_times():
    seen = event(3, 0, 120)
    for count, last in ((4, 300), (5, 420)):
        seen = seen.followed_by(event(count, 0, last, version=str(count)))
    assert seen.between(START + 120, START + 420) == 2.0
    assert seen.between(START + 300, START + 420) == 1.0
    assert seen.count == 5


def test_an_edit_without_a_new_occurrence_counts_nothing():
    seen = event(3, 0, 120).followed_by(event(3, 0, 120, version="9"))
    assert seen.resource_version == "9"
    assert seen.between(START + 120, START + 900) == 0.0
    assert seen.between(START - 1, START + 900) == pytest.approx(3.0)


def test_history_is_bounded_by_time():
    seen = event(1, 0, 0)
    for minute in range(1, 59):
        seen = seen.followed_by(event(minute + 1, 0, minute * 60))
    assert len(seen.history) == 59
    late = msgspec.structs.replace(seen, count=100, last_seen=START + 6000.0)
    assert len(seen.followed_by(late).history) < 25
