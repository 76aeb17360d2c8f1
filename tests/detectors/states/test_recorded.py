"""The recorded incidents: each issue is found on its entity, nothing else is."""

import json

import pytest

from detectors.states import STATE_DETECTORS
from tests.detectors.states.objects import FIXTURES, judge, recorded

EXPECTED = {
    "healthy-baseline": {},
    "crashloop-expired-certificate": {
        ("pod-crashloopbackoff", "prod/payments-api"): "critical",
        ("events-backoff", "prod/payments-api"): "high",
    },
    "imagepull-tag-not-found": {
        ("pod-imagepullbackoff", "staging/web-frontend"): "medium",
        ("events-backoff", "staging/web-frontend"): "low",
    },
    "oomkilled-search": {
        ("pod-oomkilled", "prod/search-api"): "critical",
        ("events-backoff", "prod/search-api"): "high",
    },
    "node-notready": {("node-not-ready", "worker-3"): "critical"},
    # The new version crashes while three old pods serve: not an outage.
    "rollout-stuck-checkout": {
        ("rollout-stuck", "prod/checkout-api"): "high",
        ("pod-crashloopbackoff", "prod/checkout-api"): "medium",
        ("events-backoff", "prod/checkout-api"): "low",
    },
    "realtime-two-incidents": {
        ("pod-crashloopbackoff", "prod/payments-api"): "critical",
        ("events-backoff", "prod/payments-api"): "high",
        ("pod-imagepullbackoff", "staging/cart-api"): "medium",
        ("events-backoff", "staging/cart-api"): "low",
    },
    "job-failed-migration": {("job-failed", "prod/db-migrate-v43"): "high"},
    # The old pods serve.
    "missing-secret-auth": {("container-config-error", "prod/auth-api"): "medium"},
    # The pod that waits for the claim, and its StatefulSet, are consequences.
    "pvc-pending-storageclass": {("pvc-creation-failure", "prod/data-kafka-0"): "high"},
    "quota-exceeded-staging": {("quota-exceeded", "staging/cart-api"): "low"},
    "readiness-failing-cart": {
        ("pod-readiness-failing", "prod/cart-api"): "critical",
        ("probe-failure-spike", "prod/cart-api"): "high",
    },
    "hpa-at-maximum": {("hpa-at-maximum", "prod/checkout-api"): "medium"},
    "unschedulable-insufficient-cpu": {("events-failedscheduling", "prod/recommender"): "high"},
}


def test_every_recording_is_expected_here():
    assert {path.parent.name for path in FIXTURES.glob("*/truth.json")} <= set(EXPECTED)


@pytest.mark.parametrize("scenario", sorted(path.parent.name for path in FIXTURES.glob("*/truth.json")))
def test_what_happened_is_found_and_nothing_else(scenario):
    state = recorded(scenario)
    found = {}
    for row in STATE_DETECTORS:
        for each in judge(row, state).observations:
            found[row, each.entity.title] = each.severity.value
            assert each.score >= 1
            assert state.at - 1800 < each.onset <= state.at
            assert each.facts
            assert all(fact.source.startswith("kubectl --context lab ") for fact in each.facts)
    assert found == EXPECTED[scenario]


@pytest.mark.parametrize("scenario", ["crashloop-expired-certificate", "oomkilled-search", "realtime-two-incidents"])
def test_every_pod_of_the_truth_has_its_fact(scenario):
    truth = json.loads((FIXTURES / scenario / "truth.json").read_text())
    state = recorded(scenario)
    texts = "\n".join(f.text for row in STATE_DETECTORS for o in judge(row, state).observations for f in o.facts)
    for issue in truth["issues"]:
        for name in issue["pods"]:
            assert name.partition("/")[2] in texts


def test_the_real_time_crash_loop_is_dated_to_its_first_crash():
    (crash,) = judge("pod-crashloopbackoff", recorded("realtime-two-incidents")).observations
    assert 7 * 60 < recorded("realtime-two-incidents").at - crash.onset < 9 * 60
