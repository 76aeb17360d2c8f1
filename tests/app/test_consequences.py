"""What is a consequence of what: calls, direction, time and kind together; any of them missing keeps cases apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from app.call_graph import CallGraph, Calls, far_ends
from app.consequences import Consequences, Trouble, trouble_of
from detectors.model import Entity, EntityType
from storage.records import Lifecycle
from tests.app.investigation.scenes import ROWS, anomaly, case, entity
from tests.detectors.states.objects import NOW, cluster, node, pod, replica_set, waiting

if TYPE_CHECKING:
    from detectors.cluster import ClusterState
    from storage.records import AnomalyRecord, InvestigationRecord

ERRORS, LATENCY, DROP, SURGE = (
    "http-server-5xx-spike",
    "http-server-latency-p90",
    "http-server-request-rate-drop",
    "http-server-request-rate-surge",
)


def graph(*calls: tuple[str, str], namespace: str = "prod") -> CallGraph:
    known = Calls()
    callers = [
        Entity(EntityType.DATABASE, "lab", namespace, "Deployment", one, f"{namespace}/{other}") for one, other in calls
    ]
    known.learn(callers, None, NOW)
    return known.graph


class Cases:
    """Cases that are added one after the other."""

    def __init__(self) -> None:
        self.cases: list[InvestigationRecord] = []
        self.anomalies: list[AnomalyRecord] = []
        self.rollouts: dict[str, float] = {}

    def add(self, name: str, *signals: str, ago: float = 600.0, peer: str = "", **more: Any) -> int:
        number = len(self.cases) + 1
        kind = EntityType.DATABASE if peer else EntityType.WORKLOAD
        about = more.pop("about", None) or Entity(kind, "lab", "prod", "Deployment", name, peer)
        its = tuple(
            anomaly(signal, about, number=number * 10 + place, case=number, ago=ago)
            for place, signal in enumerate(signals)
        )
        self.anomalies += its
        self.cases.append(replace(case(about, its, number), **more))
        return number

    def attached(self, calls: CallGraph, now: float = NOW, state: ClusterState | None = None) -> dict[int, int]:
        found = Consequences(ROWS, 600.0).attached(
            self.cases, self.anomalies, calls, state, lambda each: self.rollouts.get(each.name), now
        )
        self.cases = [replace(each, part_of=found.get(each.id, each.part_of)) for each in self.cases]
        return found


def lying(*names: str, elsewhere: tuple[str, ...] = ()) -> ClusterState:
    """A cluster whose node n1 is silent, with the pods of these workloads on it; those of some fail elsewhere, too."""
    pods = [pod(0, {"name": "app", "state": {"running": {}}}, owner=name) for name in names]
    pods += [pod(1, waiting("CrashLoopBackOff", 4), owner=name, node="n2") for name in elsewhere]
    return cluster([node(ready="Unknown"), node("n2"), *(replica_set(owner=name) for name in names), *pods])


@pytest.mark.parametrize("ago", [660.0, 540.0, 100.0])
def test_what_opened_before_its_node_was_marked_silent_is_a_consequence_of_it(ago: float) -> None:
    cases = Cases()
    web, cart = cases.add("web", ERRORS, ago=ago), cases.add("cart", "pod-readiness-failing", ago=ago)
    silent = cases.add("n1", "node-not-ready", about=entity("Node", "n1", ""), ago=600)
    state = lying("web", "cart")
    assert cases.attached(CallGraph(), state=state) == {web: silent, cart: silent}
    assert cases.attached(CallGraph(), state=state) == {}


def test_two_incidents_stay_two_although_one_of_them_is_on_the_silent_node() -> None:
    cases = Cases()
    cases.add("before", ERRORS, ago=800)
    cases.add("released", ERRORS, ago=600)
    cases.add("broken", ERRORS, ago=600)
    cases.add("away", ERRORS, ago=600)
    cases.add("n1", "node-not-ready", about=entity("Node", "n1", ""), ago=600)
    cases.rollouts["released"] = NOW - 700
    state = lying("before", "released", "broken", elsewhere=("broken",))
    assert cases.attached(CallGraph(), state=state) == {}


def test_callers_of_a_slow_service_are_its_consequences_through_a_chain() -> None:
    cases = Cases()
    web, api, store = (cases.add(name, LATENCY) for name in ("web", "api", "store"))
    assert cases.attached(graph(("web", "api"), ("api", "store"))) == {web: store, api: store}


@pytest.mark.parametrize("order", [("store", "web"), ("web", "store")])
def test_which_of_them_was_seen_first_does_not_matter(order: tuple[str, str]) -> None:
    cases = Cases()
    numbers = {name: cases.add(name, ERRORS, ago=600.0 - 60 * place) for place, name in enumerate(order)}
    assert cases.attached(graph(("web", "store"))) == {numbers["web"]: numbers["store"]}


def test_without_a_call_between_them_two_stay_two() -> None:
    cases = Cases()
    cases.add("web", ERRORS)
    cases.add("store", ERRORS)
    assert cases.attached(graph(("web", "other"))) == {}


def test_a_callee_is_no_consequence_of_its_callers_errors() -> None:
    cases = Cases()
    cases.add("web", ERRORS, "pod-crashloopbackoff")
    cases.add("store", ERRORS)
    assert cases.attached(graph(("web", "store"))) == {}


@pytest.mark.parametrize(("ago", "joined"), [(900.0, True), (1300.0, False), (200.0, False)])
def test_they_have_to_begin_together_and_the_cause_not_later(ago: float, joined: bool) -> None:
    cases = Cases()
    cases.add("store", ERRORS, ago=ago)
    cases.add("web", ERRORS, ago=600.0)
    assert bool(cases.attached(graph(("web", "store")))) is joined


def test_trouble_of_another_kind_is_another_case_unless_the_callee_is_broken() -> None:
    cases = Cases()
    cases.add("store", LATENCY)
    cases.add("web", ERRORS)
    assert cases.attached(graph(("web", "store"))) == {}
    cases.add("cache", "pod-crashloopbackoff")
    assert cases.attached(graph(("web", "cache"))) == {2: 3}


def test_what_has_trouble_of_its_own_is_no_consequence() -> None:
    cases = Cases()
    cases.add("store", ERRORS)
    cases.add("web", ERRORS, "pod-oomkilled")
    assert cases.attached(graph(("web", "store"))) == {}


def test_what_was_just_rolled_out_needs_calls_that_name_the_callee() -> None:
    cases = Cases()
    cases.add("store", ERRORS)
    cases.add("web", ERRORS)
    cases.rollouts["web"] = NOW - 700
    assert cases.attached(graph(("web", "store"))) == {}
    named = Entity(EntityType.DATABASE, "lab", "prod", "Deployment", "web", "prod/store")
    cases.anomalies.append(anomaly("database-error-spike", named, number=99, case=2))
    assert cases.attached(graph(("web", "store"))) == {2: 1}


def test_calls_that_go_wrong_elsewhere_speak_against_it() -> None:
    cases = Cases()
    cases.add("store", ERRORS)
    cases.add("web", ERRORS, "database-error-spike", peer="prod/ledger")
    assert cases.attached(graph(("web", "store"))) == {}


def test_the_clients_of_one_far_end_that_has_no_case_are_one() -> None:
    cases = Cases()
    first, *others = (cases.add(name, "database-error-spike", peer="db.example.com") for name in ("a", "b", "c"))
    assert cases.attached(CallGraph()) == dict.fromkeys(others, first)
    alone = Cases()
    alone.add("a", "database-error-spike", peer="db.example.com")
    alone.add("b", "database-error-spike", peer="other.example.com")
    assert alone.attached(CallGraph()) == {}


def test_traffic_travels_from_caller_to_callee() -> None:
    cases = Cases()
    gate, shop = cases.add("gate", DROP), cases.add("shop", DROP)
    assert cases.attached(graph(("gate", "shop"))) == {shop: gate}
    other = Cases()
    other.add("gate", DROP)
    other.add("shop", SURGE)
    assert other.attached(graph(("gate", "shop"))) == {}


def test_it_stays_attached_while_its_cause_lasts_and_stands_for_itself_once_it_outlives_it() -> None:
    cases = Cases()
    store, web = cases.add("store", ERRORS), cases.add("web", ERRORS)
    calls = graph(("web", "store"))
    assert cases.attached(calls) == {web: store}
    assert cases.attached(CallGraph()) == {}
    cases.cases[0] = replace(cases.cases[0], lifecycle=Lifecycle.RECOVERED, ended=NOW)
    assert cases.attached(calls, NOW + 599) == {}
    assert cases.attached(calls, NOW + 601) == {web: 0}


def test_workloads_that_call_each_other_do_not_swallow_each_other() -> None:
    cases = Cases()
    cases.add("one", ERRORS)
    cases.add("two", ERRORS)
    assert len(cases.attached(graph(("one", "two"), ("two", "one")))) == 1


def test_a_late_root_takes_over_what_was_attached_to_another() -> None:
    cases = Cases()
    web, api = cases.add("web", ERRORS, ago=600.0), cases.add("api", ERRORS, ago=590.0)
    calls = graph(("web", "api"), ("api", "store"))
    assert cases.attached(calls) == {web: api}
    store = cases.add("store", "pod-crashloopbackoff", ago=640.0)
    assert cases.attached(calls) == {web: store, api: store}


def test_every_row_says_how_it_travels() -> None:
    assert {trouble_of(row) for row in ROWS.values()} == set(Trouble)
    assert trouble_of(ROWS["workload-cpu-throttling"]) is Trouble.OWN


def test_calls_are_forgotten_hours_after_they_were_seen_last() -> None:
    known = Calls()
    known.learn([Entity(EntityType.DATABASE, "lab", "prod", "Deployment", "web", "prod/store")], None, NOW)
    assert known.graph.callees
    known.learn([], None, NOW + 5 * 3600)
    assert known.graph.callees
    known.learn([], None, NOW + 7 * 3600)
    assert not known.graph.callees


def test_a_far_end_is_a_workload_a_host_or_nobody() -> None:
    database = entity()
    assert list(far_ends(database, None)) == []
    assert list(far_ends(replace(database, peer="db.example.com"), None)) == [("", "db.example.com")]
    assert list(far_ends(replace(database, peer="data/pg"), None)) == [("data", "pg")]


def test_hops_lead_through_the_unwell_only() -> None:
    calls = graph(("a", "b"), ("b", "c"))
    a, b, c = (("prod", name) for name in "abc")
    assert (calls.hops(a, b), calls.hops(a, c), calls.hops(a, c, {b}), calls.hops(c, a, {b})) == (1, 0, 2, 0)
    assert calls.near(b) == {b: 0, a: 1, c: 1}
