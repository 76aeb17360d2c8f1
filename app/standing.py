"""How each entity is to be judged in a cycle, found once for all rows: scope, annotations, whom guards leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.exemptions import exemptions
from app.tuning import in_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.annotations import Annotations
    from app.settings.schema import ScopeSettings
    from app.tuning import Tuning
    from detectors.cluster import ClusterState
    from detectors.model import Entity

    Minutes = tuple[int, int]
    """Of the evaluation, and of the baseline."""


class Standings:
    """Everybody's in one cycle; each is found when it is first asked for.

    Entities are known by their keys, which the callers have at hand.
    """

    def __init__(self, state: ClusterState | None, annotations: Annotations, scope: ScopeSettings) -> None:
        self._state = state
        self._annotations = annotations
        self._scope = scope
        self._tunings: dict[str, Tuning | None] = {}
        self._exemptions: dict[str, frozenset[str]] = {}
        self._standings: dict[tuple[object, ...], list[tuple[Minutes, frozenset[str]] | None]] = {}
        """By keys, and which of them are wanted: their windows, and the guards that leave them out."""

    def tuning(self, key: str, entity: Entity) -> Tuning | None:
        """How an entity is judged; None when it is out of scope, or switched off by annotation."""
        if key not in self._tunings:
            tuning = self._annotations.tuning_of(key, entity)
            wanted = not tuning.disabled and in_scope(entity, self._scope)
            self._tunings[key] = tuning if wanted else None
        return self._tunings[key]

    def minutes(
        self, keys: tuple[str, ...], entities: Sequence[Entity], wanted: tuple[bool, ...], guards: frozenset[str]
    ) -> list[Minutes | None]:
        """By place, the windows of those wanted that no guard leaves out; found once for all rows that ask alike."""
        asked = keys, wanted
        if asked not in self._standings:
            told = zip(keys, entities, wanted, strict=True)
            self._standings[asked] = [self._standing(key, entity) if speaks else None for key, entity, speaks in told]
        return [each[0] if each is not None and guards.isdisjoint(each[1]) else None for each in self._standings[asked]]

    def _standing(self, key: str, entity: Entity) -> tuple[Minutes, frozenset[str]] | None:
        tuning = self.tuning(key, entity)
        if tuning is None:
            return None
        return (tuning.evaluation_minutes, tuning.baseline_minutes), self._exempting(key, entity)

    def exempt(self, key: str, entity: Entity, guards: frozenset[str]) -> bool:
        """Whether one of these guards leaves an entity out."""
        return not guards.isdisjoint(self._exempting(key, entity))

    def _exempting(self, key: str, entity: Entity) -> frozenset[str]:
        if key not in self._exemptions:
            self._exemptions[key] = exemptions(entity, self._state)
        return self._exemptions[key]
