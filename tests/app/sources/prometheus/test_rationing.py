"""Expressions in parts: the parts are the whole, and what they are divided by is not asked for in every cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.forwarding import ForwardingSource
from app.sources.prometheus.rationing import Ration, RationedSource
from detectors.series import Grid
from tests.app.sources.prometheus import shop
from tests.lab.fixtures import needs_servers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.sources.prometheus.client import PrometheusClient
    from detectors.series import SeriesBlock

pytestmark = needs_servers

REQUESTS = "sum by (namespace, code) (rate(http_requests_total[60s]))"
GRID = Grid(shop.AT, 60, 10)
DAY = 86_400


class Index(ForwardingSource):
    """A server whose index has only some namespaces, or others beside its own; notes what it is asked."""

    def __init__(self, client: PrometheusClient, namespaces: Sequence[str]) -> None:
        super().__init__(client)
        self.namespaces = tuple(namespaces)
        self.asked: list[str] = []
        self.looked_up: list[float] = []

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        self.asked.append(promql)
        return super().range(promql, grid)

    def label_values(self, label: str, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        self.looked_up.append(end)
        return self.namespaces


def rationed(client: PrometheusClient, namespaces: Sequence[str] = shop.SERVICES) -> tuple[RationedSource, Index]:
    index = Index(client, namespaces)
    source = RationedSource(index)
    source.allot({REQUESTS: Ration("namespace", 2)})
    return source, index


def same(block: SeriesBlock, whole: SeriesBlock) -> bool:
    order = [block.labels.index(labels) for labels in whole.labels]
    return len(block.labels) == len(whole.labels) and np.array_equal(block.values[order], whole.values, equal_nan=True)


def test_values_are_looked_up_once_for_as_long_as_the_ration_holds(client: PrometheusClient) -> None:
    source, index = rationed(client)
    whole = client.range(REQUESTS, GRID)
    assert len(whole.labels) == 6
    for _ in range(3):
        assert same(source.range(REQUESTS, GRID), whole)
    assert len(index.asked) == 3 * 3
    assert index.looked_up == [GRID.end]
    source.allot({REQUESTS: Ration("namespace", 3)})
    assert same(source.range(REQUESTS, GRID), whole)
    assert index.looked_up == [GRID.end] * 2


def test_a_value_that_is_new_since_then_is_in_the_last_part(client: PrometheusClient) -> None:
    source, index = rationed(client, ["cart"])
    assert same(source.range(REQUESTS, GRID), client.range(REQUESTS, GRID))
    assert 'namespace!~"cart"' in index.asked[-1]
    source, index = rationed(client, [])
    assert same(source.range(REQUESTS, GRID), client.range(REQUESTS, GRID))


def test_an_earlier_day_had_values_of_its_own(client: PrometheusClient) -> None:
    source, index = rationed(client)
    ends = [GRID.end, GRID.end - DAY]
    for end in ends * 2:
        source.range(REQUESTS, Grid(end, 60, 10))
    assert index.looked_up == ends


def test_more_values_than_a_matcher_can_name_are_looked_up_every_time(client: PrometheusClient) -> None:
    many = [f"namespace-{number:050}" for number in range(100)]
    source, index = rationed(client, [*shop.SERVICES, *many])
    for _ in range(2):
        assert same(source.range(REQUESTS, GRID), client.range(REQUESTS, GRID))
    assert len(index.looked_up) == 2
    assert max(map(len, index.asked)) < 5000


def test_what_may_not_be_asked_is_not(client: PrometheusClient) -> None:
    source, index = rationed(client)
    source.allot({REQUESTS: Ration(refusal="not asked: too much")})
    with pytest.raises(SourceError) as refused:
        source.range(REQUESTS, GRID)
    assert refused.value.trouble is Trouble.LIMITED
    assert not index.asked
