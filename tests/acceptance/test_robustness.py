"""What real servers have and nobody documents: odd labels, double scrapes, empty denominators, hostile names, size.

Nothing crashes, nothing is counted twice, and what is sound is still found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from detectors.catalog import load
from detectors.model import Coverage
from storage.database import Store
from tests.app.rig import Rig, observations, settings
from tests.lab.cases import AT, NO_STALENESS
from tests.lab.fixtures import needs_servers
from tests.lab.openmetrics import labels_text
from tests.lab.servers import Prometheus
from tests.lab.stories import HISTORY
from tests.lab.synthesis import acceptance_cases, series_of, write
from tests.lab.telling import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from app.engine import Outcome
    from tests.lab.synthesis import Case
    from tests.lab.telling import Series

pytestmark = needs_servers

CATALOGUE = load()
ROW = "http-server-5xx-spike"
TIMES = AT - np.arange(HISTORY, -INTERVAL, -INTERVAL)
HOSTILE = (
    "[bold red]x[/]",
    "a'; DROP TABLE anomalies; --",
    "\x1b[31mred\x1b[0m",
    "../../etc/passwd",
    "ümlaut-日本語-🔥",
    '"}) or up{a="',
)
"""Names as whoever can write to the cluster may choose them."""


def case_of(row: str, convention: str, story: str) -> Case:
    """One case of the suite."""
    wanted = f"{row}/{convention}/{story}"
    return next(case for case in acceptance_cases(CATALOGUE) if case.id == wanted)


def changed(case: Case, change: Callable[[Series], Iterable[Series]]) -> Iterator[str]:
    """Lines of a case's samples after a change to each series."""
    for back, series in series_of(case):
        if not back:
            for each in change(series):
                yield from lines(each)


def lines(series: Series) -> Iterator[str]:
    """OpenMetrics lines of one series."""
    head = f"{series.metric}{labels_text(dict(series.labels))}"
    for at, value in zip(TIMES.tolist(), series.values.tolist(), strict=True):
        if value == value:
            yield f"{head} {value:.12g} {at}"


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Outcome]:
    """One cycle over the given lines, with the cluster's own scrape beside them."""

    def run(*groups: Iterable[str]) -> Outcome:
        path = tmp_path / "samples.om"
        write((), path)
        scrape = [f'up{{job="lab",instance="lab",cluster="lab"}} 1 {at}' for at in TIMES.tolist()]
        path.write_text("\n".join([*scrape, *(line for group in groups for line in group), "# EOF", ""]), "utf-8")
        with (
            Prometheus(path, flags=NO_STALENESS) as server,
            Store.open(tmp_path / "tocsin.db") as store,
            Rig(settings(tmp_path, prometheus=server.url), store, AT) as rig,
        ):
            return rig.cycle()

    return run


def found(outcome: Outcome, row: str = ROW) -> list[tuple[str, float]]:
    """Name and size of what one row found."""
    assert not [r for r, result in outcome.results.items() if result.status is Coverage.QUERY_ERROR]
    return [(each.entity.name, each.observed) for each in observations(outcome) if each.signal == row]


def facts_of(outcome: Outcome) -> str:
    """What was said of the findings, line by line."""
    return "\n".join(fact.text for each in observations(outcome) if each.signal == ROW for fact in each.facts)


def test_unknown_labels_change_nothing(judge: Callable[..., Outcome]) -> None:
    case = case_of(ROW, "istio", "errors")

    def more(series: Series) -> Iterator[Series]:
        # Half of the requests each: together they are what they were.
        for canary in ("yes", "no"):
            labels = {**series.labels, "canary": canary, "__weird__": "x", "node_pool": ""}
            yield series._replace(labels=labels, values=series.values / 2)

    outcome = judge(changed(case, more))
    assert [name for name, _ in found(outcome)] == [case.subject.name]
    # The finding tells how many requests it has judged: five minutes of twenty a second.
    counts = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) requests", facts_of(outcome))]
    assert counts == [pytest.approx(20 * 300, rel=0.1)]


@pytest.mark.parametrize("missing", ["destination_workload", "destination_workload_namespace", "response_code"])
def test_missing_labels_are_not_made_up(judge: Callable[..., Outcome], missing: str) -> None:
    broken, sound = case_of(ROW, "istio", "errors"), case_of(ROW, "istio", "quiet")

    def without(series: Series) -> Iterator[Series]:
        if missing in series.labels or series.metric.endswith("_bucket"):
            yield series._replace(labels={key: value for key, value in series.labels.items() if key != missing})

    def once(group: Iterable[str]) -> Iterator[str]:
        seen = set()
        for line in group:
            key = (line.rpartition("} ")[0], line.rpartition(" ")[2])
            if key not in seen:
                seen.add(key)
                yield line

    names = [name for name, _ in found(judge(once(changed(broken, without)), changed(sound, lambda s: [s])))]
    assert "" not in names
    assert sound.subject.name not in names
    assert names == ([broken.subject.name] if missing == "destination_workload_namespace" else [])


def test_two_scrapes_of_one_exporter_are_not_twice_the_number(judge: Callable[..., Outcome]) -> None:
    case = case_of("pod-crashloopbackoff", "kube-state-metrics", "lasting")

    def twice(series: Series) -> Iterator[Series]:
        for replica in ("a", "b"):
            yield series._replace(labels={**series.labels, "job": "kube-state-metrics", "instance": replica})

    assert found(judge(changed(case, twice)), case.row.id) == [(case.subject.name, 1.0)]


@pytest.mark.parametrize(
    "row", ["workload-cpu-throttling", "cluster-memory-usage-spike", "pvc-usage", "cluster-tcp-retransmits"]
)
def test_a_denominator_of_zero_is_no_share(judge: Callable[..., Outcome], row: str) -> None:
    case = next(
        case
        for case in acceptance_cases(CATALOGUE)
        if case.row.id == row and case.instrument.per and case.kind == "fault"
    )
    per = case.instrument.per
    assert per is not None

    def nothing(series: Series) -> Iterator[Series]:
        yield series._replace(values=0 * series.values) if series.metric == per.metric else series

    assert found(judge(changed(case, nothing)), row) == []


def test_a_histogram_of_200_buckets(judge: Callable[..., Outcome]) -> None:
    case = case_of("http-server-latency-p95", "client-lib", "slow")
    bounds = np.geomspace(0.001, 100, 200)

    def finer(series: Series) -> Iterator[Series]:
        if not series.metric.endswith("_bucket"):
            yield series
        elif series.labels["le"] == "+Inf":
            # Everything is as long as the story's median: 50 ms, and a second from 8 minutes before the end on.
            every = np.diff(series.values, prepend=series.values[0])
            slow = TIMES >= AT - 480
            yield series
            for bound in bounds.tolist():
                below = np.cumsum(np.where(slow, bound >= 1.0, bound >= 0.05) * every)
                yield series._replace(labels={**series.labels, "le": f"{bound:.6g}"}, values=below)

    ((name, value),) = found(judge(changed(case, finer)), case.row.id)
    assert name == case.subject.name
    assert value == pytest.approx(1.0, rel=0.07)


def test_hostile_and_foreign_names_are_names(judge: Callable[..., Outcome]) -> None:
    case = case_of(ROW, "istio", "errors")

    def renamed(name: str) -> Callable[[Series], Iterable[Series]]:
        own = {"destination_workload": name, "destination_workload_namespace": name}
        return lambda series: [series._replace(labels={**series.labels, **own})]

    outcome = judge(*(changed(case, renamed(name)) for name in HOSTILE))
    assert sorted(name for name, _ in found(outcome)) == sorted(HOSTILE)
