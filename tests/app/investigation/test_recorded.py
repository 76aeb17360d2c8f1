"""Recorded incidents: what their case comes to, with the cluster's words and without any."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from detectors.states import STATE_DETECTORS
from tests.app.investigation.playbooks.workloads import blank, causes, first
from tests.app.investigation.scenes import ROWS, Answers, anomaly, investigated, scene
from tests.detectors.states.objects import FIXTURES, KINDS, cluster

if TYPE_CHECKING:
    from app.investigation.pipeline import Investigation
    from detectors.cluster import ClusterState


def objects(scenario: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name in KINDS:
        for file in (FIXTURES / scenario).glob(f"{name}.json*"):
            raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            found += [(name, item) for item in json.loads(raw)["items"]]
    return found


def logs(scenario: str) -> dict[str, str]:
    found = {}
    for file in (FIXTURES / scenario / "logs").glob("*.txt"):
        _, pod, container = file.name.removesuffix(".txt").removesuffix(".previous").split("__")
        found[f"{pod}/{container}{'/previous' if '.previous' in file.name else ''}"] = file.read_text()
    return found


def case(state: ClusterState, workload: str, answers: Answers, read: ClusterState | None = None) -> Investigation:
    """The case of one workload, with everything that the rows about objects say of it; `read` is what it may read."""
    seen = [
        anomaly(row, each.entity, number=number, onset=each.onset)
        for number, row in enumerate(sorted(STATE_DETECTORS), 1)
        for each in STATE_DETECTORS[row](state, ROWS[row], state.at).observations
        if each.entity.name == workload
    ]
    return investigated(scene(read or state, *seen, sources=answers, now=state.at))


RECORDED = [
    ("crashloop-expired-certificate", "payments-api", "certificate", "x509: certificate has expired"),
    ("imagepull-tag-not-found", "web-frontend", "image-not-found", "3.15.0-rc1"),
    ("oomkilled-search", "search-api", "memory-limit-too-small", "512Mi"),
    ("missing-secret-auth", "auth-api", "missing-reference", "Secret auth-signing-key does not exist"),
    ("readiness-failing-cart", "cart-api", "not-ready", "status 503: redis pool exhausted"),
    ("rollout-stuck-checkout", "checkout-api", "release", "FEATURE_FLAGS_URL is not set"),
    ("realtime-two-incidents", "payments-api", "descriptors", "too many open files"),
    ("realtime-two-incidents", "cart-api", "image-not-found", "1.5.0-beta"),
]


@pytest.mark.parametrize(("scenario", "workload", "cause", "words"), RECORDED)
def test_the_true_cause_comes_first_and_is_sure(scenario, workload, cause, words):
    found = case(cluster(objects(scenario), at=None), workload, Answers(logs(scenario)))
    assert causes(found)[0] == (cause, "high")
    assert words in first(found)


@pytest.mark.parametrize(
    ("scenario", "workload", "cause"),
    [
        ("imagepull-tag-not-found", "web-frontend", "image-new"),
        ("oomkilled-search", "search-api", "memory-limit-too-small"),
        ("missing-secret-auth", "auth-api", "new-reference"),
        ("readiness-failing-cart", "cart-api", "probe-fails"),
        ("rollout-stuck-checkout", "checkout-api", "release"),
        ("realtime-two-incidents", "payments-api", "unexplained-exit"),
    ],
)
def test_fields_alone_lead_to_the_same_object(scenario, workload, cause):
    state = cluster(objects(scenario), at=None)
    silent = cluster(blank(objects(scenario)), at=state.at)
    told, untold = (case(state, workload, Answers(), each) for each in (state, silent))
    assert causes(untold)[0][0] == cause
    assert untold.conclusion.verdict is told.conclusion.verdict


def test_an_unchanged_workload_has_no_rollout_on_its_timeline():
    found = case(cluster(objects("crashloop-expired-certificate"), at=None), "payments-api", Answers())
    assert "release" in {each.id for each in found.conclusion.ruled_out}
    assert not [entry for entry in found.changes if entry.kind == "rollout"]
