from __future__ import annotations

import numpy as np
import pytest

from detectors.series import Grid, SeriesBlock
from tests.app.investigation.playbooks.workloads import (
    NEW,
    a_pod,
    blank,
    causes,
    come_to,
    crashed,
    first,
    rolled_out,
    spec,
    steady,
    well,
)
from tests.app.investigation.scenes import Answers, anomaly
from tests.detectors.states.objects import NOW, ended, node, pod

OOM = "pod-oomkilled"
MEBI = 2.0**20
QUERY = (
    "max by (pod) (container_memory_working_set_bytes{"
    'namespace="prod",pod="web-aaaa-0",container="app"})'
)  # fmt: skip


def killed(ran: float = 2000.0) -> dict:
    return crashed(137, "OOMKilled", ran)


def measured(values: np.ndarray) -> Answers:
    grid = Grid(int(NOW) // 60 * 60, 60, len(values))
    return Answers(series={QUERY: SeriesBlock(grid.times, values[None, :] * MEBI, ((("pod", "web-aaaa-0"),),))})


def sawtooth(top: float, points: int = 121) -> np.ndarray:
    """Grows steadily from a third of the top to it."""
    return np.linspace(top / 3, top, points)


def busy(top: float, points: int = 121) -> np.ndarray:
    """Comes and goes with the load, and reaches the top at last."""
    times = np.arange(points)
    return np.where(times > points - 3, top, top * (0.5 + 0.1 * np.sin(times / 5)))


@pytest.mark.parametrize("ran", [5.0, 2000.0])
def test_a_limit_that_is_reached_is_too_small(ran):
    objects = steady(a_pod(0, killed(ran)), a_pod(1, killed(ran)))
    found = come_to(objects, OOM, sources=measured(busy(255.0)))
    assert causes(found)[0] == ("memory-limit-too-small", "high")
    assert "256Mi" in first(found)


def test_the_kubelets_word_is_enough_where_nothing_is_measured():
    objects = [*steady(a_pod(0, killed(5.0)), a_pod(1, killed(5.0))), node(pressures={"MemoryPressure": "False"})]
    found = come_to(blank(objects), OOM)
    assert causes(found)[0][0] == "memory-limit-too-small"
    assert any("not known" in each for each in found.conclusion.unknown)


def test_memory_that_grows_until_the_kill_is_a_leak():
    found = come_to(steady(a_pod(0, killed()), well(7)), OOM, sources=measured(sawtooth(255.0)))
    assert causes(found)[0] == ("memory-leak", "high")
    assert "MiB an hour" in first(found)


def test_a_leak_is_not_told_of_what_dies_at_its_start():
    found = come_to(steady(a_pod(0, killed(5.0)), a_pod(1, killed(5.0))), OOM, sources=measured(sawtooth(255.0)))
    assert dict(causes(found)).get("memory-leak") != "high"


def test_a_node_short_of_memory_kills_what_is_far_below_its_limit():
    objects = steady(a_pod(0, killed()), well(7))
    objects = [each for each in objects if each[0] != "nodes"] + [node(pressures={"MemoryPressure": "True"})]
    status = {"name": "app", "restartCount": 1, "state": {}, "lastState": ended(40.0, "OOMKilled", 137)}
    victim = pod(0, status, owner="other")
    found = come_to([*objects, victim], OOM, sources=measured(busy(100.0)))
    assert causes(found)[0] == ("memory-node", "high")
    assert "node n1" in first(found)


def test_a_node_that_is_well_is_not_blamed():
    objects = [*steady(a_pod(0, killed()), well(7)), node(pressures={"MemoryPressure": "False"})]
    found = come_to(objects, OOM, sources=measured(busy(255.0)))
    assert "memory-node" not in dict(causes(found))


def test_a_limit_that_a_rollout_lowered_is_the_cause():
    lowered = spec(resources={"limits": {"memory": "64Mi"}})
    objects = rolled_out(a_pod(0, killed(5.0), lowered, hash_=NEW, age=650.0), well(7), well(8), new=lowered)
    found = come_to(objects, OOM)
    assert causes(found)[0] == ("memory-limit-lowered", "high")
    assert "from 256Mi to 64Mi" in first(found)


def test_more_requests_explain_more_memory():
    surge = anomaly("http-server-request-rate-surge", number=9, case=2)
    objects = steady(a_pod(0, killed()), a_pod(1, killed()))
    found = come_to(objects, OOM, sources=measured(busy(255.0)), elsewhere=(surge,))
    assert causes(found)[0] == ("memory-traffic", "high")
