"""Which snapshot is shown: the newest, or the one the engineer froze to read in peace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.snapshot import Snapshot


class Freeze:
    """The newest snapshot and, while frozen, the one that stays."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.latest = snapshot
        self._kept: Snapshot | None = None
        self._touched: set[int] = set()

    @property
    def frozen(self) -> bool:
        """Whether newer snapshots are held back."""
        return self._kept is not None

    @property
    def age(self) -> float:
        """Seconds between what is shown and the newest."""
        return 0.0 if self._kept is None else self.latest.now - self._kept.now

    @property
    def shown(self) -> Snapshot:
        """What the screens show. Frozen rows stay, but one that was acted upon shows what became of it."""
        if self._kept is None:
            return self.latest
        newest = {row.investigation.id: row for row in self.latest.rows if row.investigation.id in self._touched}
        return replace(self._kept, rows=tuple(newest.get(row.investigation.id, row) for row in self._kept.rows))

    def arrive(self, snapshot: Snapshot) -> None:
        """A newer snapshot."""
        self.latest = snapshot

    def touch(self, investigations: Iterable[int]) -> None:
        """The engineer acted upon these."""
        self._touched.update(investigations)

    def toggle(self) -> bool:
        """Freeze or follow; True when it is frozen now."""
        self._kept = None if self.frozen else self.latest
        self._touched.clear()
        return self.frozen
