"""Reading a case: one investigation with all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.snapshot import Case

if TYPE_CHECKING:
    from storage.database import Store


def read_case(store: Store, number: int) -> Case | None:
    """The case of an investigation's number; None when there is none."""
    record = store.investigations.get(number)
    if record is None:
        return None
    return Case(
        investigation=record,
        anomalies=store.anomalies.of(number),
        evidence=store.evidence.of(number),
        timeline=store.timeline.of(number),
        history=store.history.of(number),
        conclusion=store.conclusions.of(number),
    )
