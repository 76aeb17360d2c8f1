"""How each entity is to be judged in a cycle, found once for all rows: scope, annotations, whom guards leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.exemptions import exemptions
from app.tuning import in_scope

if TYPE_CHECKING:
    from app.annotations import Annotations
    from app.settings.schema import ScopeSettings
    from app.tuning import Tuning
    from detectors.cluster import ClusterState
    from detectors.model import Entity


class Standing(NamedTuple):
    """One entity's."""

    wanted: bool
    """In scope, and not switched off by annotation."""
    tuning: Tuning
    exempt: frozenset[str]
    """The guards that leave it out, in rows that have them."""

    def judged(self, exempting: frozenset[str]) -> bool:
        """Whether a row with these guards judges it."""
        return self.wanted and self.exempt.isdisjoint(exempting)


class Standings:
    """Everybody's in one cycle; each is found when it is first asked for."""

    def __init__(self, state: ClusterState | None, annotations: Annotations, scope: ScopeSettings) -> None:
        self._state = state
        self._annotations = annotations
        self._scope = scope
        self._found: dict[str, Standing] = {}

    def of(self, entity: Entity, key: str = "") -> Standing:
        """An entity's; `key` saves making it again where it is known."""
        key = key or entity.key
        found = self._found.get(key)
        if found is None:
            tuning = self._annotations.tuning_of(entity)
            wanted = not tuning.disabled and in_scope(entity, self._scope)
            found = self._found[key] = Standing(wanted, tuning, exemptions(entity, self._state))
        return found
