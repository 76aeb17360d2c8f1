"""Who answers a row: objects where they may be read, else metrics, else nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.planning import plan, presence
from app.sources.base import ServerInfo
from app.sources.kubernetes.resources import RESOURCES
from app.sources.prometheus.discovery import Discovery, Presence
from detectors.catalog import load
from detectors.cluster import Access, AccessStatus, ClusterState
from detectors.states import STATE_DETECTORS

CATALOGUE = load()
ROWS = [row for row in CATALOGUE.rows if row.id in STATE_DETECTORS]
EVERYTHING = Discovery(
    ServerInfo("prometheus", "2.42.0", "http://x", 0),
    0.0,
    0.0,
    None,
    15.0,
    {
        convention: Presence(convention, dict.fromkeys(selectors, 1), frozenset(), {}, (), 15.0)
        for convention, selectors in presence(CATALOGUE, CATALOGUE.rows).items()
    },
    {},
)
"""A server that has the metrics of every convention."""
LISTED = {name: Access(AccessStatus.LISTED) for name in (*(resource.name for resource in RESOURCES), "/readyz")}
STATE = ClusterState("lab", 0.0, access=LISTED)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_objects_are_believed_before_metrics(row):
    assert plan(CATALOGUE, [row], STATE, EVERYTHING, 60).states == (row,)
    assert plan(CATALOGUE, [row], STATE, None, 60).states == (row,)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_metrics_answer_where_objects_may_not_be_read(row):
    refused = replace(STATE, access={name: Access(AccessStatus.FORBIDDEN) for name in LISTED})
    told = plan(CATALOGUE, [row], refused, EVERYTHING, 60)
    without = plan(CATALOGUE, [row], None, EVERYTHING, 60)
    if row.id in without.sources:
        assert set(told.sources) == set(without.sources) == {row.id}
    else:
        assert told.states == (row,), "the missing right is what there is to say"
        assert without.unfed == (row,)


def test_rows_that_no_metric_can_tell_are_few():
    without = plan(CATALOGUE, ROWS, None, EVERYTHING, 60)
    assert {row.id for row in without.unfed} == {"quota-exceeded", "service-no-endpoints"}
