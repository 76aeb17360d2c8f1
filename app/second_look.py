"""A second look at what has been out of band for a while: the conventions that a cycle does not ask are asked once.

These are the metrics of rows that objects answer, and the sources that may support a finding but not raise one. They
are asked about the namespace of the entity, a few at a time, and never while nothing is out of band.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from app.corroboration import failed, gathered, note, testify
from app.planning import others
from app.sources.base import SourceError
from detectors.catalog.promql import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.corroboration import Witness
    from app.evaluation import RowResult
    from app.judging import Surroundings
    from app.looking import MetricsLook
    from app.planning import Plan
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.entities import Resolver
    from detectors.model import Observation

SETTLED_SECONDS = 120.0
"""How long something has to be open: scrapes come later than watch events, and detectors have hold times."""

MOST_QUESTIONS = 4
"""Rows and namespaces asked about in one cycle; the others come in the next ones."""


class _Due(NamedTuple):
    """What is to be asked about one row in one namespace."""

    row: Row
    sources: tuple[RowSource, ...]
    observations: tuple[Observation, ...]


class SecondLook:
    """Asks once about each anomaly; remembers which."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._asked: set[int] = set()
        """Ids of anomalies."""

    def witnessed(
        self,
        results: Mapping[str, RowResult],
        planned: Plan,
        look: MetricsLook,
        resolver: Resolver,
        around: Surroundings,
    ) -> dict[str, RowResult]:
        """The results of the rows about which somebody else had something to say."""
        due = tuple(self._due(results, planned, look, around))[:MOST_QUESTIONS]
        if not due:
            return {}
        found: dict[str, dict[str, dict[str, Witness]]] = {}
        # No earlier days: what is asked for once would fetch them for nobody else.
        look.measurer.begin(dataclasses.replace(look.frame, references=()), resolver)
        look.measurer.ask(source for each in due for source in each.sources)
        for each in due:
            mine = found.setdefault(each.row.id, {})
            for key, witness in _asked(each, look, around):
                note(mine.setdefault(key, {}), witness)
            self._asked |= {around.open[each.row.id, o.entity.key].id for o in each.observations}
        look.measurer.settle()
        return {row_id: _with(results[row_id], witnesses) for row_id, witnesses in found.items()}

    def _due(
        self, results: Mapping[str, RowResult], planned: Plan, look: MetricsLook, around: Surroundings
    ) -> Iterator[_Due]:
        """What to ask about, the gravest first."""
        waiting: dict[tuple[str, str], list[Observation]] = {}
        for row_id, result in results.items():
            for observation in result.observations:
                record = around.open.get((row_id, observation.entity.key))
                lasting = record is not None and around.now - record.opened >= SETTLED_SECONDS
                if record is not None and lasting and record.id not in self._asked:
                    waiting.setdefault((row_id, observation.entity.namespace), []).append(observation)
        self._asked &= {record.id for record in around.open.values()}
        for (row_id, namespace), members in sorted(waiting.items(), key=lambda item: -_gravity(item[1])):
            row, discovery = results[row_id].row, look.discovery
            assert discovery is not None
            found = others(self._catalogue, row, discovery, look.frame.grid.step, planned)
            if found:
                yield _Due(row, tuple(_narrowed(source, namespace) for source in found), tuple(members))


def _asked(due: _Due, look: MetricsLook, around: Surroundings) -> Iterator[tuple[str, Witness]]:
    for source in due.sources:
        keys = {o.entity.key for o in due.observations if o.source.convention != source.convention}
        try:
            yield from testify(due.row, look.measurer.measure(source, due.row.entity), keys, around)
        except SourceError as error:
            yield from ((key, failed(source, error, look.frame)) for key in keys)


def _narrowed(source: RowSource, namespace: str) -> RowSource:
    """The source about one namespace, where its series have a label for it."""
    label = next((name for name in ("exported_namespace", "namespace") if name in source.labels), "")
    return source.scoped(0, f"{label}={quoted(namespace)}") if namespace and label else source


def _gravity(observations: Sequence[Observation]) -> int:
    return max(observation.severity.rank for observation in observations)


def _with(result: RowResult, witnesses: Mapping[str, Mapping[str, Witness]]) -> RowResult:
    known = {key: (*result.witnesses.get(key, ()), *gathered(each.values())) for key, each in witnesses.items()}
    return dataclasses.replace(result, witnesses={**result.witnesses, **known})
