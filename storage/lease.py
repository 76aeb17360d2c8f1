"""Who may write what the cycles of a cluster come to: the process that holds its lease (`storage.cycles`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.errors import LeaseError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


def require_lease_of(connection: sqlite3.Connection, path: Path, investigation: int, owner: str) -> None:
    """The same for the cluster that a case is of. Raises LeaseError."""
    row = connection.execute("SELECT cluster FROM investigation WHERE id = ?", (investigation,)).fetchone()
    require_lease(connection, path, row[0] if row else 0, owner)


def require_lease(connection: sqlite3.Connection, path: Path, cluster: int, owner: str) -> None:
    """Fence off a process that was asleep while another took over a cluster, by its id.

    Raises:
        LeaseError: another process holds it, or nobody does.
    """
    row = connection.execute("SELECT owner FROM lease WHERE cluster = ?", (cluster,)).fetchone()
    if row is None or row[0] != owner:
        raise LeaseError(path, "another process now writes the cycles of this cluster", "This one follows as a reader.")
