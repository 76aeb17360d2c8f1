"""C1 to C3: every cause is named for its fault, and not for what looks like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from app.call_graph import CallGraph
from app.investigation.collectors.splits import POD, ROUTE, VERSION
from detectors.model import Confidence, Views
from storage.records import Outcome, Priority, Verdict, VerificationRecord
from tests.app.investigation.scenes import Answers, anomaly, entity, investigated, scene
from tests.app.investigation.tracks import latency, level, requests, workload
from tests.app.test_consequences import graph
from tests.detectors.states.objects import NOW, deployment, healthy, node, replica_set

if TYPE_CHECKING:
    from app.investigation.readings import Track
    from storage.records import AnomalyRecord, Conclusion

ERRORS, SLOW, DROP, SURGE = (
    "http-server-5xx-spike",
    "http-server-latency-p95",
    "http-server-request-rate-drop",
    "http-server-request-rate-surge",
)
FAILING = requests(share=(0.001, 0.2))
WELL = requests()
QUICK, LATE = latency(), latency(bucket=(1, 4))
OBJECTS = [
    deployment(replicas=2, readyReplicas=2, availableReplicas=2),
    replica_set(),
    *(healthy(number, node=f"n{number}") for number in (0, 1)),
    node("n0"),
    node("n1"),
]
ROLLED = [*OBJECTS, replica_set("bbbb", age=700.0), *(healthy(number, revision="bbbb", age=650.0) for number in (0, 1))]
CALLS = graph(("web", "store"), ("gate", "web"))


def pods(row: str, *, bad: tuple[str, ...], names: tuple[str, ...] = ("web-aaaa-0", "web-aaaa-1")) -> tuple[Track, ...]:
    return tuple(
        requests(row, share=(0.001, 0.4 if name in bad else 0.001), rate=(10.0, 10.0), part={"pod": name})
        for name in names
    )


def errors(**more: Any) -> AnomalyRecord:
    return anomaly(ERRORS, low=0.0, high=0.01, observed=0.2, **more)


def slow(signal: str = SLOW, **more: Any) -> AnomalyRecord:
    return anomaly(signal, low=0.0, high=0.2, observed=0.7, **more)


def concluded(
    *anomalies: AnomalyRecord,
    objects: Any = None,
    numbers: dict[str, tuple[Track, ...]] | None = None,
    split: dict[Any, tuple[Track, ...]] | None = None,
    verified: tuple[VerificationRecord, ...] = (),
    **more: Any,
) -> Conclusion:
    numbers = {"server-error-spike": (FAILING,), ERRORS: (FAILING,), "server-latency-p90": (QUICK,)} | (numbers or {})
    sources = Answers(numbers=numbers, split=split, verified=verified)
    at = scene(objects or OBJECTS, *anomalies, sources=sources, **{"graph": CALLS} | more)
    return investigated(at).conclusion


def ids(found: Conclusion) -> list[str]:
    return [cause.id for cause in found.causes]


def test_an_effect_makes_it_real_and_its_lack_does_not() -> None:
    assert concluded(errors()).verdict is Verdict.REAL
    calm = concluded(errors(), numbers={"server-error-spike": (WELL,)})
    assert calm.verdict is Verdict.INCONCLUSIVE


def test_too_few_requests_are_noise() -> None:
    rare = requests(rate=(0.01, 0.02), share=(0.0, 0.5))
    assert concluded(errors(), numbers={ERRORS: (rare,), "server-error-spike": (rare,)}).verdict is Verdict.NOISE


def test_a_budget_that_burns_is_real_whatever_else() -> None:
    found = concluded(errors(ago=3600.0), numbers={"server-error-spike": (requests(share=(0.3, 0.3)),)})
    assert any(gate.id == "R3" and gate.passed for gate in found.gates)
    assert not any(gate.id == "R3" for gate in concluded(errors(), numbers={"server-error-spike": (WELL,)}).gates)


def test_the_burn_is_what_was_measured_and_the_threshold_is_told_as_such() -> None:
    numbers = {"server-error-spike": (requests(share=(0.02, 0.25)),)}
    lines = investigated(scene(OBJECTS, errors(), sources=Answers(numbers=numbers), graph=CALLS)).lines
    [burning] = [line for line in lines if line.clue == "impact.burning"]
    short, long = (float(word) for word in burning.value.removesuffix(" times").split(" and "))
    assert short == 250, "a quarter of the requests fails: 250 times one in a thousand"
    assert 20 < long < short
    assert f"{burning.value} what 99.9 % allows (urgent from 14.4)" in burning.text


NEW_PODS = ("web-bbbb-0", "web-bbbb-1")
ALL_PODS = ("web-aaaa-0", "web-aaaa-1", *NEW_PODS)


def test_a_release_whose_pods_alone_fail_is_the_cause() -> None:
    split = {(ERRORS, POD): pods(ERRORS, bad=NEW_PODS, names=ALL_PODS)}
    found = concluded(errors(), objects=ROLLED, split=split)
    assert (ids(found)[0], found.causes[0].confidence) == ("release", Confidence.HIGH)


def test_a_release_that_is_being_taken_back_is_still_the_cause() -> None:
    older, newer = replica_set(), replica_set("bbbb", age=700.0)
    older[1]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "9000003"
    newer[1]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "9000002"
    back = [healthy(number, age=100.0) for number in (0, 1)]
    objects = [OBJECTS[0], older, newer, *back, *ROLLED[-2:], node("n1")]
    split = {(ERRORS, POD): pods(ERRORS, bad=NEW_PODS, names=ALL_PODS)}
    found = concluded(errors(), objects=objects, split=split)
    assert (ids(found)[0], found.causes[0].confidence) == ("release", Confidence.HIGH)
    assert "9000002" in found.causes[0].title and not found.causes[0].contradicts


def test_a_release_whose_old_pods_fail_as_well_is_not() -> None:
    split = {(ERRORS, POD): pods(ERRORS, bad=ALL_PODS, names=ALL_PODS)}
    found = concluded(errors(), objects=ROLLED, split=split)
    assert "release" not in ids(found)
    assert any("old revision" in text for cause in found.ruled_out for text in cause.contradicts)


@pytest.mark.parametrize(("outcome", "likely"), [(Outcome.FAIL, True), (Outcome.PASS, False)])
def test_a_verification_speaks_for_or_against_the_release(outcome: Outcome, likely: bool) -> None:
    record = VerificationRecord("lab", entity(), "2", "image", NOW - 700, NOW - 60, outcome, "because", "both")
    assert ("release" in ids(concluded(errors(), objects=ROLLED, verified=(record,)))) is likely


def test_one_pod_of_several_is_named() -> None:
    found = concluded(errors(), split={(ERRORS, POD): pods(ERRORS, bad=("web-aaaa-1",))})
    assert ids(found)[0] == "pod"
    assert "web-aaaa-1" in found.causes[0].title
    alike = concluded(errors(), split={(ERRORS, POD): pods(ERRORS, bad=("web-aaaa-0", "web-aaaa-1"))})
    assert "pod" not in ids(alike)


def test_one_route_is_named_and_alone_no_problem() -> None:
    def routes(bad: str) -> tuple[Track, ...]:
        return tuple(
            requests(ERRORS, share=(0.001, 0.5 if path == bad else 0.001), part={"route": path})
            for path in ("/a", "/b")
        )

    found = concluded(errors(), split={(ERRORS, ROUTE): routes("/a")}, numbers={"server-error-spike": (WELL,)})
    assert found.verdict is Verdict.NOISE
    real = concluded(errors(), split={(ERRORS, ROUTE): routes("/b")})
    assert (real.verdict, ids(real)) == (Verdict.REAL, ["route"])
    assert "/b" in real.causes[0].title


def test_what_it_calls_comes_first_and_only_where_it_began_no_later() -> None:
    store = workload("store")
    early = anomaly("pod-crashloopbackoff", store, number=9, case=2, ago=700.0)
    found = concluded(errors(), elsewhere=(early,))
    assert (ids(found)[0], found.causes[0].confidence) == ("callee", Confidence.HIGH)
    assert "prod/store" in found.causes[0].title
    late = replace(early, onset=NOW - 60)
    assert "callee" not in ids(concluded(errors(), elsewhere=(late,)))
    other = anomaly("pod-crashloopbackoff", workload("other"), number=9, case=2, ago=700.0)
    assert "callee" not in ids(concluded(errors(), elsewhere=(other,)))


def test_a_far_end_outside_is_named_unless_others_use_it_well() -> None:
    outside = workload("web", peer="api.example.com")
    mine = anomaly("ext-http-5xx-spike", outside, high=0.01)
    numbers = {"ext-http-5xx-spike": (requests("ext-http-5xx-spike", outside, share=(0.0, 0.3)),)}
    found = concluded(mine, numbers=numbers)
    assert ids(found) == ["far-end"]
    assert "api.example.com" in found.causes[0].title
    others = CallGraph(callers={("", "api.example.com"): frozenset({("prod", "web"), ("prod", "a"), ("prod", "b")})})
    assert "far-end" not in ids(concluded(mine, numbers=numbers, graph=others))


def test_a_node_under_its_pods() -> None:
    bad = anomaly("node-cpu-throttling", entity("Node", "n0", ""), number=9, case=2, ago=650.0)
    assert "node" in ids(concluded(errors(), elsewhere=(bad,)))
    elsewhere = anomaly("node-cpu-throttling", entity("Node", "n9", ""), number=9, case=2, ago=650.0)
    assert "node" not in ids(concluded(errors(), elsewhere=(elsewhere,)))


def test_restarts_and_a_surge_are_causes_of_errors() -> None:
    restarts = anomaly("pod-oomkilled", number=9, case=2, ago=650.0)
    assert "restarting" in ids(concluded(errors(), elsewhere=(restarts,)))
    surge = anomaly(SURGE, number=9, case=2, ago=650.0)
    assert "traffic" in ids(concluded(errors(), elsewhere=(surge,)))
    assert not {"restarting", "traffic"} & set(ids(concluded(errors())))


def test_its_own_processor_is_named_where_it_stands_out() -> None:
    cpu = {"cpu-usage": (level("cpu-usage", values=(0.2, 2.0)),)}
    assert "resources" in ids(concluded(errors(), numbers=cpu))
    flat = {"cpu-usage": (level("cpu-usage", values=(0.2, 0.2)),)}
    found = concluded(errors(), numbers=flat)
    assert "resources" not in ids(found)


def test_nothing_that_stands_out_is_said_so() -> None:
    calm = {"server-error-spike": (WELL,), "cpu-usage": (level("cpu-usage", values=(0.2, 0.2)),)}
    sources = Answers(numbers=calm | {ERRORS: (WELL,), "server-latency-p90": (QUICK,)})
    lines = investigated(scene(OBJECTS, errors(), sources=sources, graph=CALLS)).lines
    assert any(line.text.startswith("not visible in the metrics") for line in lines)


def test_a_version_that_alone_fails_supports_its_release() -> None:
    split = {
        (ERRORS, VERSION): tuple(
            requests(ERRORS, share=(0.001, share), part={"version": name}) for name, share in (("1", 0.001), ("2", 0.4))
        )
    }
    release = concluded(errors(), objects=ROLLED, split=split).causes[0]
    assert release.id == "release"
    assert any("without 2" in text for text in release.supports)


LATENCY = {"server-error-spike": (WELL,), "server-latency-p90": (LATE,), SLOW: (latency(SLOW, bucket=(1, 4)),)}


def test_slow_with_its_limit_reached_is_throttling_and_without_it_is_not() -> None:
    held = anomaly("workload-cpu-throttling", number=9, case=2, ago=650.0)
    found = concluded(slow(), numbers=LATENCY, elsewhere=(held,))
    assert ids(found)[0] == "throttled"
    assert "throttled" not in ids(concluded(slow(), numbers=LATENCY))


def test_a_slow_pod_is_found_by_its_quantile() -> None:
    split = {
        (SLOW, POD): tuple(
            latency(SLOW, bucket=(1, 4 if name.endswith("0") else 1), part={"pod": name})
            for name in ("web-aaaa-0", "web-aaaa-1")
        )
    }
    found = concluded(slow(), numbers=LATENCY, split=split)
    assert (ids(found)[0], found.verdict) == ("pod", Verdict.REAL)


def test_everything_slow_is_told_from_the_slowest_only() -> None:
    tail = investigated(scene(OBJECTS, slow(), sources=Answers(numbers=LATENCY), graph=CALLS)).lines
    both = (slow(), slow("http-server-latency-p50", number=2))
    whole = investigated(scene(OBJECTS, *both, sources=Answers(numbers=LATENCY), graph=CALLS)).lines
    assert "some requests" in next(line.text for line in tail if line.clue == "latency.tail-only")
    assert "everything" in next(line.text for line in whole if line.clue == "latency.everything")


def test_more_traffic_that_hurts_nobody_is_noise_and_that_hurts_is_not() -> None:
    numbers = {"server-error-spike": (WELL,), "server-latency-p90": (QUICK,)}
    surge = anomaly(SURGE, views=int(Views.LOCAL | Views.DAY))
    assert concluded(surge, numbers=numbers).verdict is Verdict.NOISE
    hurting = concluded(surge, numbers=numbers | {"server-latency-p90": (LATE,)})
    assert (hurting.verdict, ids(hurting)[0]) == (Verdict.REAL, "load")


def test_a_drop_is_its_callers_or_what_is_in_front_of_all() -> None:
    caller = anomaly(DROP, workload("gate"), number=9, case=2, ago=620.0)
    assert ids(concluded(anomaly(DROP), elsewhere=(caller,)))[0] == "caller"
    stranger = anomaly(DROP, workload("other"), number=9, case=2, ago=620.0)
    assert "caller" not in ids(concluded(anomaly(DROP), elsewhere=(stranger,)))
    many = tuple(anomaly(DROP, workload(f"w{n}"), number=20 + n, case=20 + n, ago=610.0) for n in range(3))
    assert ids(concluded(anomaly(DROP), related=many, elsewhere=many))[0] == "everywhere"


def test_a_drop_of_what_was_scaled_to_zero() -> None:
    gone = [deployment(replicas=0), replica_set()]
    assert ids(concluded(anomaly(DROP), objects=gone))[0] == "scaled-to-zero"
    assert "scaled-to-zero" not in ids(concluded(anomaly(DROP)))


def test_refused_metrics_are_unknown_and_never_health() -> None:
    at = scene(OBJECTS, errors(), sources=Answers(numbers={}), graph=CALLS)
    found = investigated(at).conclusion
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("no answer" in text for text in found.unknown)
    surge = investigated(scene(OBJECTS, anomaly(SURGE), sources=Answers(numbers={}), graph=CALLS)).conclusion
    assert surge.verdict is not Verdict.NOISE


@pytest.mark.parametrize(
    ("observed", "passes", "verdict", "priority"),
    [
        (5.0, 0, Verdict.REAL, Priority.P2),
        (50.0, 0, Verdict.INCONCLUSIVE, Priority.P3),
        (5.0, 1, Verdict.INCONCLUSIVE, Priority.P3),
    ],
    ids=["most are missing", "half are missing", "they are back"],
)
def test_requests_that_do_not_come_are_an_effect(observed, passes, verdict, priority):
    low = anomaly("http-server-request-rate-drop", observed=observed, low=80.0, high=120.0, clean_passes=passes)
    found = investigated(scene([], low)).conclusion
    assert (found.verdict, found.priority) == (verdict, priority)
