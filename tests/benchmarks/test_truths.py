"""Whether an answer says what a truth says: in other words yes, in other words about something else no."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.truths import Issue, Truth
from detectors.model import Confidence
from storage.records import CauseRecord

FIXTURES = Path(__file__).parents[1] / "fixtures" / "kubernetes"

ISSUE = Issue("pvc-pending", "critical", "PersistentVolumeClaim", "prod", "data-kafka-0", "", ())


def cause(title, *supports):
    return CauseRecord("any", title, 60, Confidence.HIGH, (), supports, ())


@pytest.mark.parametrize(
    ("stated", "told", "same"),
    [
        ("StorageClass fast-ssd does not exist", "storage class fast-ssd is missing", True),
        ("StorageClass fast-ssd does not exist", "storage class fast-ssd-2 is missing", False),
        ("StorageClass fast-ssd does not exist", "storage class slow-hdd does not exist", False),
        ("Secret prod/auth-signing-key does not exist", "Secret auth-signing-key is missing", True),
        ("Image tag 3.15.0-rc1 does not exist in the registry", "tag 3.15.0-rc2 does not exist in the registry", False),
        ("The kubelet stopped posting node status", "the kubelet of worker-3 posts no node status any more", True),
        ("The kubelet stopped posting node status", "the node is short of memory", False),
        ("Each pod requests 6 CPUs; the largest has less than 4", "each pod requests 6 CPUs, the largest has 4", True),
    ],
)
def test_names_must_be_there_and_enough_of_the_other_words(stated, told, same):
    assert replace(ISSUE, cause=stated).caused_by(cause(told)) is same


def test_of_a_symptom_and_what_brought_it_about_only_the_latter_counts():
    issue = replace(ISSUE, cause="The container exits with code 1: too many open files (see log)")
    assert not issue.caused_by(cause("the container exits with code 1"))
    assert issue.caused_by(cause("the container exits with code 1: accept: too many open files"))


def test_the_log_line_of_the_evidence_is_as_good_as_the_words_of_the_cause():
    issue = replace(ISSUE, cause="expired TLS trust of the gateway", evidence=("log line: x509: certificate expired",))
    assert issue.caused_by(cause("exits with code 2", "last line: x509: the certificate has expired"))


def test_a_cause_is_not_found_by_listing_everything():
    issue = replace(ISSUE, cause="StorageClass fast-ssd does not exist")
    others = ("no node is free", "the image is missing", "the Secret is missing")
    assert not issue.caused_by(cause("something is wrong", *others, "StorageClass fast-ssd does not exist"))
    assert not issue.caused_by(cause("something " * 70 + "StorageClass fast-ssd does not exist"))


@pytest.mark.parametrize(
    ("forbidden", "claim", "hit"),
    [
        ("a bad rollout: the pod template is unchanged", "Deployment prod/pay: revision 3 fails", True),
        ("a bad rollout: the pod template is unchanged", "Deployment prod/pay: exits with code 2", False),
        ("an outage of checkout-api: three old pods", "Deployment prod/checkout-api: the workload is down", True),
        ("an outage of checkout-api: three old pods", "Deployment prod/cart-api: the workload is down", False),
        ("a shortage of CPU or memory on the nodes", "insufficient cpu: no node has enough memory", True),
        ("the older Job db-migrate-v42, which completed", "Job prod/db-migrate-v43: Job failed", False),
        ("the older Job db-migrate-v42, which completed", "Job prod/db-migrate-v42: Job failed", True),
    ],
)
def test_what_must_not_be_reported_is_found_in_claims(forbidden, claim, hit):
    assert bool(Truth("any", (), (forbidden,)).forbidden([claim])) is hit


@pytest.mark.parametrize("folder", sorted(path.parent for path in FIXTURES.glob("*/truth.json")), ids=lambda p: p.name)
def test_every_stated_cause_agrees_with_itself_and_with_no_other_incidents(folder):
    truths = [Truth.read(path.parent) for path in FIXTURES.glob("*/truth.json")]
    mine = Truth.read(folder)
    assert len(mine.issues) == len(json.loads((folder / "truth.json").read_text())["issues"])
    for issue in mine.issues:
        assert issue.caused_by(cause(issue.cause))
        others = [other for truth in truths for other in truth.issues if other.cause != issue.cause]
        assert [other.cause for other in others if issue.caused_by(cause(other.cause))] == []
