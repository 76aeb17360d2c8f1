"""A store with cases and a delivery that works when the test says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.clock import ManualClock
from app.notify.delivery import Delivery
from tests.app.notify.samples import NOW, settings

if TYPE_CHECKING:
    from storage.database import Store
    from storage.records import MessageRecord


class Bench:
    """What a console has, but for its thread."""

    def __init__(self, store: Store, now: float = NOW, **given: Any) -> None:
        self.settings = settings(**given)
        self.store, self.clock = store, ManualClock(now)
        self.delivery = Delivery(store, self.settings, self.clock)

    def run(self, later: float = 0.0) -> None:
        """Deliver everything that is due."""
        self.clock.set(self.clock.now() + later)
        while self.delivery.step():
            pass

    @property
    def only(self) -> MessageRecord:
        [record] = self.store.outbox.listed()
        return record

    def to(self, destination: str) -> MessageRecord:
        [record] = [each for each in self.store.outbox.listed() if each.destination == destination]
        return record
