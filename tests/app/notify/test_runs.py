"""From a crashing pod in a cluster to one message in Slack that turns green, through the run that a console has."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from app.clock import ManualClock
from app.opening import open_catalogue
from app.runs import LiveRun
from storage.database import Store
from tests.app.notify.slack_server import CHANNEL, TOKEN, SlackServer
from tests.app.rig import Rig, settings, wait_for
from tests.detectors.states.objects import NOW, deployment, ended, healthy, pod, replica_set, waiting
from tests.lab.kubernetes_api import KubernetesApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.settings.loading import LoadedSettings

CRASHED = waiting("CrashLoopBackOff", restarts=6, last=ended(60, code=2))
KINDS = {"deployments": ("apps/v1", "Deployment"), "replicasets": ("apps/v1", "ReplicaSet"), "pods": ("v1", "Pod")}


def put(api: KubernetesApi, *objects: tuple[str, dict[str, object]]) -> None:
    for name, raw in objects:
        version, kind = KINDS[name]
        api.store.put({"apiVersion": version, "kind": kind, **raw}, name)


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with KubernetesApi() as served:
        broken = deployment(replicas=1, unavailableReplicas=1)
        put(served, broken, replica_set("bbbb", age=7200), pod(0, CRASHED, revision="bbbb", age=7000))
        yield served


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    monkeypatch.setenv("SLACK_TOKEN", TOKEN)
    with SlackServer() as server:
        yield server
        assert server.faults == []


def loaded(folder: Path, api: KubernetesApi, slack: SlackServer) -> LoadedSettings:
    (folder / "config.toml").write_text(
        f'[notify.destinations.oncall]\nchannel = "{CHANNEL}"\ntoken_env = "SLACK_TOKEN"\napi = "{slack.url}/api/"\n'
    )
    return settings(folder, kubeconfig=api.kubeconfig(folder / "kubeconfig"), engine__interval_seconds="5")


@contextmanager
def running(given: LoadedSettings, store: Store, clock: ManualClock) -> Iterator[threading.Event]:
    """Cycles as fast as they are asked for by the event."""
    run = LiveRun(given, store, open_catalogue(given), clock, owner="me")
    stop, wake = threading.Event(), threading.Event()
    thread = threading.Thread(target=run.run, args=(stop, wake, lambda _: None))
    thread.start()
    try:
        yield wake
    finally:
        stop.set()
        wake.set()
        thread.join()
        run.close()


def test_a_crash_is_told_once_and_its_end_in_the_same_message(
    tmp_path: Path, api: KubernetesApi, slack: SlackServer
) -> None:
    clock, given = ManualClock(NOW, 1.0), loaded(tmp_path, api, slack)
    with Store.open(given.database) as store, running(given, store, clock) as wake:
        wait_for(lambda: slack.messages, lambda: f"nothing was posted: {store.outbox.listed()}")
        [(ts, posted)] = slack.messages.items()
        assert posted["text"].startswith("REAL P") and "prod/web" in posted["text"]
        put(api, deployment(replicas=1, readyReplicas=1, availableReplicas=1), healthy(0, revision="bbbb", age=7000))

        def over() -> bool:
            clock.set(clock.now() + 30)
            wake.set()
            return slack.messages[ts]["text"].startswith("RECOVERED")

        wait_for(over, lambda: f"still: {slack.messages[ts]['text']}")
    assert list(slack.messages) == [ts]


def test_a_second_run_on_the_same_store_posts_nothing_again(
    tmp_path: Path, api: KubernetesApi, slack: SlackServer
) -> None:
    given = loaded(tmp_path, api, slack)
    with Store.open(given.database) as store:
        with running(given, store, ManualClock(NOW, 1.0)):
            wait_for(lambda: [each for each in store.outbox.listed() if each.sent], "nothing was posted")
        with running(given, store, ManualClock(NOW + 60, 1.0)):
            at = store.cycles.last("lab")
            wait_for(lambda: store.cycles.last("lab") != at, "no second cycle")
    assert len(slack.messages) == 1


def test_a_single_cycle_that_nobody_delivers_leaves_nothing_to_be_told_later(
    tmp_path: Path, api: KubernetesApi, slack: SlackServer
) -> None:
    given = loaded(tmp_path, api, slack)
    with Store.open(given.database) as store, Rig(given, store, NOW, api) as rig:
        rig.cycle()
        assert any(case.verdict for case in store.investigations.open("lab"))
        assert store.outbox.listed() == ()
