"""Rollouts are followed: what cannot start fails at once, everything else is judged when its time has come."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from app.cli import main
from app.verification import FROM_SECONDS, UNTIL_SECONDS, Verifier, hard_failure, rollouts_of, summary
from storage.database import Store
from storage.records import Outcome
from tests.detectors.states.objects import NOW, at, cluster, deployment, ended, healthy, pod, replica_set, waiting

if TYPE_CHECKING:
    from pathlib import Path

    from detectors.cluster import ClusterState


def rolled(*new: tuple[str, dict[str, Any]], age: float = 120.0) -> ClusterState:
    return cluster([deployment(), replica_set(), replica_set("bbbb", age=age), healthy(0), *new])


GOOD = healthy(5, revision="bbbb", age=100.0)
CRASHING = pod(6, waiting("CrashLoopBackOff", restarts=3, last=ended(30)), revision="bbbb", age=100.0)
OLD_CRASHING = pod(6, waiting("CrashLoopBackOff", restarts=3, last=ended(30)), age=9000.0)


def test_a_newest_revision_of_late_is_a_rollout_and_an_old_or_only_one_is_none() -> None:
    [found] = rollouts_of(rolled(GOOD), NOW - 3600)
    assert (found.entity.name, found.hash, [each.name for each in found.new]) == ("web", "bbbb", ["web-bbbb-5"])
    assert not list(rollouts_of(rolled(GOOD, age=7200.0), NOW - 3600))
    assert not list(rollouts_of(cluster([deployment(), replica_set(age=120.0), healthy(0)]), NOW - 3600))


def test_new_pods_that_crash_fail_the_rollout_and_old_ones_do_not() -> None:
    [broken] = rollouts_of(rolled(CRASHING), NOW - 3600)
    assert "CrashLoopBackOff" in hard_failure(broken)
    [other] = rollouts_of(rolled(GOOD, OLD_CRASHING), NOW - 3600)
    assert hard_failure(other) == ""


def members(kind: str, *revisions: str, young: float = 100.0) -> ClusterState:
    """A workload whose pods belong to these revisions, one each; the newest ones are the youngest."""
    pods = []
    for number, revision in enumerate(revisions):
        age = young if revision == "new" else 9000.0
        image = [{"name": "app", "image": f"shop/db:{revision}"}]
        name, item = healthy(number, age=age, controller=(kind, "db"), containers=image)
        item["metadata"]["labels"] = {"controller-revision-hash": revision}
        pods.append((name, item))
    meta = {"name": "db", "namespace": "prod", "uid": "db", "creationTimestamp": at(90000.0)}
    status = {"updateRevision": "new"} if kind == "StatefulSet" else {}
    resource = {"StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}[kind]
    return cluster([(resource, {"metadata": meta, "spec": {"replicas": len(pods)}, "status": status}), *pods])


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_a_rollout_that_only_pods_tell_of(kind: str) -> None:
    [found] = rollouts_of(members(kind, "old", "old", "new"), NOW - 3600)
    assert (found.entity.kind, found.revision, found.began, len(found.new)) == (kind, "new", NOW - 100.0, 1)
    assert [change.text for change in found.changes] == ["image shop/db:old -> new"]
    assert not list(rollouts_of(members(kind, "new", "new"), NOW - 3600)), "nothing tells of another revision"
    assert not list(rollouts_of(members(kind, "old", "new", young=7200.0), NOW - 3600))


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
@pytest.mark.parametrize("again", [False, True], ids=["going on", "after a restart"])
def test_it_is_followed_to_its_end_though_the_old_pods_are_gone_and_a_new_one_was_replaced(
    store: Store, kind: str, again: bool
) -> None:
    follower = Verifier("lab", store)
    follower.follow(members(kind, "old", "old", "new"), None, NOW)
    follower = Verifier("lab", store) if again else follower
    done = members(kind, "new", "new", "new", young=20.0)
    for now in (NOW + 60, NOW - 100 + UNTIL_SECONDS):
        follower.follow(done, None, now)
    [known] = store.verifications.recent("lab")
    assert (known.outcome, known.began, known.change) == (Outcome.INSUFFICIENT, NOW - 100.0, "image shop/db:old -> new")


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "tocsin.db") as opened:
        yield opened


def test_a_hard_failure_is_stored_at_once_and_stays(store: Store) -> None:
    follower = Verifier("lab", store)
    follower.follow(rolled(CRASHING), None, NOW)
    [failed] = store.verifications.recent("lab")
    assert (failed.outcome, failed.at) == (Outcome.FAIL, NOW)
    assert "waits: CrashLoopBackOff" in summary(failed)
    Verifier("lab", store).follow(rolled(GOOD), None, NOW + 60)
    assert store.verifications.recent("lab") == (failed,)


def test_a_young_rollout_is_under_way_and_without_metrics_is_never_passed(store: Store) -> None:
    follower, told = Verifier("lab", store), []
    for now in (NOW, NOW + FROM_SECONDS, NOW + UNTIL_SECONDS):
        follower.follow(rolled(GOOD), None, now)
        [known] = store.verifications.recent("lab")
        told.append((known.outcome, known.reason))
    assert told == [
        (Outcome.UNDECIDED, "too early to say"),
        (Outcome.UNDECIDED, "its metrics cannot be read"),
        (Outcome.INSUFFICIENT, "its metrics cannot be read"),
    ]
    assert store.verifications.of(known.entity) == (known,)
    assert store.verifications.recent("other") == ()


def test_retention_forgets_old_verifications(store: Store) -> None:
    Verifier("lab", store).follow(rolled(CRASHING), None, NOW)
    store.retention.prune(NOW + 86400, days=30, label_days=30)
    assert store.verifications.recent("lab")
    store.retention.prune(NOW + 40 * 86400, days=30, label_days=30)
    assert not store.verifications.recent("lab")


def test_the_command_lists_them_as_text_and_json(tmp_path: Path) -> None:
    database = tmp_path / "tocsin.db"
    with Store.open(database) as store:
        Verifier("lab", store).follow(rolled(CRASHING), None, NOW)
    config = tmp_path / "config.toml"
    config.touch()

    def printed(*words: str) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert main(["verify", *words, "--config", str(config), "--db", str(database), "--no-kubernetes"]) == 0
        return out.getvalue()

    assert "prod/web" in printed()
    [line] = printed("--json").splitlines()
    found = json.loads(line)
    assert (found["schema"], found["verdict"], found["entity"]["name"]) == (1, "fail", "web")
    assert found["metrics"] == []
