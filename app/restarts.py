"""Which container restarts are known, also those that were seen before this process began."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from detectors.cluster import Restart
from storage.records import RestartRecord
from storage.restarts import KEPT_SECONDS

if TYPE_CHECKING:
    from detectors.cluster import ClusterState
    from storage.database import Store


@dataclass
class RestartMemory:
    """The restarts of one cluster, by who and when: what a source sees, and what is stored."""

    cluster: str
    store: Store
    _known: dict[tuple[str, str, float], Restart] = field(default_factory=dict)
    _new: tuple[Restart, ...] = ()

    def restore(self, now: float) -> None:
        """Begin from what is stored."""
        stored = self.store.restarts.since(self.cluster, now - KEPT_SECONDS)
        self._known = {(each.pod, each.container, each.at): msgspec.convert(each, Restart, from_attributes=True)
                       for each in stored}  # fmt: skip

    def remembered(self, state: ClusterState) -> ClusterState:
        """A cluster's state with all restarts that are known of its last hours, oldest first."""
        seen = {(each.pod, each.container, each.at): each for each in state.restarts}
        self._new = tuple(each for key, each in seen.items() if key not in self._known)
        both = self._known | seen
        self._known = {key: each for key, each in both.items() if each.at >= state.at - KEPT_SECONDS}
        return dataclasses.replace(state, restarts=tuple(sorted(self._known.values(), key=lambda each: each.at)))

    @property
    def unstored(self) -> tuple[RestartRecord, ...]:
        """What the last state brought that is not stored yet."""
        return tuple(msgspec.convert(each, RestartRecord, from_attributes=True) for each in self._new)
