"""C15, C16, C19, C20 and C21: what is used, moved and lost, and databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.investigation.collectors.contributions import ERROR_TYPE, NODE_LABELS
from detectors.model import Confidence
from storage.records import Priority, Verdict
from tests.app.investigation.scenes import anomaly, entity
from tests.app.investigation.test_request_playbooks import OBJECTS, concluded, ids
from tests.app.investigation.tracks import latency, level, requests, workload
from tests.app.test_consequences import graph
from tests.detectors.states.objects import deployment, node, pod

if TYPE_CHECKING:
    from app.investigation.readings import Track
    from storage.records import Conclusion

WELL = {"server-error-spike": (requests(),), "server-latency-p90": (latency(),)}
HURT = {"server-error-spike": (requests(),), "server-latency-p90": (latency(bucket=(1, 4)),)}
THROTTLED = "workload-cpu-throttling"
CLUSTER = entity("Cluster", "lab", "")


def _limited(**limits: str) -> list[Any]:
    kind, raw = deployment(replicas=2, readyReplicas=2, availableReplicas=2)
    containers = [{"name": name, "image": "x", "resources": {"limits": {"cpu": cpu}}} for name, cpu in limits.items()]
    raw["spec"]["template"] = {"metadata": {}, "spec": {"containers": containers}}
    return [(kind, raw), *OBJECTS[1:]]


def test_throttling_that_hurts_names_the_limit_and_without_effect_is_noise() -> None:
    found = concluded(anomaly(THROTTLED), objects=_limited(app="500m"), numbers=HURT)
    assert (found.verdict, ids(found)) == (Verdict.REAL, ["cpu-limit"])
    assert "app" in found.causes[0].title
    calm = concluded(anomaly(THROTTLED), objects=_limited(app="500m"), numbers=WELL)
    assert (calm.verdict, calm.priority) == (Verdict.NOISE, Priority.P5)


def test_a_tiny_limit_beside_the_main_container_is_noise() -> None:
    from detectors.model import SourceRef

    held = anomaly(THROTTLED, source=SourceRef("cadvisor", 'x{container="agent"}'))
    found = concluded(held, objects=_limited(app="1", agent="20m"), numbers=WELL)
    assert (found.verdict, found.reason) == (Verdict.NOISE, "a tiny limit on a container that nobody waits for")


def test_throttling_under_more_traffic_is_the_traffic() -> None:
    surge = anomaly("http-server-request-rate-surge", number=9, case=2)
    assert (
        ids(concluded(anomaly(THROTTLED), objects=_limited(app="1"), numbers=HURT, elsewhere=(surge,)))[0] == "traffic"
    )


SEND = "workload-network-send"


def test_bytes_that_follow_the_requests_are_noise_and_others_are_not_explained() -> None:
    grew = {SEND: (level(SEND, values=(1e6, 4e6)),), "server-error-spike": (requests(rate=(20, 80)),)}
    follows = concluded(anomaly(SEND), numbers=grew | {"server-latency-p90": (latency(),)})
    assert (follows.verdict, follows.reason) == (
        Verdict.NOISE,
        "as much for each request as before: it is the traffic",
    )
    alone = {SEND: (level(SEND, values=(1e6, 4e6)),), "server-error-spike": (requests(),)}
    calm = concluded(anomaly(SEND), numbers=alone | {"server-latency-p90": (latency(),)})
    assert calm.reason == "another rate, and nobody suffers from it"
    hurt = concluded(anomaly(SEND), numbers=alone | HURT)
    assert hurt.verdict is Verdict.REAL


def test_a_job_that_runs_at_its_time_explains_a_nodes_traffic() -> None:
    job = pod(7, {"name": "app", "state": {"running": {}}}, ready=True, node="n0", age=620.0,
              controller=("Job", "backup"))  # fmt: skip
    about = entity("Node", "n0", "")
    quiet = {"workload-network-send": (level(SEND, values=(1e6, 1.1e6)),)} | WELL
    found = concluded(anomaly("node-network-send", about), objects=[*OBJECTS, job], numbers=quiet)
    assert (found.verdict, found.reason) == (Verdict.NOISE, "a Job that runs at its time")
    without = concluded(anomaly("node-network-send", about), numbers=quiet)
    assert without.reason != "a Job that runs at its time"


CPU = "cluster-cpu-usage-spike"
NODES = [*OBJECTS, node("n2"), node("n3")]


def _used(**rises: float) -> dict[str, tuple[Track, ...]]:
    tracks = (level("cpu-usage", workload(name), values=(1.0, 1.0 + rise)) for name, rise in rises.items())
    return {"cpu-usage": tuple(tracks), CPU: (level(CPU, CLUSTER, values=(0.4, 0.8), per=(10, 10)),)}


def test_one_workload_that_makes_the_rise_is_named() -> None:
    found = concluded(anomaly(CPU, CLUSTER), objects=NODES, numbers=_used(web=8.0, cart=0.3))
    assert (ids(found)[0], found.verdict) == ("riser", Verdict.REAL)
    assert "prod/web" in found.causes[0].title
    many = concluded(anomaly(CPU, CLUSTER), objects=NODES, numbers=_used(web=1.0, cart=1.1, store=0.9))
    assert "riser" not in ids(many)


def test_fewer_nodes_explain_a_larger_share() -> None:
    fewer = {"cpu-usage": (level("cpu-usage", values=(1.0, 1.0)),)}
    shrunk = concluded(
        anomaly(CPU, CLUSTER),
        objects=NODES,
        numbers=fewer | {CPU: (level(CPU, CLUSTER, values=(0.4, 0.8), per=(10, 5)),)},
    )
    assert ids(shrunk) == ["fewer-nodes"]
    same = concluded(
        anomaly(CPU, CLUSTER),
        objects=NODES,
        numbers=fewer | {CPU: (level(CPU, CLUSTER, values=(0.4, 0.8), per=(10, 10)),)},
    )
    assert ids(same) == []


LOST = "cluster-tcp-retransmits"


def _lost(**rates: float) -> dict[Any, tuple[Track, ...]]:
    parts = (
        level(LOST, CLUSTER, values=(rate, rate), part={"instance": f"{name}:9100"}) for name, rate in rates.items()
    )
    return {(LOST, NODE_LABELS): tuple(parts)}


def test_packets_lost_on_one_node_or_on_all() -> None:
    numbers = {LOST: (level(LOST, CLUSTER, values=(0.001, 0.02)),)}
    one = concluded(anomaly(LOST, CLUSTER), objects=NODES, numbers=numbers, split=_lost(n0=0.3, n1=0.01, n2=0.01))
    assert (ids(one), one.verdict) == (["one-node"], Verdict.REAL)
    assert "n0" in one.causes[0].title
    everywhere = _lost(n0=0.1, n1=0.1, n2=0.1)
    calm = concluded(anomaly(LOST, CLUSTER), objects=NODES, numbers=numbers, split=everywhere)
    assert calm.verdict is Verdict.NOISE
    hurt = anomaly("http-server-latency-p95", number=9, case=2)
    fabric = concluded(
        anomaly(LOST, CLUSTER), objects=NODES, numbers=numbers, split=everywhere, related=(hurt,), elsewhere=(hurt,)
    )
    assert ids(fabric) == ["fabric"]


DATABASE = "database-error-spike"
CLIENT = workload("web", peer="prod/store")
FAILING = {DATABASE: (requests(DATABASE, CLIENT, share=(0.0, 0.3)),)} | WELL
USED = graph(("web", "store"), ("cart", "store"), ("till", "store"))


def _database(**more: Any) -> Conclusion:
    return concluded(anomaly(DATABASE, CLIENT), **{"numbers": FAILING, "graph": USED} | more)


def test_a_database_whose_own_workload_is_out_of_band() -> None:
    broken = anomaly("pod-oomkilled", workload("store"), number=9, case=2, ago=650.0)
    found = _database(elsewhere=(broken,))
    assert (ids(found)[0], found.causes[0].confidence) == ("callee", Confidence.HIGH)


def test_all_clients_mean_the_server_and_one_means_the_client() -> None:
    others = tuple(
        anomaly(DATABASE, workload(name, peer="prod/store"), number=20 + place, case=2 + place, ago=600.0)
        for place, name in enumerate(("cart", "till"))
    )
    assert ids(_database(elsewhere=others))[0] == "far-end"
    assert "far-end" not in ids(_database())
    assert any("others who call prod/store are well" in text for c in _database().ruled_out for text in c.contradicts)


def test_refused_credentials_are_told_by_their_code_alone() -> None:
    def split(code: str) -> dict[Any, tuple[Track, ...]]:
        part = {"db_response_status_code": code}
        return {(DATABASE, ERROR_TYPE): (requests(DATABASE, CLIENT, share=(0.0, 1.0), rate=(0, 6), part=part),)}

    found = _database(split=split("28P01"))
    assert ids(found)[0] == "credentials"
    assert "28P01" in found.causes[0].title
    assert "credentials" not in ids(_database(split=split("57014")))


def test_a_database_without_connections_left() -> None:
    def numbers(share: float) -> dict[str, tuple[Track, ...]]:
        return FAILING | {
            "database-connections": (level("database-connections", workload("store"), values=(0.4, share)),)
        }

    assert ids(_database(numbers=numbers(0.97)))[0] == "connections"
    assert "connections" not in ids(_database(numbers=numbers(0.5)))


def test_every_cause_of_every_class_can_be_filled_and_every_command_reads_only() -> None:
    from app.investigation.playbooks import playbooks

    for book in playbooks():
        for text in (*book.commands, *(command for cause in book.causes for command in cause.commands)):
            assert not any(f" {verb} " in text for verb in ("delete", "apply", "patch", "edit", "scale", "create"))
            assert "undo" not in text or "--dry-run=server" in text
