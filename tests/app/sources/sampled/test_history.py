"""Samples of the Kubernetes API as series: rates between readings, gaps where nothing was told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace as changed

from app.sources.sampled import SampledMetrics, Wanted
from app.sources.sampled.history import FRESH_SECONDS, LONGEST_SECONDS
from detectors.cluster import ClusterState
from detectors.objects import ContainerCounters, Metadata, Node, NodeCounters, NodeMetrics, NodeSummary, Pod, decode
from detectors.series import Grid
from tests.lab.manifests import stamp

AT = 1_763_475_600
SENT = "summary_node_network_transmit_bytes_total"
LEFT = "summary_volume_available_bytes"
POD_SENT = "summary_pod_network_transmit_bytes_total"
ERRORS = "summary_node_network_errors_total"
CORES = "metrics_node_cpu_cores"
CPU_LIMIT = "summary_container_cpu_limit_cores"
EMPTY = ClusterState("lab", AT)


def summary(
    at: float, node: dict[str, Any] | None = None, pods: list[Any] | None = None, name: str = "n"
) -> NodeSummary:
    """A kubelet's answer; groups of numbers without a time are of that moment."""
    told = {group: {"time": stamp(at), **numbers} for group, numbers in (node or {}).items()}
    found = decode(NodeSummary, json.dumps({"node": told, "pods": pods or []}).encode())
    return changed(found, metadata=Metadata(name=name, resource_version=stamp(at)))


def sent(at: float, count: int | None) -> NodeSummary:
    """A node's counter."""
    return summary(at, {"network": {} if count is None else {"txBytes": count}})


def claim(at: float, left: int) -> dict[str, Any]:
    """A pod with a mounted claim."""
    reference = {"name": "data", "namespace": "shop"}
    volume = {"name": "v", "pvcRef": reference, "time": stamp(at), "availableBytes": left, "capacityBytes": 100}
    return {"podRef": {"name": "db-0", "namespace": "shop"}, "volume": [volume]}


