"""Fault, look-alike and quiet cases for every row by every convention that feeds it, from the catalogue itself.

    cases = acceptance_cases(load())          what there is to prove, by name
    write(cases, path)                        the samples of all of them, for one server

Every case has a subject of its own: a workload, node, claim or cluster that nothing else happens to. Rows that judge
the same traffic share its subjects, as they share its queries.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from detectors.catalog import DetectorKind
from detectors.catalog.compose import feeds
from detectors.catalog.schema import Convention, Instrument, Kind
from detectors.model import EntityType
from tests.lab.cases import AT
from tests.lab.labelling import Subject
from tests.lab.openmetrics import labels_text
from tests.lab.stories import HISTORY, is_traffic, stories_of, swinging
from tests.lab.telling import COMPANIONS, INTERVAL, Series, Teller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import TextIO

    from numpy.typing import NDArray

    from detectors.catalog import Catalogue, Row, RowSource
    from tests.lab.stories import Story

CLUSTER = "lab"
"""Of everything that is not a cluster-wide case, which has a cluster of its own."""
DAY = 86400


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to be judged."""

    row: Row
    source: RowSource
    instrument: Instrument
    convention: Convention
    select: str
    story: Story
    subject: Subject
    among_others: bool = False
    """Whether the convention feeds the row by other instruments too."""

    @property
    def id(self) -> str:
        """`row/convention/story`, with the instrument where a convention has several for the row."""
        return f"{self.row.id}/{self.told_by}/{self.story.name}"

    @property
    def told_by(self) -> str:
        """The convention, with the instrument where several of its instruments feed the row."""
        return f"{self.source.convention}:{self.instrument.name}" if self.among_others else self.source.convention

    @property
    def kind(self) -> str:
        """`fault`: found on the subject; `lookalike`, `quiet`: judged, and not found."""
        return self.story.kind

    @property
    def advice(self) -> bool:
        """Whether the row gives advice over days rather than findings."""
        return self.row.detector is DetectorKind.RIGHT_SIZING_PERCENTILE

    @property
    def sampled(self) -> bool:
        """Whether the Kubernetes API tells it, not a metrics server (`tests.lab.kubelets`)."""
        return self.source.sampled is not None

    @property
    def pending(self) -> bool:
        """Whether nothing judges the row yet."""
        return self.row.planned


def acceptance_cases(catalogue: Catalogue) -> tuple[Case, ...]:
    """All cases of primary sources, in the catalogue's order."""
    subjects: dict[tuple[str, ...], Subject] = {}
    return tuple(case for row in catalogue.rows for case in _cases_of(catalogue, row, subjects))


def _cases_of(catalogue: Catalogue, row: Row, subjects: dict[tuple[str, ...], Subject]) -> Iterator[Case]:
    sources = [source for source in catalogue.sources(row.id) if source.judges(row)]
    tellers = Counter(source.convention for source in sources)
    for source in sources:
        convention, instrument = _declared(catalogue, row, source)
        if row.detector is DetectorKind.RIGHT_SIZING_PERCENTILE and instrument.kind is Kind.EXPRESSION:
            # A number of a whole look-back is a witness beside what was used: `tests.app.sized` tells of both.
            continue
        select = next((read.select for read in row.reads if read.instrument == instrument.name), "")
        counter = instrument.kind is Kind.COUNTER
        companions = COMPANIONS.get((source.convention, instrument.name), ())
        filtered = any(companion.when != "always" for companion in companions)
        told = replace(row, unit=source.unit, guards=row.guards | dict(source.guards))
        for story in stories_of(told, source.queries[0].returns, counter=counter, filtered=filtered):
            if source.sampled is not None and story.kind == "lookalike" and story.yesterday:
                # What only another day explains is nothing that a few hours of samples can know.
                continue
            key = (story.name, "" if is_traffic(row) else row.id, source.convention, instrument.name, instrument.metric)
            name = "-".join(filter(None, key[:4])).replace("+", "-")
            if key not in subjects:
                cluster = name if row.entity is EntityType.CLUSTER else CLUSTER
                subjects[key] = Subject(name, len(subjects) + 1, cluster)
            yield Case(
                row, source, instrument, convention, select, story, subjects[key], tellers[source.convention] > 1
            )


