from __future__ import annotations

import io
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from tests.lab.faults import Fault
from tests.lab.openmetrics import write
from tests.lab.simulation import Simulation

END = 1_763_640_000
START = END - 1500
FAULTS = (
    Fault("oom", "oom", "prod/search", END - 900, 600),
    Fault("release", "bad-release", "prod/checkout", END - 1000, 800, version="2.8.0"),
    Fault("image", "bad-image", "staging/web-frontend", END - 900, 700, version="3.15.0-rc1"),
    Fault("slow", "latency", "prod/payments", END - 700, 600),
    Fault("silent", "node-not-ready", "worker-3", END - 600, 200),
)


def text(simulation: Simulation, *spans: tuple[int, int, int]) -> str:
    out = io.StringIO()
    write(simulation.exporter, spans, out)
    return out.getvalue()


def series(openmetrics: str) -> dict[str, list[tuple[int, float]]]:
    found = defaultdict(list)
    for line in openmetrics.splitlines()[:-1]:
        name, value, at = line.rsplit(" ", 2)
        found[name].append((int(at), float(value)))
    return found


@pytest.fixture(scope="module")
def samples() -> dict[str, list[tuple[int, float]]]:
    return series(text(Simulation(START, END, FAULTS), (START, END, 30)))


def test_the_same_seed_gives_the_same_text_and_another_seed_does_not() -> None:
    span = (START, START + 300, 30)
    assert text(Simulation(START, END, FAULTS), span) == text(Simulation(START, END, FAULTS), span)
    assert text(Simulation(START, END, FAULTS), span) != text(Simulation(START, END, FAULTS, seed=8), span)


def test_timestamps_rise_and_no_sample_is_there_twice(samples: dict[str, list[tuple[int, float]]]) -> None:
    for name, points in samples.items():
        times = [at for at, _ in points]
        assert times == sorted(set(times)), name


def test_counters_fall_only_where_a_container_started_again(samples: dict[str, list[tuple[int, float]]]) -> None:
    fallen = set()
    for name, points in samples.items():
        if "_bucket{" in name or "_total{" in name or "_count{" in name:
            values = [value for _, value in points]
            if any(later < earlier for earlier, later in pairwise(values)):
                fallen.add(name)
    restarted = {name for name in fallen if 'pod="search-' in name}
    assert restarted
    assert fallen == restarted


def test_buckets_are_cumulative_and_end_at_the_count() -> None:
    simulation = Simulation(START, END, FAULTS)
    times = np.arange(START, START + 600, 30)
    histograms = [block for block in simulation.exporter.collect(times, 30.0) if block.kind == "histogram"]
    assert histograms
    for block in histograms:
        size = next(i for i, (name, _) in enumerate(block.series) if name.endswith("_count")) + 1
        for row in range(0, len(block.series), size):
            buckets, count = block.values[row : row + size - 2], block.values[row + size - 1]
            seen = ~np.isnan(count)
            assert (np.diff(buckets[:, seen], axis=0) >= 0).all()
            assert (buckets[-1, seen] == count[seen]).all()


def test_switching_a_fault_changes_nothing_before_it() -> None:
    calm, faulty = Simulation(START, END), Simulation(START, END + 900, FAULTS)
    before = int(min(fault.start for fault in FAULTS)) - 30
    assert text(calm, (START, before, 30)) == text(faulty, (START, before, 30))


def test_a_bad_release_fails_only_in_its_own_pods(samples: dict[str, list[tuple[int, float]]]) -> None:
    failed = {
        name: points[-1][1] - points[0][1]
        for name, points in samples.items()
        if name.startswith("istio_requests_total{")
        and 'destination_workload="checkout"' in name
        and 'response_code="500"' in name
    }
    new = sum(errors for name, errors in failed.items() if 'destination_version="2.8.0"' in name)
    old = sum(errors for name, errors in failed.items() if 'destination_version="2.7.3"' in name)
    assert new > 50 * max(old, 1)
