"""Evictions, autoscalers, Services, and the API server itself."""

import pytest

from detectors.cluster import Readiness
from detectors.model import Coverage, EntityType, Severity
from tests.detectors.states.objects import (
    NOW,
    at,
    cluster,
    deployment,
    event,
    found,
    healthy,
    judge,
    node,
    pod,
    replica_set,
)

# node-pressure-eviction-spike


def evicted(number=0, ago=60.0, where="n1", reason="Evicted", by="TerminationByKubelet", owner="web"):
    target = {"type": "DisruptionTarget", "status": "True", "reason": by, "lastTransitionTime": at(ago)}
    status = {"reason": reason, "message": "The node was low on resource: memory.", "conditions": [target]}
    return pod(number, phase="Failed", node=where, status=status, owner=owner)


def test_evictions_of_one_node_are_the_node_s_finding():
    (spike,) = judge(
        "node-pressure-eviction-spike", cluster([node(), *(evicted(i, 30 + i) for i in range(3))])
    ).observations
    assert (spike.entity.type, spike.entity.title, spike.observed) == (EntityType.NODE, "n1", 3)
    assert spike.onset == NOW - 32
    assert "low on resource: memory" in spike.facts[0].text


def test_evictions_of_one_workload_on_several_nodes_are_the_workload_s():
    state = cluster([deployment(), replica_set(), *(evicted(i, where=f"n{i}") for i in range(3))])
    assert found("node-pressure-eviction-spike", state) == ["prod/web"]


def test_an_eviction_is_dated_by_its_event_where_the_pod_does_not_say():
    old = [evicted(i, by="") for i in range(3)]
    told = [event("Evicted", {"name": f"web-aaaa-{i}", "uid": f"uid-prod-web-aaaa-{i}"}, 5000) for i in range(3)]
    assert found("node-pressure-eviction-spike", cluster([node(), *old, *told])) == []


@pytest.mark.parametrize(
    "pods",
    [
        [evicted(0)],
        [evicted(i, 7200) for i in range(9)],
        [evicted(i, reason="", by="EvictionByEvictionAPI") for i in range(9)],
        [evicted(i, reason="Preempting", by="PreemptionByScheduler") for i in range(9)],
        [evicted(i, where=f"n{i}", owner=f"w{i}") for i in range(3)],
    ],
    ids=["one", "left behind", "a drain", "preemption", "one here and there"],
)
def test_pods_that_end_otherwise_or_ended_long_ago_are_silent(pods):
    assert found("node-pressure-eviction-spike", cluster([node(), *pods])) == []


# hpa-at-maximum


def autoscaler(current=6, percent=100, ago=400.0, reason="TooManyReplicas", least=2, metrics=None):
    target = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    load = {"name": "cpu", "current": {"averageUtilization": percent}}
    limited = {"type": "ScalingLimited", "status": "True", "reason": reason, "lastTransitionTime": at(ago)}
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": least, "maxReplicas": 6}
    spec["metrics"] = [{"type": "Resource", "resource": target}] if metrics is None else metrics
    status = {"currentReplicas": current, "conditions": [limited]}
    status["currentMetrics"] = [{"type": "Resource", "resource": load}]
    meta = {"name": "web", "namespace": "prod"}
    return "horizontalpodautoscalers", {"metadata": meta, "spec": spec, "status": status}


def test_an_autoscaler_that_may_not_add_what_is_asked_for_is_found():
    (capped,) = judge("hpa-at-maximum", cluster([autoscaler()])).observations
    assert (capped.entity.kind, capped.entity.title) == ("HorizontalPodAutoscaler", "prod/web")
    assert capped.onset == NOW - 400
    assert "143 % of the target for cpu" in capped.facts[0].text


def test_half_as_much_again_does_not_have_to_last():
    assert found("hpa-at-maximum", cluster([autoscaler(percent=160, ago=30)])) == ["prod/web"]
    assert found("hpa-at-maximum", cluster([autoscaler(percent=160, ago=5)])) == []


def test_the_controller_is_believed_where_its_metrics_are_its_own():
    queue = [{"type": "External", "external": {"metric": {"name": "queue"}}}]
    assert found("hpa-at-maximum", cluster([autoscaler(percent=10, metrics=queue)])) == ["prod/web"]
    assert found("hpa-at-maximum", cluster([autoscaler(percent=10, metrics=queue, ago=100)])) == []


@pytest.mark.parametrize(
    "one",
    [
        autoscaler(percent=60),
        autoscaler(ago=60),
        autoscaler(reason="TooFewReplicas", current=2),
        autoscaler(current=5),
        autoscaler(least=6),
    ],
    ids=["below its target", "a short peak", "at its minimum", "still scaling", "pinned"],
)
def test_autoscalers_with_room_or_without_need_are_silent(one):
    assert found("hpa-at-maximum", cluster([one])) == []


