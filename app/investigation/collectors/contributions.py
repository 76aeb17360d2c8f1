"""Who makes a number of the whole cluster, or of a node: workloads, nodes, interfaces."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from app.call_graph import far_ends, node_of
from app.consequences import SICK, trouble_of
from app.investigation import numbers
from app.investigation.collectors import collector
from app.investigation.collectors.requests import tracks_of
from app.investigation.collectors.symptoms import of_anomaly
from app.investigation.model import Clue, Origin, Step
from app.investigation.suspects import title_of
from detectors.objects import quantity as parsed
from widgets.text import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.readings import Track
    from app.investigation.scene import Scene
    from storage.records import AnomalyRecord

MOST_OF_IT = 0.6
"""Share of the rise from which one workload makes it."""
MOST_OF_ERRORS = 0.8
"""Share of the errors from which one node makes them."""
FULL = 0.9
"""Share of a database's connections from which hardly any are left."""
CAPACITY_CHANGE = 0.02
"""Relative change of what there is from which the share moved because of it."""
USED = {
    "cluster-cpu-usage-spike": ("cpu-usage", "cores", "cpu"),
    "cluster-memory-usage-spike": ("memory-usage", "bytes", "memory"),
}
"""Row -> who uses it, its unit, and what nodes call it."""
TRAFFIC = {
    "node-network-send": ("workload-network-send", "bytes per second", ""),
    "node-network-receive": ("workload-network-receive", "bytes per second", ""),
    "node-cpu-throttling": ("cpu-usage", "cores", ""),
}
NODE_LABELS = ("node", "instance", "k8s_node_name", "machine_id", "kubernetes_node", "nodename")
CNI = re.compile(r"calico|cilium|flannel|weave|kube-proxy|aws-node|antrea|canal|ovn|kindnet|azure-cni|kube-router")
"""In the names of workloads that carry the cluster's network."""


@collector(Step.CAUSE, "rise.one-workload", needs=("metrics",))
def risers(scene: Scene) -> Iterator[Clue]:
    """Whether one workload makes most of the rise, of the cluster or of a node."""
    for anomaly in scene.living:
        row, unit, _ = (USED | TRAFFIC).get(anomaly.signal, ("", "", ""))
        if not row:
            continue
        on = {(o.namespace, o.name) for o in map(scene.state.owner, scene.pods)} if scene.nodes else None
        rises: dict[tuple[str, str], tuple[float, Track]] = {}
        for track in scene.sources.tracks(row, scene.onset):
            node = node_of(track.entity)
            rise = numbers.rate(track, numbers.now(track)) - numbers.rate(track, numbers.before(track, scene.onset))
            if rise == rise and node not in rises and (on is None or node in on or not on):
                rises[node] = rise, track
        total = sum(rise for rise, _ in rises.values() if rise > 0)
        if total <= 0:
            return
        worst = max(rises, key=lambda node: rises[node][0])
        rise, track = rises[worst]
        named = sorted(rises, key=lambda node: -rises[node][0])[:3]
        listed = ", ".join(f"{title_of(node)} {quantity(rises[node][0], unit)}" for node in named)
        yield Clue(
            name="rise.one-workload",
            holds=rise >= MOST_OF_IT * total,
            text=f"of {quantity(total, unit)} more than before: {listed}",
            source=track.query,
            origin=Origin.METRIC,
            value=_share(rise / total),
            at=scene.onset,
            fills={"riser": title_of(worst), "rise": quantity(rise, unit)},
        )
        return


@collector(Step.EXPECTED, "capacity.changed", needs=("metrics",))
def capacity(scene: Scene) -> Iterator[Clue]:
    """Whether there is less of it than before: then the share rose without more work."""
    for anomaly in scene.living:
        for track in scene.sources.tracks(anomaly.signal, scene.onset):
            per = track.data.per
            if per is None or track.entity.key != anomaly.entity.key:
                continue
            before = numbers.mean(per[0], numbers.before(track, scene.onset))
            now = numbers.mean(per[0], numbers.now(track))
            if before > 0 and now == now:
                text = f"what there is of it: {quantity(before)} before, {quantity(now)} now"
                yield Clue(
                    name="capacity.changed", holds=now < before * (1 - CAPACITY_CHANGE), text=text,
                    source=track.query, origin=Origin.METRIC,
                )  # fmt: skip
                return


@collector(Step.IMPACT, "headroom.none", needs=("nodes",))
def headroom(scene: Scene) -> Iterator[Clue]:
    """Whether what is used would still fit if the largest node were lost."""
    anomaly = next((a for a in scene.living if a.signal in USED), None)
    if anomaly is None or not scene.state.nodes:
        return
    _, unit, resource = USED[anomaly.signal]
    sizes = [parsed(node.status.allocatable.get(resource, "0")) for node in scene.state.nodes.values()]
    used = anomaly.observed * sum(sizes)
    left = sum(sizes) - max(sizes) - used
    text = f"without the largest node {quantity(abs(left), unit)} would be {'lacking' if left < 0 else 'left'}"
    source = scene.kubectl("get", "nodes", "--output", "custom-columns=NAME:.metadata.name,HAS:.status.allocatable")
    yield Clue(name="headroom.none", holds=left < 0, text=text, source=source, value=quantity(left, unit))