def _declared(catalogue: Catalogue, row: Row, source: RowSource) -> tuple[Convention, Instrument]:
    """The declaration that a source was composed from; of a row's own expression, what such a one would be."""
    if row.promql:
        instrument = Instrument(name=row.id, kind=Kind.EXPRESSION, metric=source.detect_metric, promql=row.promql)
        return Convention(id=source.convention, title="", detect=(), identity={"default": row.identity}), instrument
    for convention in catalogue.conventions:
        for instrument in convention.instrument:
            named = (instrument.convention or convention.id, instrument.name)
            if named == (source.convention, source.instrument) and feeds(instrument, source.statistic):
                return convention, instrument
    raise KeyError(source.convention)


def healthy(catalogue: Catalogue) -> Iterator[Case]:
    """Every instrument of the catalogue in one healthy cluster, over a day's swing, with and without a rollout."""
    for case in acceptance_cases(catalogue):
        if case.kind == "quiet" and not (case.pending or case.advice or case.sampled):
            swings = is_traffic(case.row) or case.row.detector is DetectorKind.LEVEL_SHIFT
            calm = replaced(case.story, value=swinging(case.story.value)) if swings else case.story
            for name, story in (("calm", calm), ("rolled", replaced(calm, restarted=1800.0))):
                subject = case.subject._replace(name=f"{name}-{case.subject.name}", cluster="")
                yield replaced(case, story=story, subject=subject)


def series_of(case: Case, at: int = AT, history: int = HISTORY) -> Iterator[tuple[int, Series]]:
    """The samples of a case: seconds back from `at` (a day, where the day before went the same way) and a series."""
    ago = np.arange(history, -INTERVAL, -INTERVAL, dtype=np.float64)
    teller = Teller(case.convention, case.source, case.instrument, case.select, case.subject, case.story, at, ago)
    for series in teller.series():
        if case.story.yesterday:
            yield DAY, series
        yield 0, series


def once(series: Series) -> Iterable[Series]:
    """As it is."""
    return (series,)


def write(
    cases: Iterable[Case],
    path: Path,
    at: int = AT,
    history: int = HISTORY,
    *,
    append: bool = False,
    copies: Callable[[Series], Iterable[Series]] = once,
) -> int:
    """OpenMetrics of all cases' subjects, and of a scrape that works in each of their clusters; returns the samples.

    Args:
        cases: whose samples.
        path: the file.
        at: when they are judged, unix seconds.
        history: seconds of samples before that.
        append: to samples without an end mark.
        copies: what a server has in place of a series.
    """
    written = 0
    seen: set[tuple[str, int]] = set()
    ago = np.arange(history, -INTERVAL, -INTERVAL)
    chosen = {(case.subject, case.instrument.metric, case.instrument.buckets): case for case in cases}
    with path.open("a" if append else "w", encoding="utf-8") as out:
        for back in (DAY, 0):
            for series in _scrape({subject.cluster for subject, *_ in chosen}, len(ago)):
                for copy in copies(series):
                    written += _line(copy, at - back - ago, out, seen)
        for case in chosen.values():
            for back, series in series_of(case, at, history):
                for copy in copies(series):
                    written += _line(copy, at - back - ago, out, seen)
        out.write("# EOF\n")
    return written


def _scrape(clusters: Iterable[str], samples: int) -> Iterator[Series]:
    """What tells that somebody scrapes each cluster, as kube-state-metrics does; since yesterday at least."""
    always = np.ones(samples)
    for cluster in sorted(clusters):
        yield Series("up", {"job": "lab", "instance": "lab", "cluster": cluster}, always)
        yield Series("kube_pod_info", {"namespace": "lab", "pod": "lab-0", "cluster": cluster}, always)


def _line(series: Series, at: NDArray[np.int64], out: TextIO, seen: set[tuple[str, int]]) -> int:
    """One series' samples; nothing for one that is there already."""
    head = f"{series.metric}{labels_text(dict(series.labels))} "
    key = (head, int(at[0]))
    if key in seen:
        return 0
    seen.add(key)
    keep = np.flatnonzero(~np.isnan(series.values))
    stamps, values = at[keep].tolist(), series.values[keep].tolist()
    out.write("".join([f"{head}{value:.12g} {int(stamp)}\n" for stamp, value in zip(stamps, values, strict=True)]))
    return len(keep)
