"""How each entity is to be judged in a cycle, found once for all rows: scope, annotations, whom guards leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.exemptions import exemptions
from app.tuning import in_scope

if TYPE_CHECKING:
    from app.annotations import Annotations
    from app.settings.schema import ScopeSettings
    from app.tuning import Tuning
    from detectors.cluster import ClusterState
    from detectors.model import Entity


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

    def tuning(self, key: str, entity: Entity) -> Tuning | None:
        """How an entity is judged; None when it is out of scope, or switched off by annotation."""
        if key not in self._tunings:
            tuning = self._annotations.tuning_of(key, entity)
            wanted = not tuning.disabled and in_scope(entity, self._scope)
            self._tunings[key] = tuning if wanted else None
        return self._tunings[key]

    def exempt(self, key: str, entity: Entity, guards: frozenset[str]) -> bool:
        """Whether one of these guards leaves an entity out."""
        if key not in self._exemptions:
            self._exemptions[key] = exemptions(entity, self._state)
        return not guards.isdisjoint(self._exemptions[key])