@collector(Step.SCOPE, "network.one-node", "network.all-nodes", "network.measured", needs=("metrics",))
def by_node(scene: Scene) -> Iterator[Clue]:
    """Whether one node makes most of what the cluster's network loses."""
    for anomaly in scene.living:
        parts = of_nodes(scene, anomaly)
        known = {name: [numbers.rate(part, numbers.now(part)) for part in its] for name, its in parts.items()}
        rates = {name: sum(rate for rate in its if rate == rate) for name, its in known.items()}
        total = sum(rates.values())
        if len(rates) < 2 or total <= 0:
            continue
        worst = max(rates, key=lambda name: rates[name])
        share = rates[worst] / total
        text = f"{_share(share)} of it on {worst}, of {len(rates)} nodes"
        one = share >= MOST_OF_ERRORS
        for clue, holds in (("network.one-node", one), ("network.all-nodes", not one), ("network.measured", True)):
            yield Clue(
                name=clue, holds=holds, text=text, source=parts[worst][0].query, origin=Origin.METRIC,
                value=_share(share), at=scene.onset, fills={"node": worst},
            )  # fmt: skip
        return


def of_nodes(scene: Scene, anomaly: AnomalyRecord) -> dict[str, list[Track]]:
    """The parts of the number that is out of band, by node; empty where nothing tells nodes apart.

    Raises:
        SourceError: nobody measures it, or the server refuses.
    """
    found: defaultdict[str, list[Track]] = defaultdict(list)
    for track in scene.sources.tracks(anomaly.signal, scene.onset):
        if track.entity.key == anomaly.entity.key and not found:
            for part in scene.sources.parts(anomaly.signal, track, NODE_LABELS, scene.onset):
                name = next((part.part[label] for label in NODE_LABELS if part.part.get(label)), "")
                found[_node_named(scene, name)].append(part)
    return dict(found) if len(found) > 1 else {}


def _node_named(scene: Scene, name: str) -> str:
    """A node by its name or by the address of what is scraped there."""
    host = name.rpartition(":")[0] or name
    for node in scene.state.nodes.values():
        if host == node.name or host in {address.address for address in node.status.addresses or ()}:
            return node.name
    return host


@collector(Step.CAUSE, "network.carrier-restarted", needs=("pods",))
def carriers(scene: Scene) -> Iterator[Clue]:
    """Whether what carries the cluster's network restarted, or was rolled out, shortly before."""
    for pod in scene.state.pods.values():
        owner = scene.state.owner(pod)
        if CNI.search(owner.name) and scene.state.restarts_since(pod, scene.onset - 900.0):
            text = f"{pod.name} of {owner.name}, which carries the network, restarted shortly before"
            yield scene.of_field(
                "network.carrier-restarted", True, pod, text, "{.status.containerStatuses[0].restartCount}",
                fills={"carrier": owner.name, "node": pod.spec.node_name},
            )  # fmt: skip
            return


@collector(Step.IMPACT, "effect.elsewhere", needs=())
def effects(scene: Scene) -> Iterator[Clue]:
    """Workloads whose requests fail or are slow since the same time."""
    for anomaly in scene.related:
        if anomaly.signal in scene.rows and trouble_of(scene.rows[anomaly.signal]) in SICK:
            yield of_anomaly(scene, "effect.elsewhere", anomaly)
            return


@collector(Step.CAUSE, "database.connections", needs=("metrics",))
def connections(scene: Scene) -> Iterator[Clue]:
    """Whether a database has no connections left to give."""
    for far, track in _of_databases(scene):
        now = numbers.rate(track, numbers.now(track))
        if now == now:
            yield Clue(
                name="database.connections", holds=now >= FULL,
                text=f"{_share(now)} of the connections to {far} are in use",
                source=track.query, origin=Origin.METRIC, value=_share(now), fills={"peer": far},
            )  # fmt: skip
            return


def _of_databases(scene: Scene) -> Iterator[tuple[str, Track]]:
    ends = {far for anomaly in scene.living for far in far_ends(anomaly.entity, scene.state) if far[0]}
    ends |= {(scene.owner.namespace, scene.owner.name)} if not ends else set()
    for track in tracks_of(scene, "database-connections", ends):
        yield title_of(node_of(track.entity)), track


ERROR_TYPE = ("error_type", "db_response_status_code", "error", "status_code", "code")
REFUSED = re.compile(r"28P01|28000|1045|18456|NOAUTH|WRONGPASS|auth|password|access.?denied|permission", re.IGNORECASE)


@collector(Step.CAUSE, "database.refused", "database.error-type", needs=("metrics",))
def error_types(scene: Scene) -> Iterator[Clue]:
    """What most of the failed operations failed with, as their labels say."""
    for anomaly in scene.living:
        place = [node_of(anomaly.entity)]
        for track in tracks_of(scene, anomaly.signal, place) if trouble_of(scene.rows[anomaly.signal]) in SICK else ():
            failed: dict[str, float] = defaultdict(float)
            parts = scene.sources.parts(anomaly.signal, track, ERROR_TYPE, scene.onset)
            for part in parts:
                name = next((part.part[label] for label in ERROR_TYPE if part.part.get(label)), "")
                failed[name] += numbers.requests(part, numbers.since(part, scene.onset)).failed
            worst = max(failed, key=lambda name: failed[name], default="")
            if worst and failed[worst] >= MOST_OF_IT * sum(failed.values()) > 0:
                share = failed[worst] / sum(failed.values())
                text = f"{_share(share)} of the failed operations failed with {worst}"
                fills = {"error": worst}
                for name, holds in (("database.error-type", True), ("database.refused", bool(REFUSED.search(worst)))):
                    yield Clue(
                        name=name, holds=holds, text=text, source=parts[0].query, origin=Origin.METRIC, value=worst,
                        at=scene.onset, fills=fills,
                    )  # fmt: skip
                return


def _share(share: float) -> str:
    return quantity(share, "share of it")
