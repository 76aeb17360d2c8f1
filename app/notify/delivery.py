"""The worker that claims messages from the outbox and sends them."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from typing import TYPE_CHECKING

import msgspec

from app.clock import SystemClock
from app.notify.courier import Outcome
from app.notify.message import Message, Summary, message_of, summary
from app.secrets import Secrets
from app.sources.base import SourceError
from storage.errors import StoreError
from storage.records import MessageState

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.clock import Clock
    from app.notify.courier import Courier
    from app.notify.settings import Destination, NotifySettings
    from storage.database import Store
    from storage.records import MessageRecord

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
CLAIM_SECONDS = 60.0
"""How long a message is this process's; more than a request may take."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 900.0
"""Seconds before the second try, doubled for each one after it."""
MOST_ATTEMPTS = 40
"""Half a night; then the message is given up, and the outbox says so."""
STOP_SECONDS = 3.0


def _courier(name: str, destination: Destination, secrets: Secrets) -> Courier:
    # slack-sdk is imported only where a message goes there.
    from app.notify.slack import courier

    return courier(name, destination, secrets)


class Delivery:
    """Delivers the messages of one store to the destinations of the settings. Other processes may do the same.

    Args:
        store: holds the outbox.
        settings: destinations and limits; without destinations it does nothing.
        clock: of this machine.
        courier: makes what brings messages to a destination.
    """

    def __init__(
        self,
        store: Store,
        settings: NotifySettings,
        clock: Clock | None = None,
        courier: Callable[[str, Destination, Secrets], Courier] = _courier,
    ) -> None:
        self._store, self._settings, self._courier = store, settings, courier
        self._clock = clock or SystemClock()
        self._owner = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._secrets = Secrets()
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to deliver in the background; again is harmless."""
        if self._settings.destinations and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="delivery", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End soon. What is being posted then may become unsure."""
        self._leaving.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        while not self._leaving.is_set():
            try:
                done = self.step()
            except StoreError as error:
                log.warning("the outbox: %s", error)
                done = False
            except Exception:
                log.exception("delivering")
                done = False
            if not done:
                self._leaving.wait(POLL_SECONDS)

    def step(self) -> bool:
        """Deliver one message, if one is due; returns whether there was one.

        Raises:
            StoreError: what became of it could not be stored; a first post becomes unsure.
        """
        now, limit = self._clock.now(), self._settings.hourly_limit
        names = tuple(self._settings.destinations)
        for name in names:
            self._store.outbox.summarise(name, now, limit, summary)
        if not self._store.outbox.busy(now, names):
            return False
        record = self._store.outbox.claim(self._owner, now, CLAIM_SECONDS, names, limit)
        if record is None:
            return False
        if self._settings.dry_run:
            hint = "Switch notify.dry_run off; then `tocsin notify retry ID` sends it."
            self._store.outbox.unsent(record, MessageState.HELD, "a dry run: it was not sent", hint)
            return True
        self._deliver(record)
        return True

    def _deliver(self, record: MessageRecord) -> None:
        try:
            message = message_of(record)
            courier = self._courier(record.destination, self._settings.destinations[record.destination], self._secrets)
        except SourceError as error:
            self._unsent(record, Outcome(MessageState.WAITING, error.message, error.hint))
            return
        except msgspec.DecodeError as error:
            hint = "Another version of Tocsin wrote it: let that one deliver it."
            self._unsent(record, Outcome(MessageState.FAILED, f"the message cannot be read: {error}", hint))
            return
        outcome = _brought(courier, record, message)
        if outcome.state is not MessageState.SENT:
            self._unsent(record, outcome)
            return
        mine = self._store.outbox.sent(record, self._clock.now(), outcome.channel, outcome.ts)
        # After it is known that it was sent: a line too few in a thread is better than one twice.
        if mine and record.sent and outcome.ts and record.told != record.headline:
            told = courier.reply(record.headline, outcome.channel, outcome.ts)
            if told.state is not MessageState.SENT:
                log.warning("%s: the thread was not told: %s", record.destination, told.error)

    def _unsent(self, record: MessageRecord, outcome: Outcome) -> None:
        now, state, error = self._clock.now(), outcome.state, outcome.error
        if state is MessageState.WAITING and record.attempts + 1 >= MOST_ATTEMPTS and not outcome.wait:
            state, error = MessageState.FAILED, f"{error}; given up after {MOST_ATTEMPTS} tries"
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(record.attempts, 10))
        wait = now + outcome.wait if outcome.wait else 0.0
        self._store.outbox.unsent(record, state, error, outcome.hint, again=now + pause, wait=wait)


def _brought(courier: Courier, record: MessageRecord, message: Message | Summary) -> Outcome:
    """Post it, or bring up to date what is there."""
    if not record.sent:
        return courier.post(message)
    if record.ts:
        return courier.edit(message, record.channel, record.ts)
    if record.told == record.headline:
        # It cannot be edited, and a second message that says the same is no news.
        return Outcome(MessageState.SENT)
    return courier.post(message)
