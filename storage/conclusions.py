"""What investigations came to: the last conclusion of each case, with the ledger that it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from storage import evidence, outbox, timeline
from storage.codec import clean, struct_json
from storage.lease import require_lease_of
from storage.records import Conclusion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.connections import Connections
    from storage.records import Announcement, EvidenceRecord, TimelineEntry

_read = msgspec.json.Decoder(Conclusion).decode


class Conclusions:
    """Reads and writes conclusions; a case has at most one, the newest."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of(self, investigation: int) -> Conclusion | None:
        """The last conclusion of a case; None while it has not been investigated."""
        with self._connections.read() as connection:
            row = connection.execute("SELECT body FROM conclusion WHERE investigation = ?", (investigation,)).fetchone()
            return _read(row[0]) if row else None

    def many(self, investigations: Iterable[int]) -> dict[int, Conclusion]:
        """The last conclusions of several cases, by id; those that have none are left out."""
        with self._connections.read() as connection:
            rows = connection.execute(
                """SELECT investigation, body FROM conclusion
                WHERE investigation IN (SELECT value FROM json_each(?))""",
                (str(list(investigations)),),
            )
            return {number: _read(body) for number, body in rows}

    def tell(self, lines: Sequence[EvidenceRecord], owner: str = "") -> None:
        """Add to ledgers what an investigation has found so far.

        Args:
            lines: of cases of one cluster.
            owner: the process that runs the cycles of the cluster; empty where nobody else can write.

        Raises:
            LeaseError: another process took over the cluster; nothing was stored.
            StoreError: nothing was stored.
        """
        with self._connections.write() as connection:
            if owner and lines:
                require_lease_of(connection, self._connections.path, lines[0].investigation, owner)
            evidence.append(connection, lines)

    def write(
        self,
        conclusion: Conclusion,
        lines: Iterable[EvidenceRecord],
        changes: Iterable[TimelineEntry] = (),
        owner: str = "",
        announcement: Announcement | None = None,
    ) -> None:
        """Store what a case came to, in place of what it came to before; all of it or nothing.

        Args:
            conclusion: whose investigation is known.
            lines: the whole ledger of this run, in its order; it takes the place of an earlier run's.
            changes: dated things found around it; those already on its timeline are not added again.
            owner: the process that runs the cycles of the cluster; empty where nobody else can write.
            announcement: what the outside shall be told of it.

        Raises:
            LeaseError: another process took over the cluster; nothing was stored.
            StoreError: nothing was stored.
        """
        case = conclusion.investigation
        with self._connections.write() as connection:
            if owner:
                require_lease_of(connection, self._connections.path, case, owner)
            evidence.withdraw(connection, case)
            evidence.append(connection, lines)
            timeline.append(connection, ((case, entry) for entry in changes))
            lead = conclusion.causes[0].title if conclusion.causes else ""
            connection.execute(
                "UPDATE investigation SET verdict = ?, priority = ?, cause = ? WHERE id = ?",
                (conclusion.verdict.value, conclusion.priority.value, clean(lead), case),
            )
            connection.execute(
                "INSERT OR REPLACE INTO conclusion VALUES (?, ?, ?)",
                (case, conclusion.at, struct_json(conclusion)),
            )
            if announcement is not None:
                outbox.announce(connection, case, announcement, conclusion.at)
