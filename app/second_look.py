"""A second look at what objects tell: once it has lasted a while, the metrics of its namespace are asked once too.

A cycle does not ask them, since objects answer its row. They are asked after the cycle is stored, so that nobody waits
for them, and what they say goes to the ledger with the next one; nothing is asked while nothing is out of band.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from app.asking_once import asked_once, within
from app.corroboration import failed, note, testify
from app.planning import corroborating
from app.sources.base import SourceError
from detectors.model import KUBERNETES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from app.corroboration import Witness
    from app.evaluation import RowResult
    from app.judging import Surroundings
    from app.looking import MetricsLook
    from app.sources.prometheus.discovery import Discovery
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.entities import Resolver
    from detectors.model import Observation

SETTLED_SECONDS = 120.0
"""How long something has to be open: scrapes come later than watch events, and detectors have hold times."""

MOST_QUESTIONS = 4
"""Rows and namespaces asked about after one cycle; the others come after the next ones."""


class _Due(NamedTuple):
    """What is to be asked about one row in one namespace."""

    row: Row
    sources: tuple[RowSource, ...]
    keys: frozenset[str]
    """Of the entities that are out of band."""


class SecondLook:
    """Asks once about each anomaly; remembers which."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._asked: set[int] = set()
        """Ids of anomalies."""
        self._due: tuple[_Due, ...] = ()
        self._said: dict[tuple[str, str], tuple[Witness, ...]] = {}
        """What was said since the last cycle, by row id and entity key."""

    def witnessed(self, results: Mapping[str, RowResult]) -> dict[str, RowResult]:
        """The results of the rows about which something was said since the last cycle; that is told once."""
        said, self._said = self._said, {}
        found: dict[str, dict[str, Sequence[Witness]]] = {}
        for (row_id, key), witnesses in said.items():
            if row_id in results:
                found.setdefault(row_id, dict(results[row_id].witnesses))[key] = witnesses
        return {row_id: dataclasses.replace(results[row_id], witnesses=known) for row_id, known in found.items()}

    def consider(self, results: Mapping[str, RowResult], look: MetricsLook, around: Surroundings, now: float) -> None:
        """Note what is to be asked about after this cycle, the gravest first; `now` is of the clock that opens."""
        waiting: dict[tuple[str, str], list[Observation]] = {}
        ids: dict[tuple[str, str], set[int]] = {}
        for row_id, result in results.items():
            for observation in result.observations if result.conventions == (KUBERNETES,) else ():
                record = around.open.get((row_id, observation.entity.key))
                if record is None or record.id in self._asked or now - record.opened < SETTLED_SECONDS:
                    continue
                about = (row_id, observation.entity.namespace)
                waiting.setdefault(about, []).append(observation)
                ids.setdefault(about, set()).add(record.id)
        self._asked &= {record.id for record in around.open.values()}
        gravest = sorted(waiting, key=lambda about: -_gravity(waiting[about]))[:MOST_QUESTIONS]
        # Whatever comes of it: what could not be asked once will not be answered in the next minute.
        self._asked |= {number for about in gravest for number in ids[about]}
        assert look.discovery is not None
        self._due = tuple(
            _Due(row, sources, frozenset(o.entity.key for o in waiting[row_id, namespace]))
            for row_id, namespace in gravest
            if (row := results[row_id].row)
            and (sources := tuple(self._sources(row, namespace, look.discovery, look.frame.grid.step)))
        )

    def ask(self, look: MetricsLook, resolver: Resolver, around: Surroundings, progress: Callable[[str], None]) -> None:
        """Ask what is due, if anything is."""
        due, self._due = self._due, ()
        if not due or look.discovery is None:
            return
        wanted = [source for each in due for source in each.sources]
        found: dict[tuple[str, str], dict[str, Witness]] = {}
        with asked_once(wanted, look, look.discovery, look.frame, resolver, progress) as (measurer, affordable):
            for each in due:
                for source in affordable.intersection(each.sources):
                    try:
                        told = tuple(testify(each.row, measurer.measure(source, each.row.entity), each.keys, around))
                    except SourceError as error:
                        told = tuple((key, failed(source, error, look.frame)) for key in each.keys)
                    for key, witness in told:
                        note(found.setdefault((each.row.id, key), {}), witness)
        self._said = {about: tuple(witnesses.values()) for about, witnesses in found.items()}

    def _sources(self, row: Row, namespace: str, discovery: Discovery, step: int) -> Iterator[RowSource]:
        for source in corroborating(self._catalogue, row, discovery, step):
            if (narrowed := within(source, namespace)) is not None:
                yield narrowed


def _gravity(observations: Sequence[Observation]) -> int:
    return max(observation.severity.rank for observation in observations)
