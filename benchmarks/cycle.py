"""A cycle's queries against a real server, next to curl asking the same: `python -m benchmarks.cycle`.

Goals: fetching and decoding takes at most 1.5 times what curl takes to throw the same answers away; meanwhile the
event loop's ticks are late by at most 5 ms (99 %) and 20 ms (all), beyond what they are on the idle process.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np

from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from app.sources.prometheus.window import WindowCache
from benchmarks.measure import Goal, curl, goals_table, interleaved, lateness, milliseconds, table
from detectors.series import Grid
from tests.lab.servers import Prometheus, Server, VictoriaMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.sources.base import MetricsSource

AT = 1_700_000_040
MINUTES = 45
GRID = Grid(AT, 60, 36)
NAMESPACES = 16
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
SERVERS: dict[str, type[Server]] = {"prometheus": Prometheus, "victoria-metrics": VictoriaMetrics}

QUERIES = (
    *(
        f'rate(http_request_duration_seconds_bucket{{namespace=~"{"|".join(f"team-{n:02d}" for n in shard)}"}}[5m])'
        for shard in np.array_split(np.arange(NAMESPACES), 4)
    ),
    "sum by (namespace, service, le) (rate(http_request_duration_seconds_bucket[5m]))",
    "sum by (namespace, service) (rate(http_request_duration_seconds_count[5m]))",
)
"""What a cycle asks: every bucket, in four parts, and what the rows per service are computed from."""


def openmetrics(series: int) -> str:
    """Histograms of 12 buckets with their counts, that many series of buckets, a sample a minute."""
    random = np.random.default_rng(2)
    times = [str(at) for at in range(AT - MINUTES * 60, AT + 1, 60)]
    buckets, counts = [], []
    for i in range(series // len(BOUNDS)):
        labels = (
            f'namespace="team-{i % NAMESPACES:02d}",service="service-{i // 8:03d}",pod="service-{i // 8:03d}-{i:05d}"'
        )
        shares = np.cumsum(random.dirichlet(np.ones(len(BOUNDS))))
        total = np.cumsum(random.poisson(random.exponential(300), len(times)))
        for bound, share in zip(BOUNDS, shares, strict=True):
            grown = (total * share).astype(np.int64).tolist()
            head = f'http_request_duration_seconds_bucket{{{labels},le="{bound}"}} '
            buckets += [f"{head}{value} {at}" for value, at in zip(grown, times, strict=True)]
        head = f"http_request_duration_seconds_count{{{labels}}} "
        counts += [f"{head}{value} {at}" for value, at in zip(total.tolist(), times, strict=True)]
    return "\n".join(["# TYPE http_request_duration_seconds histogram", *buckets, *counts, "# EOF", ""])


def urls(server: Server) -> list[str]:
    """The same questions; VictoriaMetrics is not to answer them from its cache."""
    found = []
    for query in QUERIES:
        parameters = {"query": query, "start": GRID.start, "end": GRID.end, "step": GRID.step, "nocache": "1"}
        found.append(f"{server.url}/api/v1/query_range?{urlencode(parameters)}")
    return found


def cycle(source: MetricsSource, parallel: int, grid: Grid = GRID) -> int:
    """All queries of a cycle; the number of series."""
    with ThreadPoolExecutor(parallel) as pool:
        return sum(len(block.labels) for block in pool.map(lambda query: source.range(query, grid), QUERIES))


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", choices=SERVERS, default="prometheus")
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--parallel", type=int, default=2)
    options = parser.parse_args(arguments)
    with SERVERS[options.server](openmetrics(options.series)) as server:  # type: ignore[call-arg]
        client = PrometheusClient(PrometheusConnection(url=server.url))
        whole = partial(cycle, client, options.parallel)
        series = whole()
        window = WindowCache(client)
        moving = iter(range(AT - 60 * (options.rounds + 1), AT + 1, 60))
        cycle(window, options.parallel, Grid(next(moving), 60, 36))
        taken = interleaved(
            {
                "curl": lambda: curl(urls(server), options.parallel),
                "first cycle: every step": whole,
                "later cycle: new steps": lambda: cycle(window, options.parallel, Grid(next(moving), 60, 36)),
            },
            options.rounds - 1,
        )
        title = f"{options.server}, {series} series x {GRID.points}, {options.parallel} queries at once"
        rows = [(name, f"{s * 1e3:.0f}", f"{s / taken['curl']:.2f}") for name, s in taken.items()]
        print(table(title, ("what", "ms", "x curl"), rows))
        idle = lateness(lambda: curl(urls(server), options.parallel), 3)
        busy = lateness(whole, 5)
        client.close()
    cases = (
        ("curl asks, this process idle", idle.all),
        ("a cycle in threads", busy.all),
        ("a cycle in threads, our part", busy.own),
    )
    delays = [(name, *milliseconds(late)) for name, late in cases]
    print(table("How late the event loop ticks, ms", ("while", "median", "99 %", "max"), delays))
    found = [
        Goal("queries", "fetch and decode every step / curl", taken["first cycle: every step"] / taken["curl"], 1.5),
        Goal("G3", "event loop late while decoding, 99 %", float(np.quantile(busy.own, 0.99)) * 1e3, 5, "ms"),
        Goal("G3", "event loop late while decoding, longest", float(busy.own.max()) * 1e3, 20, "ms"),
    ]
    print(goals_table(found))
    return found


if __name__ == "__main__":
    main()
