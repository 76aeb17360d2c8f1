"""The worker that claims messages from the outbox and sends them."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from typing import TYPE_CHECKING

import msgspec

from app.clock import SystemClock
from app.notify.courier import REPEATABLE, Illustrator, Outcome, courier
from app.notify.holding import DRY_RUN, held, quiet
from app.notify.judging import judged
from app.notify.message import Message, Summary, message_of, summary
from app.notify.rules import withheld
from app.notify.silences import JUDGE_SECONDS, Silences
from app.secrets import Secrets
from app.sources.base import SourceError
from storage.codec import clean
from storage.errors import StoreError
from storage.records import HeldBy, Hold, MessageState

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.clock import Clock
    from app.notify.courier import Courier
    from app.notify.destinations import Destination
    from app.notify.settings import NotifySettings
    from storage.database import Store
    from storage.records import MessageRecord

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
CLAIM_SECONDS = 60.0
"""How long a message is this process's; more than a request may take."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 900.0
"""Seconds before the second try, doubled for each one after it."""
STOP_SECONDS = 3.0


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
        courier: Callable[[str, Destination, Secrets, Clock], Courier] = courier,
    ) -> None:
        self._store, self._settings, self._courier = store, settings, courier
        self._clock = clock or SystemClock()
        self._owner = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._secrets = Secrets()
        self._silences = Silences(settings, self._secrets, self._clock)
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
        now, outbox = self._clock.now(), self._store.outbox
        names = tuple(self._settings.destinations)
        for name in names:
            if not quiet(self._settings, name, now):
                outbox.summarise(name, now, self._settings.hourly_limit, summary)
        if not outbox.busy(now, names):
            return False
        record = outbox.claim(
            self._owner,
            now,
            CLAIM_SECONDS,
            names,
            lambda message, posted: held(self._settings, message, posted, now),
            tuple(name for name in names if self._settings.destinations[name].kind in REPEATABLE),
        )
        if record is None:
            return False
        if self._settings.dry_run:
            outbox.hold(record, DRY_RUN)
            return True
        self._deliver(record)
        return True

    def _deliver(self, record: MessageRecord) -> None:
        destination = self._settings.destinations[record.destination]
        try:
            message = self._message(record)
            if (reason := self._kept_back(record, message)) is not None:
                self._store.outbox.hold(record, reason)
                return
            courier = self._courier(record.destination, destination, self._secrets, self._clock)
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
        elif self._sent(record, outcome, clean(message.headline)) and outcome.ts:
            # After it is known that it was sent: a line too few in a thread is better than one twice.
            self._follow(record, courier, outcome, clean(message.headline))

    def _sent(self, record: MessageRecord, outcome: Outcome, told: str) -> bool:
        """Write down that it was sent; returns whether it was still this one's to say."""
        now = self._clock.now()
        again = now + outcome.again if outcome.again else None
        remark = "" if record.sent else "; ".join(self._silences.troubles())
        return self._store.outbox.sent(record, now, outcome.channel, outcome.ts, told=told, again=again, remark=remark)

    def _follow(self, record: MessageRecord, courier: Courier, posted: Outcome, told: str) -> None:
        """What goes into the thread: the chart of what is new, the news of what was there."""
        if not record.sent:
            if self._settings.destinations[record.destination].chart and isinstance(courier, Illustrator):
                self._illustrate(record, courier, posted)
        elif record.told != told:
            outcome = courier.reply(told, posted.channel, posted.ts)
            if outcome.state is not MessageState.SENT:
                log.warning("%s: the thread was not told: %s", record.destination, outcome.error)

    def _illustrate(self, record: MessageRecord, courier: Illustrator, posted: Outcome) -> None:
        """Put the chart of a case into the thread of its new message."""
        # Pillow and numpy are imported only where a chart is drawn.
        from app.notify.chart import chart_of

        try:
            chart = chart_of(self._store.anomalies.of(record.investigation or 0))
        except ValueError as error:
            self._store.outbox.remark(record.id, f"the chart could not be drawn: {error}", "")
            return
        if chart is None:
            return
        outcome = courier.attach(chart, posted.channel, posted.ts)
        if outcome.state is not MessageState.SENT:
            self._store.outbox.remark(record.id, outcome.error, outcome.hint)

    def _message(self, record: MessageRecord) -> Message | Summary:
        """What the engine has to say, with what the engineers did about it by now."""
        message = message_of(record)
        if isinstance(message, Summary):
            return message
        case = self._store.investigations.get(message.case)
        return message if case is None else judged(message, case, self._store.history.of(message.case))

    def _kept_back(self, record: MessageRecord, message: Message | Summary) -> Hold | None:
        """What keeps a message from being posted that nothing in the outbox does."""
        if record.sent or record.by_hand or isinstance(message, Summary):
            return None
        now = self._clock.now()
        case = self._store.investigations.get(message.case)
        if case is not None and (why := withheld(case, now)):
            hint = "It is sent when that ends, if the case is not over by then."
            return Hold(HeldBy.TRIAGE, why, hint, now + JUDGE_SECONDS)
        if self._settings.destinations[record.destination].kind == "alertmanager":
            return None
        return self._silences.holding(message)

    def _unsent(self, record: MessageRecord, outcome: Outcome) -> None:
        now, state, error = self._clock.now(), outcome.state, outcome.error
        if state is MessageState.WAITING and record.attempts + 1 >= self._settings.attempts and not outcome.wait:
            state, error = MessageState.FAILED, f"{error}; given up after {self._settings.attempts} tries"
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(record.attempts, 10))
        wait = now + outcome.wait if outcome.wait else 0.0
        self._store.outbox.unsent(record, state, error, outcome.hint, again=now + pause, wait=wait)


def _brought(courier: Courier, record: MessageRecord, message: Message | Summary) -> Outcome:
    """Post it, or bring up to date what is there."""
    key = f"tocsin-{record.id}-{int(record.created)}-{record.wanted}"
    if not record.sent:
        return courier.post(message, key)
    if record.ts:
        return courier.edit(message, key, record.channel, record.ts)
    if record.told == clean(message.headline):
        # It cannot be edited, and a second message that says the same is no news.
        return Outcome(MessageState.SENT)
    return courier.post(message, key)
