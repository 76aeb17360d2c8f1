from __future__ import annotations

import ast
import threading
import time
from pathlib import Path

import pytest

import app.sources.kubernetes
from app.clock import ManualClock
from app.sources.base import SourceError, Trouble
from app.sources.kubernetes import KubernetesClient, KubernetesSource
from app.sources.kubernetes.resources import RESOURCES
from app.sources.kubernetes.watch import Pace
from detectors.cluster import AccessStatus
from tests.app.sources.kubernetes.conftest import BRISK, NOW, pod, until
from tests.lab.kubernetes_api import KubernetesApi

ALLOWED = ("pods", "services", "events", "namespaces", "endpointslices", "persistentvolumeclaims")


def refused() -> tuple[str, ...]:
    """What the recorded service account `console-readonly` may not list."""
    return tuple(each.name for each in RESOURCES if each.name not in ALLOWED and each.name != "rollouts")


def test_a_nearly_blind_account_sees_what_it_may_and_says_what_it_may_not(api, connect):
    api.put(pod("a"))
    api.forbid(*refused(), "events.events.k8s.io")
    state = connect().state(0)
    assert state.readable(*ALLOWED)
    assert len(state.pods) == 1
    for name in refused():
        access = state.access[name]
        assert access.status is AccessStatus.FORBIDDEN, name
        assert "cannot list resource" in access.detail


def test_where_the_cluster_may_not_be_listed_the_namespaces_are(api, connect):
    api.put(pod("a", "prod"))
    api.put(pod("b", "staging"))
    api.put(pod("c", "secret"))
    api.forbid("pods", but_in=("prod", "staging"))
    source = connect(namespaces=("prod", "staging", "secret"))
    state = source.state(0)
    assert {each.name for each in state.pods.values()} == {"a", "b"}
    access = state.access["pods"]
    assert (access.status, access.namespaces) == (AccessStatus.LISTED, ("prod", "staging"))
    assert "cannot list" in access.detail
    api.put(pod("d", "staging"))
    api.delete(pod("a", "prod"))
    until(source, lambda s: {each.name for each in s.pods.values()} == {"b", "d"})


def test_the_contexts_own_namespace_is_tried_without_a_setting(api, connect):
    api.put(pod("a", "team"))
    api.forbid("pods", but_in=("team",))
    state = connect(namespace="team").state(0)
    assert state.access["pods"].namespaces == ("team",)
    assert len(state.pods) == 1


def test_health_version_and_metrics(api, connect):
    api.put(
        {
            "apiVersion": "metrics.k8s.io/v1beta1",
            "kind": "NodeMetrics",
            "metadata": {"name": "n"},
            "usage": {"cpu": "1"},
        }
    )
    source = connect(clock=ManualClock(77.0))
    state = until(source, lambda s: s.readyz and s.version)
    assert (state.readyz.ok, state.readyz.at, state.version) == (True, 77.0, "v1.36.2")
    assert state.node_metrics["n"].usage == {"cpu": "1"}
    api.readyz = (500, "[+]ping ok\n[-]etcd failed: reason withheld\n[-]shutdown failed: reason withheld\n")
    state = until(source, lambda s: s.readyz.ok is False)
    assert state.readyz.failed == ("etcd", "shutdown")


def test_health_that_may_not_be_asked_is_unknown(api, connect):
    api.forbid("/readyz")
    state = until(connect(), lambda s: "/readyz" in s.access)
    assert state.access["/readyz"].status is AccessStatus.FORBIDDEN
    assert state.readyz is None or state.readyz.ok is None


def test_logs(api, connect):
    api.put(pod("web"))
    api.set_log("prod", "web", "app", "1\n2\n3\n4\n")
    api.set_log("prod", "web", "app", "old\n", previous=True)
    source = connect()
    assert source.log("prod", "web", "app", lines=2).lines == ("3", "4")
    assert source.log("prod", "web", "app", previous=True).lines == ("old",)
    assert "not valid" in source.log("prod", "web", "nope").refusal
    assert source.log("prod", "gone", "app").refusal == 'pods "gone" not found'
    api.forbid("pods/log")
    with pytest.raises(SourceError) as caught:
        source.log("prod", "web", "app")
    assert caught.value.trouble is Trouble.FORBIDDEN


@pytest.mark.parametrize("name", ["..", "../../../apis", "a/b", "a?x=1", "a#b", "a%2Fb", "\x1b[31m[red]", "", "A"])
def test_hostile_names_never_become_part_of_a_url(api, connect, name):
    api.put(pod(name, message="\x1b]0;owned\x07"))
    source = connect()
    assert source.state(NOW).pod_named("prod", name) is not None
    asked = len(api.requests)
    assert source.log("prod", name, "app").refusal
    assert source.log(name, "a", "app").refusal
    assert not [path for _, path in api.requests[asked:] if "/log" in path]


def test_a_containers_name_stays_a_parameter(api, connect):
    api.set_log("prod", "web", "app&previous=true", "line\n")
    assert connect().log("prod", "web", "app&previous=true").lines == ("line",)


def test_bytes_that_are_no_text_are_shown_as_such(api, connect):
    api.set_log("prod", "web", "app", "caf\u00e9 \ud7ff\n")
    assert connect().log("prod", "web", "app").lines == ("caf\u00e9 \ud7ff",)


def test_only_get_is_ever_sent(api, connect):
    api.put(pod("a"))
    source = connect()
    source.log("prod", "a", "app")
    until(source, lambda s: s.readyz)
    assert {method for method, _ in api.requests} == {"GET"}


def test_nothing_but_get_can_be_sent():
    """The one call into the connection pool has its verb written out."""
    calls = []
    for file in Path(app.sources.kubernetes.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in ("request", "urlopen", "request_encode_url", "request_encode_body"):
                    calls.append((file.name, ast.literal_eval(node.args[0])))
                assert node.func.attr not in ("call_api", "post", "put", "patch", "delete"), file.name
    assert set(calls) == {("client.py", "GET")}


def test_a_source_closes_at_once(api, connect):
    source = connect(pace=Pace())
    begun = time.monotonic()
    source.close()
    assert time.monotonic() - begun < 1.0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("kubernetes ")]


def test_an_api_that_is_not_there_is_told_without_waiting(tmp_path):
    api = KubernetesApi()
    config = api.kubeconfig(tmp_path / "kubeconfig")
    api.start()
    api.stop()
    source = KubernetesSource(KubernetesClient(str(config)), pace=BRISK)
    source.start()
    try:
        assert not source.wait_ready(30)
        assert "refused the connection" in source.state(0).access["pods"].detail
    finally:
        source.close()


def test_a_slow_api_is_not_ready_in_no_time(api, connect):
    assert not connect(ready=False).wait_ready(0.0)


def test_a_context_that_does_not_exist_is_told_at_once(tmp_path):
    config = KubernetesApi().kubeconfig(tmp_path / "kubeconfig")
    with pytest.raises(SourceError) as caught:
        KubernetesSource(KubernetesClient(str(config), "production"))
    assert "it has lab" in caught.value.message
