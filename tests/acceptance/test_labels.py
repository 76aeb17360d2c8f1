"""Labels that scrapes rename, push aside or leave out: what is found is found all the same, and on nobody else."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from detectors.catalog import load
from tests.acceptance.judging import judged
from tests.lab.cases import NO_STALENESS
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus
from tests.lab.synthesis import acceptance_cases, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab.telling import Series

    Change = Callable[[dict[str, str]], dict[str, str]]

pytestmark = needs_servers

FAULTS = [
    case
    for case in acceptance_cases(load())
    if case.kind == "fault" and not (case.pending or case.advice or case.sampled)
]


def pushed_aside(labels: dict[str, str]) -> dict[str, str]:
    """A scrape that does not honor an exporter's labels: its own namespace and pod take their place."""
    own = {name: f"{name}-of-the-exporter" for name in ("namespace", "pod") if name in labels}
    return {f"exported_{name}" if name in own else name: value for name, value in labels.items()} | own


def under_an_older_name(labels: dict[str, str]) -> dict[str, str]:
    """What old relabelling rules write."""
    return {"kubernetes_namespace" if name == "namespace" else name: value for name, value in labels.items()}


def left_out(labels: dict[str, str]) -> dict[str, str]:
    """Nobody tells a namespace."""
    return {name: value for name, value in labels.items() if name != "namespace"}


def of_some_applications(labels: dict[str, str]) -> dict[str, str]:
    """Every third has a label of that name that means something else, and was pushed aside."""
    third = zlib.crc32(repr([labels.get(name) for name in ("pod", "job", "service")]).encode()) % 3 == 0
    return {**labels, "exported_namespace": "tenant-a"} if third and "namespace" in labels else labels


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (pushed_aside, ("up",)),
        (under_an_older_name, ("up",)),
        (left_out, ("up",)),
        (of_some_applications, ("up", "kube_")),
    ],
)
def test_every_fault_is_found_on_its_own_entity(change: Change, kept: tuple[str, ...], tmp_path: Path) -> None:
    def changed(series: Series) -> Iterator[Series]:
        own = series.metric.startswith(kept)
        yield series if own else series._replace(labels=change(dict(series.labels)))

    write(FAULTS, tmp_path / "samples.om", copies=changed)
    with Prometheus(tmp_path / "samples.om", flags=NO_STALENESS) as server:
        told = judged(tmp_path, server.url)
    found = {case.id: told.observations(case) for case in FAULTS}
    assert not {name: told.looked_at(case) for case in FAULTS if len(found[name := case.id]) != 1}
    spaces = {each.entity.namespace for observations in told.found.values() for each in observations}
    assert spaces <= {"", *(case.subject.namespace for case in FAULTS)}