class Watched:
    """A history with some metrics on a minute's grid, and the cycles that feed it."""

    def __init__(self, *metrics: str, points: int = 10, step: int = 60) -> None:
        self.history = SampledMetrics([Wanted(metric, step, points) for metric in metrics])
        self.points, self.step, self.now = points, step, AT

    def cycle(self, at: float, *summaries: NodeSummary, **more: Any) -> None:
        """One view of the cluster, some seconds after `AT`."""
        self.now = int(AT + at)
        state = replace(EMPTY, at=float(self.now), summaries={each.name: each for each in summaries}, **more)
        self.history.observe(state)

    def values(self, metric: str) -> list[list[float | None]]:
        """All series up to now; None where nothing was told."""
        block = self.history.range(
            f"sum by (x) (rate({metric}[60s]))", Grid(self.now // self.step * self.step, self.step, self.points)
        )
        return [[None if np.isnan(value) else value for value in row] for row in block.values.tolist()]

    def newest(self, metric: str) -> float | None:
        """Of the only series."""
        ((*_, value),) = self.values(metric)
        return value


def test_a_counter_is_a_rate_between_two_readings() -> None:
    watched = Watched(SENT)
    for minute, count in enumerate((1000, 1600, 7600)):
        watched.cycle(60 * minute, sent(AT + 60 * minute, count))
    assert watched.values(SENT) == [[None] * 8 + [10.0, 100.0]]


def test_a_rate_is_by_the_nodes_clock_and_not_by_ours() -> None:
    watched = Watched(SENT)
    watched.cycle(0, sent(AT - 500, 0))
    watched.cycle(60, sent(AT - 450, 500))
    assert watched.newest(SENT) == 10.0


def test_a_counter_that_begins_anew_says_nothing_until_it_is_read_again() -> None:
    watched = Watched(SENT)
    for minute, count in enumerate((5000, 5600, 60, 660)):
        watched.cycle(60 * minute, sent(AT + 60 * minute, count))
    assert watched.values(SENT)[0][-4:] == [None, 10.0, None, 10.0]


def test_the_same_reading_again_is_no_standstill() -> None:
    watched = Watched(SENT)
    watched.cycle(0, sent(AT, 0))
    watched.cycle(60, sent(AT + 60, 600))
    # The kubelet answers, with the numbers that it took before.
    watched.cycle(120, sent(AT + 60, 600))
    assert watched.newest(SENT) == 10.0


def test_a_node_whose_clock_is_set_back_begins_anew() -> None:
    watched = Watched(SENT)
    for minute, taken, count in ((0, 0, 0), (1, 60, 600), (2, -3480, 1200), (3, -3420, 7200)):
        watched.cycle(60 * minute, sent(AT + taken, count))
    assert watched.values(SENT)[0][-4:] == [None, 10.0, None, 100.0]


def test_cycles_within_a_minute_are_one_sample() -> None:
    watched = Watched(LEFT)
    for second, left in ((0, 90), (15, 80), (45, 70), (60, 60), (75, 50)):
        watched.cycle(second, summary(AT + second, pods=[claim(AT + second, left)]))
    assert watched.values(LEFT) == [[None] * 8 + [90.0, 60.0]]


def test_minutes_without_a_cycle_were_as_the_next_one_says_unless_they_are_many() -> None:
    watched = Watched(LEFT)
    watched.cycle(0, summary(AT, pods=[claim(AT, 90)]))
    watched.cycle(180, summary(AT + 180, pods=[claim(AT, 80)]))
    assert watched.values(LEFT)[0][-4:] == [90.0, 80.0, 80.0, 80.0]
    watched.cycle(540, summary(AT + 540, pods=[claim(AT, 70)]))
    assert watched.values(LEFT)[0][-7:] == [80.0, None, None, None, None, None, 70.0]


def test_what_a_silent_kubelet_said_holds_for_a_while_and_no_longer() -> None:
    watched = Watched(LEFT)
    last = summary(AT, pods=[claim(AT, 90)])
    for second in range(0, int(FRESH_SECONDS) + 1, 60):
        watched.cycle(second, last)
        assert watched.newest(LEFT) == 90.0
    watched.cycle(FRESH_SECONDS + 60, last)
    assert watched.newest(LEFT) is None


def test_where_nodes_take_turns_it_holds_until_the_next_turn() -> None:
    watched = Watched(LEFT, points=40)
    watched.cycle(0, summary(AT, pods=[claim(AT, 90)]))
    last = summary(AT + 300, pods=[claim(AT, 80)])
    for second in range(300, 1020, 60):
        watched.cycle(second, last)
        assert watched.newest(LEFT) == 80.0
    watched.cycle(300 + 2.5 * 300 + 60, last)
    assert watched.newest(LEFT) is None


def test_after_a_night_asleep_old_numbers_do_not_hold_for_a_day() -> None:
    watched = Watched(LEFT, points=40)
    watched.cycle(0, summary(AT, pods=[claim(AT, 90)]))
    morning = summary(AT + 36000, pods=[claim(AT, 80)])
    watched.cycle(36000, morning)
    watched.cycle(36000 + LONGEST_SECONDS + 60, morning)
    assert watched.newest(LEFT) is None


def test_what_is_gone_is_forgotten_once_nothing_of_it_is_kept() -> None:
    watched = Watched(LEFT)
    watched.cycle(0, summary(AT, pods=[claim(AT, 90)]))
    assert watched.history.metrics == {LEFT}
    for second in range(60, 600, 60):
        watched.cycle(second)
    assert watched.values(LEFT)[0][0] == 90.0
    watched.cycle(600)
    assert watched.values(LEFT) == []
    assert watched.history.metrics == set()


def test_a_volume_that_many_pods_share_is_one() -> None:
    watched = Watched(LEFT)
    watched.cycle(
        0,
        summary(AT, pods=[claim(AT, 90), claim(AT, 90)]),
        summary(AT, pods=[claim(AT, 90)], name="other"),
    )
    assert watched.values(LEFT) == [[None] * 9 + [90.0]]


def test_pods_on_their_nodes_network_are_left_out() -> None:
    pod = {"podRef": {"name": "proxy", "namespace": "shop", "uid": "u"}, "network": {"time": stamp(AT), "txBytes": 0}}
    later = {**pod, "network": {"time": stamp(AT + 60), "txBytes": 600}}
    for host_network in (True, False):
        object_ = decode(Pod, json.dumps({"metadata": {"uid": "u"}, "spec": {"hostNetwork": host_network}}).encode())
        watched = Watched(POD_SENT)
        watched.cycle(0, summary(AT, pods=[pod]), pods={"u": object_})
        watched.cycle(60, summary(AT + 60, pods=[later]), pods={"u": object_})
        assert watched.values(POD_SENT) == ([] if host_network else [[None] * 9 + [10.0]])


def test_errors_are_those_of_interfaces_with_a_cable() -> None:
    def faces(at: float, count: int) -> NodeSummary:
        names = ("eth0", "bond0", "lo", "veth1234", "cali0", "tunl0", "docker0")
        return summary(at, {"network": {"interfaces": [{"name": n, "rxErrors": count, "txErrors": 0} for n in names]}})

    watched = Watched(ERRORS)
    watched.cycle(0, faces(AT, 0))
    watched.cycle(60, faces(AT + 60, 600))
    assert watched.newest(ERRORS) == 20.0


@pytest.mark.parametrize("count", [None, 2**64 - 1])
def test_numbers_that_are_none_are_not_told(count: int | None) -> None:
    watched = Watched(SENT)
    watched.cycle(0, sent(AT, count))
    watched.cycle(60, sent(AT + 60, count))
    assert watched.values(SENT) == []


def test_a_node_uses_something_of_what_it_has_or_tells_nothing() -> None:
    def metrics(name: str, cpu: str) -> NodeMetrics:
        told = {"metadata": {"name": name}, "timestamp": stamp(AT), "usage": {"cpu": cpu}}
        return decode(NodeMetrics, json.dumps(told).encode())

    known = {
        name: decode(Node, json.dumps({"metadata": {"name": name}, "status": {"allocatable": {"cpu": "4"}}}).encode())
        for name in ("a", "silent")
    }
    watched = Watched(CORES, "metrics_node_allocatable_cores")
    told = {name: metrics(name, cpu) for name, cpu in (("a", "500m"), ("silent", "?"), ("unknown", "1"))}
    watched.cycle(0, nodes=known, node_metrics=told)
    assert watched.newest(CORES) == 0.5
    assert watched.newest("metrics_node_allocatable_cores") == 4.0


def test_a_container_without_a_limit_has_no_share_of_one() -> None:
    containers = [{"name": name, "resources": {"limits": limits}} for name, limits in (("a", {"cpu": "2"}), ("b", {}))]
    pod = decode(Pod, json.dumps({"metadata": {"uid": "u"}, "spec": {"containers": containers}}).encode())
    cpu = {"time": stamp(AT), "usageCoreNanoSeconds": 1}
    told = {
        "podRef": {"name": "p", "namespace": "s", "uid": "u"},
        "containers": [{"name": n, "cpu": cpu} for n in "ab"],
    }
    watched = Watched(CPU_LIMIT)
    watched.cycle(0, summary(AT, pods=[told]), pods={"u": pod})
    assert watched.newest(CPU_LIMIT) == 2.0


def test_what_nobody_reads_is_not_kept_and_what_was_not_told_is_empty() -> None:
    watched = Watched(SENT)
    watched.cycle(0, summary(AT, pods=[claim(AT, 90)]))
    assert watched.history.metrics == set()
    for text in (LEFT, "up", "count(absent)", 'max by (pod) (max_over_time(up{pod!=""}[60s]))'):
        block = watched.history.range(text, Grid(AT, 60, 5))
        assert block.values.shape == (0, 5)


def test_a_grid_that_reaches_further_than_what_is_kept_has_gaps_there() -> None:
    watched = Watched(LEFT, points=3)
    for minute in range(5):
        watched.cycle(60 * minute, summary(AT + 60 * minute, pods=[claim(AT, 90 - minute)]))
    block = watched.history.range(LEFT, Grid(AT + 300, 60, 6))
    np.testing.assert_array_equal(block.values, [[np.nan, np.nan, 88, 87, 86, np.nan]])


def test_what_cadvisor_counts_is_a_rate_of_each_container() -> None:
    written, periods = "container_fs_writes_bytes_total", "container_cpu_cfs_periods_total"
    watched = Watched(written, periods)

    def counters(at: float, *containers: ContainerCounters) -> dict[str, NodeCounters]:
        named = [changed(each, namespace="shop", pod="db-0", at=at) for each in containers]
        return {"n": NodeCounters(Metadata(name="n", resource_version=str(at)), tuple(named))}

    watched.cycle(0, counters=counters(AT - 500, ContainerCounters(name="db", written_bytes=0, periods=100)))
    later = ContainerCounters(name="db", written_bytes=6000, periods=None), ContainerCounters(name="new")
    watched.cycle(60, counters=counters(AT - 440, *later))
    assert watched.values(written) == [[None] * 9 + [100.0]]
    assert watched.values(periods) == []
    (labels,) = watched.history.range(written, Grid(AT + 60, 60, 1)).labels
    assert dict(labels) == {"container": "db", "namespace": "shop", "node": "n", "pod": "db-0"}
