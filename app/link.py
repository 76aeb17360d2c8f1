"""The console's line to its session: every call of it runs on a lane and comes back as a message.

A session that was replaced (another cluster was chosen) may still speak for a moment; each carries a number, and the
console listens to the newest only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from app.lanes import Lanes
from app.messages import DATABASE, CallFailed, CatalogueLoaded, SessionOpened, SessionRefused, SnapshotArrived

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message import Message
    from textual.message_pump import MessagePump

    from app.connection import Choice, SessionFactory
    from app.snapshot import Session
    from detectors.catalog import Catalogue

    Post = Callable[[Message, MessagePump | None], object]

logger = logging.getLogger(__name__)

FAREWELL = 0.7
"""Seconds that quitting waits for calls that are under way; the engineer's last act is one of them."""


def reason_of(error: Exception) -> str:
    """What an exception says, in one line: its own sentence, and what to do."""
    message, hint = getattr(error, "message", "") or str(error) or type(error).__name__, getattr(error, "hint", "")
    return f"{message} - {hint}" if hint else message


def refusal_of(error: Exception, number: int) -> SessionRefused:
    """Why there is no session."""
    # With sqlite, which the first paint does not wait for.
    from storage.errors import StoreError

    trouble = str(getattr(error, "trouble", "") or type(error).__name__)
    message = getattr(error, "message", "") or str(error) or type(error).__name__
    if isinstance(error, StoreError):
        trouble, message = DATABASE, f"{error.path}: {error.what}"
    return SessionRefused(number, trouble, message, getattr(error, "hint", ""))


def packaged_catalogue() -> Catalogue:
    """The rows and conventions that come with the program."""
    from detectors.catalog import load

    return load()


class Link:
    """The session in use, and the lanes it is asked on."""

    def __init__(self, factory: SessionFactory, post: Post) -> None:
        self._factory = factory
        self._post = post
        self._lanes = Lanes()
        self.session: Session | None = None
        self.number = 0
        """Which session is listened to."""
        self.refused = False
        """The last attempt to open one failed."""
        self.choice: Choice | None = None
        """What was chosen for it; None for what the settings say."""

    def tell(self, message: Message, receiver: MessagePump | None = None) -> None:
        """Post a message from any thread; after the console has closed, nothing happens."""
        try:
            self._post(message, receiver)
        except RuntimeError:
            logger.debug("the console has closed: %r is dropped", message)

    def open(self, choice: Choice | None, memory: str) -> None:
        """End the session there is, open another; it starts to run once its store has told what it remembers."""
        self.number += 1
        number, old = self.number, self.session
        self.session, self.refused, self.choice = None, False, choice

        def open_session() -> None:
            session = None
            try:
                if old is not None:
                    old.stop()
                session = self._factory(choice)
                self.tell(SessionOpened(number, session, session.restored(), session.recall(memory)))
                session.start(lambda snapshot: self.tell(SnapshotArrived(number, snapshot)))
            except Exception as error:
                logger.exception("no session")
                if session is not None:
                    session.stop()
                self.tell(refusal_of(error, number))

        self._lanes.submit("session", open_session)

    def ask(
        self,
        lane: str,
        what: str,
        work: Callable[[Session], Message | None],
        receiver: MessagePump | None = None,
    ) -> None:
        """Let the session do something; the message it makes goes to the receiver (default: the console).

        Args:
            lane: Calls of one lane run in order: `acts` for what the engineer does, `reads`, `checks`.
            what: A few words for the toast when it fails.
            work: Runs on the lane.
            receiver: Who gets the message.
        """
        session = self.session
        if session is not None:
            self.run(lane, what, lambda: work(session), receiver)

    def run(
        self, lane: str, what: str, work: Callable[[], Message | None], receiver: MessagePump | None = None
    ) -> None:
        """The same without a session."""

        def call() -> None:
            try:
                message = work()
            except Exception as error:
                logger.exception("%s failed", what)
                self.tell(CallFailed(what, reason_of(error)))
            else:
                if message is not None:
                    self.tell(message, receiver)

        self._lanes.submit(lane, call)

    def load_catalogue(self, load: Callable[[], Catalogue], receiver: MessagePump) -> None:
        """Read the catalogue's files."""
        self.run("reads", "catalogue", lambda: CatalogueLoaded(load()), receiver)

    def close(self) -> None:
        """End the session and what is under way, soon: whoever is busy for longer is left to itself."""
        if (session := self.session) is not None:
            # After the engineer's last act, on its lane: stopping closes the store that it is written to.
            self._lanes.submit("acts", session.stop)
        if not self._lanes.close(FAREWELL):
            logger.warning("a call was still under way when the console closed")
