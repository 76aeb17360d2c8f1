"""A server that holds every series twice says of every row and convention what one says that holds it once."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from detectors.catalog import load
from tests.acceptance.judging import judged
from tests.lab.cases import NO_STALENESS
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus
from tests.lab.synthesis import acceptance_cases, once, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.lab.telling import Series

    Told = dict[str, tuple[str, dict[str, float]]]

pytestmark = needs_servers

CASES = [case for case in acceptance_cases(load()) if not (case.pending or case.advice or case.sampled)]
_TARGET = ("namespace", "pod", "job", "cluster", "node")
"""What tells a target from others where it has no address."""


def by_two_servers(series: Series) -> Iterator[Series]:
    """Two Prometheus servers of one configuration write into one store."""
    for replica in ("prometheus-0", "prometheus-1"):
        yield series._replace(labels={**series.labels, "prometheus_replica": replica})


def by_two_jobs(series: Series) -> Iterator[Series]:
    """A second job scrapes every target that has one."""
    labels = dict(series.labels)
    own = zlib.crc32(repr([labels.get(name) for name in _TARGET]).encode())
    for job in (labels.get("job", "first"), "second"):
        yield series._replace(labels={"instance": f"{own}:8080", **labels, "job": job})


def told(folder: Path, copies: Callable[[Series], Iterable[Series]]) -> Told:
    """How each case's subject was seen, and how large what was found of it is, by its name."""
    write(CASES, folder / "samples.om", copies=copies)
    with Prometheus(folder / "samples.om", flags=NO_STALENESS) as server:
        seen = judged(folder, server.url)
    return {
        case.id: (seen.looked_at(case), {each.entity.name: each.observed for each in seen.observations(case)})
        for case in CASES
    }


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told(tmp_path_factory.mktemp("once"), once)


@pytest.mark.parametrize("copies", [by_two_servers, by_two_jobs])
def test_nothing_is_counted_twice(copies: Callable[[Series], Iterable[Series]], usual: Told, tmp_path: Path) -> None:
    twice = told(tmp_path, copies)
    wrong = {
        name: (usual[name], twice[name])
        for name in usual
        if usual[name][0] != twice[name][0] or twice[name][1] != pytest.approx(usual[name][1], rel=0.01)
    }
    assert not wrong
    assert sum(bool(found) for _, found in usual.values()) > 200
