"""Who only repeats others is left out, of those that repeat each other all but one; nobody else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from app.sources.prometheus.discovery import discover
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.sources.prometheus.discovery import Discovery

pytestmark = needs_servers

AT = 1_763_475_600
METRIC = "http_requests_total"


def looked(samples: Iterable[tuple[str, int]], presence: str = METRIC) -> Discovery:
    """What is found of series, each with one sample that many seconds ago."""
    lines = sorted(f"{series} 1 {AT - ago}" for series, ago in samples)
    with Prometheus("\n".join([*lines, "# EOF", ""])) as server:
        client = PrometheusClient(PrometheusConnection(url=server.url))
        return discover(client, {"client-lib": [presence]}, AT, live=False)


def targets(
    *, replica: str = "", label: str = "prometheus_replica", names: str = "abcdefghij", ago: int = 0
) -> list[tuple[str, int]]:
    """What a server writes of its targets."""
    more = f',{label}="{replica}"' if replica else ""
    return [(f'up{{job="apps",instance="{name}"{more}}}', ago) for name in names]


MIMIR = "__replica__"


@pytest.mark.parametrize(
    ("samples", "match", "left"),
    [
        (targets(replica="p-0") + targets(replica="p-1"), 'prometheus_replica!~"p-0"', 10),
        (targets(replica="p-0", label=MIMIR) + targets(replica="p-1", label=MIMIR), '__replica__!~"p-0"', 10),
        (targets(replica="p-0"), "", 10),
        (targets(), "", 10),
        # Each has its own.
        (targets(replica="p-0", names="abc") + targets(replica="p-1", names="def"), "", 6),
        # The second scrapes a part of what the first does, and a third something else.
        (
            targets(replica="p.0") + targets(replica="p.1", names="abc") + targets(replica="p.2", names="xyz"),
            'prometheus_replica!~"p\\\\.1"',
            13,
        ),
        # The one that would be kept has stopped.
        (targets(replica="p-0") + targets(replica="p-1", ago=100), 'prometheus_replica!~"p-1"', 10),
        # An application's own label is no server's.
        (targets() + [(f'{METRIC}{{job="apps",instance="a",replica="{each}"}}', 0) for each in "01"], "", 10),
    ],
    ids=["twins", "twins-of-mimir", "one", "none", "shards", "part", "stopped", "of-an-application"],
)
def test_replicas(samples: list[tuple[str, int]], match: str, left: int) -> None:
    found = looked(samples, "up")
    assert found.match == match
    # What is left out is not counted either.
    assert found.conventions["client-lib"].series["up"] == left


def scraped(job: str, names: str) -> list[tuple[str, int]]:
    """What a job tells of its targets, under two paths each."""
    return [(f'{METRIC}{{job="{job}",instance="{name}",path="{path}"}}', 0) for name in names for path in "xy"]


@pytest.mark.parametrize(
    ("samples", "match"),
    [
        (scraped("one", "abcdefghij") + scraped("two", "abcdefghij"), 'job!~"one"'),
        (scraped("one", "abcde") + scraped("two", "fghij"), ""),
        (scraped("all", "abcdef") + scraped("team-x", "ab") + scraped("team-y", "cd"), 'job!~"team-x|team-y"'),
        # Together the teams have everything: of the one that adds nothing to them their names are better.
        (scraped("all", "abcdef") + scraped("team-x", "abc") + scraped("team-y", "def"), 'job!~"all"'),
        # One is a little behind.
        (scraped("all", "abcdefghijk") + scraped("late", "abcdefghij"), 'job!~"late"'),
        (scraped("half", "abcdef") + scraped("other-half", "defghi"), ""),
        # Without an address nobody knows whether two tell of the same.
        ([(f'{METRIC}{{job="{job}",path="x"}}', 0) for job in ("cart", "orders")], ""),
    ],
    ids=["twins", "shards", "parts", "whole", "late", "half", "pushed"],
)
def test_jobs(samples: list[tuple[str, int]], match: str) -> None:
    found = looked([*targets(), *samples])
    assert found.conventions["client-lib"].match == match
