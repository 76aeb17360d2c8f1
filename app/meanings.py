"""What series' labels mean: which entity each is about, whose pods are scraped, which requests failed.

Labels keep their meaning from one cycle to the next, for as long as the objects that they name are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import structs

from app.indexing import UNSETTLED, Hosts, Index
from detectors.catalog import Returns
from detectors.model import EntityType, Identity
from detectors.series import SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from detectors.catalog import RowSource
    from detectors.catalog.identity import Identifier
    from detectors.entities import Resolver
    from detectors.model import Entity
    from detectors.series import Labels

MOST_LABELS = 200_000
"""Label sets whose meaning is remembered: pods come and go for as long as the program runs."""


class Meanings:
    """What labels mean, found out once."""

    def __init__(self) -> None:
        self._entities: dict[tuple[Identifier, Labels, EntityType], Entity] = {}
        self._hosts = Hosts()
        self._indexes: dict[tuple[object, ...], Index] = {}
        self._failures: dict[tuple[Labels, tuple[str, ...]], bool] = {}
        self._kinds: dict[tuple[str, str, str], str] = {}
        """By cluster, namespace and name, of workloads whose kind some convention tells."""
        self._resolver: Resolver | None = None
        self._named: tuple[tuple[Labels, ...], list[str]] = (), []
        """Targets' labels, and their workloads' keys."""
        self._used: set[tuple[object, ...]] = set()
        """The indexes that this cycle has needed."""

    def begin(self, resolver: Resolver) -> None:
        """Start a cycle; what could not be resolved is tried again with the new objects."""
        self._resolver = resolver
        self._forget()

    def index(self, source: RowSource, blocks: Sequence[SeriesBlock], kind: EntityType) -> Index:
        """Which entity each series is about: as in the cycle before, where it has the same series and all is known."""
        key = (source.identity, source.queries, source.history, kind)
        self._used.add(key)
        found = self._indexes.pop(key, None)
        if found is None or found.series != [block.labels for block in blocks]:
            pods = source.identity.pod_labels
            found = Index(lambda labels: self._entity(source.identity, labels, kind), source.parts, pods)
            for query, block in zip(source.queries, blocks, strict=True):
                (found.add_known if query.returns is Returns.PER else found.add)(block)
        if all(entity.kind not in UNSETTLED for entity in found.entities):
            self._indexes[key] = found
        return found

    def meet(self, index: Index) -> None:
        """Learn workloads' kinds from what tells them, so that others' names mean the same ones."""
        for entity in index.entities:
            if entity.type is EntityType.WORKLOAD and entity.kind not in UNSETTLED:
                self._kinds[entity.cluster, entity.namespace, entity.name] = entity.kind

    def met(self) -> None:
        """Resolve again what is not settled: others may have told the kind of it."""
        self._entities = {key: entity for key, entity in self._entities.items() if entity.kind not in UNSETTLED}

    def targets(self, series: tuple[Labels, ...]) -> list[str]:
        """The key of the workload of each target; as in the cycle before, where they are the same and all are known."""
        known, keys = self._named
        if known != series:
            assert self._resolver is not None
            pairs = [dict(labels) for labels in series]
            named = [Identity(namespace=each.get("namespace", ""), pod=each.get("pod", "")) for each in pairs]
            entities = [self._resolver.entity(identity, EntityType.WORKLOAD) for identity in named]
            keys = [entity.key for entity in entities]
            settled = all(entity.kind not in UNSETTLED for entity in entities)
            self._named = (series, keys) if settled else ((), [])
        return keys

    def failing(
        self, source: RowSource, block: SeriesBlock, index: NDArray[np.intp]
    ) -> tuple[SeriesBlock, NDArray[np.intp]]:
        """The series of a block that count failures."""
        failing = np.array([self._is_error(source, labels) for labels in block.labels], dtype=bool)
        labels = tuple(labels for labels, fails in zip(block.labels, failing, strict=True) if fails)
        return SeriesBlock(block.times, block.values[failing], labels), index[failing]

    def _forget(self) -> None:
        """Let go of what the last cycle did not need, and of meanings once they are too many."""
        self._indexes = {key: index for key, index in self._indexes.items() if key in self._used}
        self._used.clear()
        if len(self._entities) > MOST_LABELS:
            self._entities.clear()
        if len(self._failures) > MOST_LABELS:
            self._failures.clear()
        self.met()

    def _entity(self, identity: Identifier, labels: Labels, kind: EntityType) -> Entity:
        relevant = identity.relevant(labels)
        key = (identity, relevant, kind)
        found = self._entities.get(key)
        if found is None:
            assert self._resolver is not None
            entity = self._resolver.entity(identity.identify(dict(relevant)), kind)
            if entity.kind in UNSETTLED:
                known = self._kinds.get((entity.cluster, entity.namespace, entity.name), entity.kind)
                entity = structs.replace(entity, kind=known)
            found = self._entities[key] = self._hosts.bounded(entity)
        return found

    def _is_error(self, source: RowSource, labels: Labels) -> bool:
        key = (labels, source.errors)
        if key not in self._failures:
            self._failures[key] = source.is_error(dict(labels))
        return self._failures[key]
