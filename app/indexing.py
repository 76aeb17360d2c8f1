"""Which entity, and which part of it, every series of an answer is about."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from detectors.assemble import Cells
from detectors.model import Entity, EntityType

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from detectors.series import Labels, SeriesBlock

UNSETTLED = ("Workload", "Service (unresolved)")
"""Kinds of entities of which only metrics tell: what they are is not known."""
HOSTS = 100
"""External hosts of one workload that are judged by themselves; the others are judged together."""
OTHER_HOSTS = "other hosts"


class Index:
    """Numbers entities in the order in which series mention them, each of their parts by itself.

    Args:
        entity_of: resolves a series' labels.
        parts: labels that tell an entity's parts apart.
        pods: labels with pods' names, which an expression about the entity replaces by a pattern.
    """

    def __init__(
        self, entity_of: Callable[[Labels], Entity], parts: Collection[str] = (), pods: Collection[str] = ()
    ) -> None:
        self._entity_of = entity_of
        self._parts = parts
        self._pods = pods
        self._places: dict[tuple[str, Labels], int] = {}
        self.keys: list[str] = []
        """Of the entity at each place; an entity with several parts has several places."""
        self.entities: list[Entity] = []
        self.labels: list[Labels] = []
        """What all series of a place have in common, and one of its pods."""
        self.series: list[tuple[Labels, ...]] = []
        """Of each block that was added."""
        self.rows: list[NDArray[np.intp]] = []
        """Of each block: its series' places."""

    @property
    def size(self) -> int:
        """How many places there are."""
        return len(self.entities)

    def cells(self, series: tuple[Labels, ...], rows: NDArray[np.intp]) -> Cells:
        """Where each series of a histogram belongs; remembered for the block that tells of the entities."""
        return self._cells if rows is self.rows[0] else Cells.of(series, rows)

    @cached_property
    def _cells(self) -> Cells:
        return Cells.of(self.series[0], self.rows[0])

    @cached_property
    def workloads(self) -> list[str]:
        """Of each place, the key of the workload that is meant, or that calls."""
        return [workload_of(entity).key for entity in self.entities]

    def add(self, block: SeriesBlock) -> None:
        """Number the entities of another block's series; -1 for series that name none.

        Calls to nobody in particular are told apart from others only where a source hides all of its peers.
        """
        entities = [self._entity_of(labels) for labels in block.labels]
        named = any(entity.peer for entity in entities)
        places = (
            -1 if named and entity.type is EntityType.DEPENDENCY and not entity.peer else self._place(entity, labels)
            for entity, labels in zip(entities, block.labels, strict=True)
        )
        self.series.append(block.labels)
        self.rows.append(np.fromiter(places, dtype=np.intp, count=len(entities)))

    def add_known(self, block: SeriesBlock) -> None:
        """Find the entities of a block that tells nothing by itself."""
        self.series.append(block.labels)
        self.rows.append(self.known(block))

    def known(self, block: SeriesBlock) -> NDArray[np.intp]:
        """The places of a block's series, -1 for those that no added block has."""
        keys = ((self._entity_of(labels).key, self._part(labels)) for labels in block.labels)
        return np.array([self._places.get(key, -1) for key in keys], dtype=np.intp)

    def _part(self, labels: Labels) -> Labels:
        return tuple([pair for pair in labels if pair[0] in self._parts]) if self._parts else ()

    def _place(self, entity: Entity, labels: Labels) -> int:
        key = (entity.key, self._part(labels))
        place = self._places.get(key)
        if place is not None:
            if (shared := self.labels[place]) != labels:
                self.labels[place] = tuple([p for p in shared if p in labels or p[0] in self._pods])
            return place
        if not entity.name:
            return -1
        place = self._places[key] = len(self.entities)
        self.keys.append(key[0])
        self.entities.append(entity)
        self.labels.append(labels)
        return place


class Hosts:
    """Bounds how many external hosts of a workload are told apart: first come, for as long as the program runs."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def bounded(self, entity: Entity) -> Entity:
        """The entity, or the one that stands for all hosts beyond the bound."""
        if entity.type is not EntityType.DEPENDENCY or not entity.name:
            return entity
        known = self._known.setdefault(workload_of(entity).key, set())
        if entity.peer in known or len(known) < HOSTS:
            known.add(entity.peer)
            return entity
        return msgspec.structs.replace(entity, peer=OTHER_HOSTS)


def workload_of(entity: Entity) -> Entity:
    """The workload that an entity is, or whose call it is."""
    if entity.type in (EntityType.DEPENDENCY, EntityType.DATABASE):
        return msgspec.structs.replace(entity, type=EntityType.WORKLOAD, peer="")
    return entity