# service-no-endpoints


def service(selector=None, age=3600.0, **spec):
    selector = {"app": "wbe"} if selector is None else selector
    meta = {"name": "web", "namespace": "prod", "creationTimestamp": at(age)}
    return "services", {"metadata": meta, "spec": {"selector": selector, "clusterIP": "10.0.0.1", **spec}}


def endpoints(ready=None):
    found = [] if ready is None else [{"addresses": ["10.1.0.1"], "conditions": {"ready": ready}}]
    meta = {"name": "web-x", "namespace": "prod", "labels": {"kubernetes.io/service-name": "web"}}
    return "endpointslices", {"metadata": meta, "endpoints": found}


def labelled(resource, name="web", **labels):
    kind, raw = resource
    template = {"metadata": {"labels": labels or {"app": "web"}}}
    return kind, {**raw, "spec": {**raw["spec"], "template": template}}


WEB = labelled(deployment())
READY = {"metadata": {"labels": {"app": "web", "pod-template-hash": "aaaa"}}}


def serving(number=0):
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": at(600)}
    return healthy(number, status={"conditions": [condition]}, metadata=READY["metadata"])


def test_a_service_that_points_past_its_workload_is_found():
    (lost,) = judge("service-no-endpoints", cluster([service(), endpoints(), WEB, serving()])).observations
    assert (lost.entity.kind, lost.entity.title) == ("Service", "prod/web")
    assert lost.severity is Severity.HIGH
    assert "nothing in prod carries app=wbe" in lost.facts[0].text


def test_a_service_whose_ready_pods_serve_no_port_of_it_is_found():
    state = cluster([service({"app": "web"}), endpoints(), WEB, serving()])
    (lost,) = judge("service-no-endpoints", state).observations
    assert "none serves a port" in lost.facts[0].text


def test_a_service_that_nobody_is_meant_to_serve_matters_little():
    kind, other = labelled(deployment("other"), app="other")
    (lost,) = judge("service-no-endpoints", cluster([service(), endpoints(), (kind, other)])).observations
    assert lost.severity is Severity.LOW


@pytest.mark.parametrize(
    "objects",
    [
        [service({"app": "web"}), endpoints(ready=True), serving()],
        [service(clusterIP="None"), endpoints()],
        [service(type="ExternalName", externalName="db.example.com", clusterIP="")],
        [service({}), endpoints()],
        [service({"app": "web"}), endpoints(), labelled(deployment(replicas=0))],
        [service({"app": "web"}), endpoints(ready=False), pod(0, metadata=READY["metadata"])],
        [service(age=30), endpoints()],
    ],
    ids=["served", "headless", "external", "without selector", "scaled to zero", "its pods all fail", "just made"],
)
def test_services_that_need_no_endpoints_or_whose_workload_fails_are_silent(objects):
    assert found("service-no-endpoints", cluster([WEB, *objects])) == []


# apiserver-not-ready


def answers(*told, every=15.0):
    last = None
    for number, ok in enumerate(told):
        ago = every * (len(told) - 1 - number)
        failed = ("etcd",) if ok is False else ()
        last = Readiness(NOW - ago, ok, failed, "" if ok else "HTTP 500").after(last)
    return cluster([], readyz=last)


@pytest.mark.parametrize(
    ("told", "every"), [((True, False, False, False), 10.0), ((False, False), 30.0)], ids=["three times", "for 30 s"]
)
def test_an_api_server_that_says_again_that_it_is_not_ready_is_found(told, every):
    (down,) = judge("apiserver-not-ready", answers(*told, every=every)).observations
    assert (down.entity.type, down.severity) == (EntityType.CLUSTER, Severity.CRITICAL)
    assert "etcd" in down.facts[0].text
    assert down.onset < NOW


@pytest.mark.parametrize(
    "told",
    [(True,), (False,), (True, False, False), (False, False, False, True), (False, False, True, False)],
    ids=["ready", "one answer", "two answers", "ready again", "now and then"],
)
def test_one_bad_answer_is_not_enough(told):
    result = judge("apiserver-not-ready", answers(*told, every=10.0))
    assert (result.coverage, result.observations) == (Coverage.LIVE, ())


def test_no_answer_and_an_old_one_say_nothing():
    assert judge("apiserver-not-ready", answers(False, False, False, None)).coverage is Coverage.NO_DATA
    old = answers(False, False, False)
    assert judge("apiserver-not-ready", old, NOW + 600).coverage is Coverage.NO_DATA
    assert judge("apiserver-not-ready", cluster([])).coverage is Coverage.NO_DATA
