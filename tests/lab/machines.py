"""What node-exporter and the kubelet's cAdvisor say about the simulated nodes and containers: a little of each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tests.lab.samples import Table, Target, only
from tests.lab.shop import keyed
from tests.lab.traffic import flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.history import History
    from tests.lab.samples import Block, Floats, Times

MEMORY = 16.0 * 2**30
DISK = 100.0 * 2**30


def collect(history: History, times: Times, seed: int) -> Iterator[Block]:
    """Every family at these instants."""
    for node in history.shop.nodes:
        address = history.shop.address(node)
        labels = (("node", node),)
        yield from _machine(history, node, times, seed).blocks(Target("node-exporter", f"{address}:9100", labels))
        table = _containers(history, node, times, seed)
        kubelet = Target("kubelet", f"{address}:10250", (("metrics_path", "/metrics/cadvisor"), *labels))
        yield from table.blocks(kubelet)


def wave(times: Times, *key: object) -> Floats:
    """Slow movement between -1 and 1, a function of time and key alone."""
    phase, period = keyed(*key).uniform(0, 2 * math.pi), keyed("period", *key).uniform(900, 5400)
    return np.asarray(np.sin(2 * math.pi * times / period + phase), dtype=np.float64)


def _machine(history: History, node: str, times: Times, seed: int) -> Table:
    table = Table()
    bad = {
        spell.condition: (times >= spell.start) & (times < spell.end) for spell in history.spells if spell.node == node
    }
    nowhere = np.zeros(len(times), dtype=bool)
    table.add("node_uname_info", {"nodename": node, "machine": "x86_64", "sysname": "Linux"}, only(times))
    free = MEMORY * np.where(bad.get("MemoryPressure", nowhere), 0.006, 0.45 + 0.05 * wave(times, seed, "memory", node))
    table.add("node_memory_MemTotal_bytes", {}, only(times, MEMORY))
    table.add("node_memory_MemAvailable_bytes", {}, np.floor(free))
    disk = {"device": "/dev/nvme0n1p1", "fstype": "ext4", "mountpoint": "/"}
    left = DISK * np.where(bad.get("DiskPressure", nowhere), 0.08, 0.55 + 0.01 * wave(times, seed, "disk", node))
    table.add("node_filesystem_size_bytes", disk, only(times, DISK))
    table.add("node_filesystem_avail_bytes", disk, np.floor(left))
    # The integral of a steady load: a counter that needs no memory of its own.
    busy = keyed(seed, "cpu", node).uniform(0.2, 0.4)
    since = times - (history.start - 864000.0)
    for mode, share in (("idle", 1 - busy), ("user", 0.7 * busy), ("system", 0.3 * busy)):
        table.add("node_cpu_seconds_total", {"cpu": "0", "mode": mode}, np.round(4 * share * since, 2), "counter")
    for direction in ("receive", "transmit"):
        sent = np.floor(3e6 * since + 2e8 * (1 + wave(times, seed, direction, node)))
        table.add(f"node_network_{direction}_bytes_total", {"device": "eth0"}, sent, "counter")
    return table


def _containers(history: History, node: str, times: Times, seed: int) -> Table:
    table = Table()
    for pod in history.pods:
        if pod.node != node or pod.created > times[-1] or pod.deleted <= times[0]:
            continue
        started = flags(pod, times, history)[1]
        if np.isnan(started).all():
            continue
        labels = {"namespace": pod.namespace, "pod": pod.name, "container": "app", "image": pod.image}
        age = times - started
        usage = keyed(seed, "usage", pod.workload.key).uniform(0.2, 0.5) * pod.workload.cpu / 1000
        table.add("container_cpu_usage_seconds_total", labels, np.round(usage * age, 3), "counter")
        limit = pod.workload.memory * 2.0**20
        killed = np.array([pod.stage(at).last is not None if at >= pod.created else False for at in times])
        share = np.where(killed, np.minimum(0.5 + age / 150, 1.0), 0.55 + 0.05 * wave(times, seed, "rss", pod.name))
        table.add("container_memory_working_set_bytes", labels, np.floor(limit * share))
        network = {"namespace": pod.namespace, "pod": pod.name, "interface": "eth0"}
        for direction in ("receive", "transmit"):
            rate = 2e3 + 4e3 * pod.workload.rate / max(pod.workload.replicas, 1)
            table.add(f"container_network_{direction}_bytes_total", network, np.floor(rate * age), "counter")
    return table
