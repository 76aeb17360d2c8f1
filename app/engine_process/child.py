"""What runs in the engine's process: it opens a session, and does what it is asked until the console is gone."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import pickle
import queue
import socket
import threading
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from msgspec import msgpack

from app.engine_process.calls import calls_of
from app.engine_process.changes import Outgoing
from app.engine_process.errors import packed
from app.engine_process.wire import OPENING, Ask, Done, Failed, Wire
from app.lanes import Lanes
from app.session import STOP_SECONDS
from app.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from msgspec import Struct

    from app.engine_process.calls import Call
    from app.engine_process.process import Opening
    from app.snapshot import Session

log = logging.getLogger(__name__)

COLLECT_AFTER = 50_000
"""New containers before the collector looks at them: nobody waits for a key here."""
NICENESS = 10
"""Where cores are short, the key that the engineer presses goes before the cycle that nobody waits for."""
LAST_SECONDS = STOP_SECONDS + 2
"""After which a process whose console is gone ends, whatever it still does."""


def main(descriptor: int) -> None:
    """Serve the console at the other end of an inherited socket, then end."""
    faulthandler.enable()
    gc.set_threshold(COLLECT_AFTER)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if hasattr(os, "nice"):
        # Before there are others: on Linux it is a thread's own, and those that it starts inherit it.
        os.nice(NICENESS)
    wire = Wire(socket.socket(fileno=descriptor))
    if (first := next(wire.messages(), None)) is None:
        return
    opening: Opening = pickle.loads(first)
    from app.commands.common import log_to

    log_to(opening.log_file)
    try:
        session: Session = resolve_name(opening.function)(*opening.arguments)
    except Exception as error:
        log.exception("no session")
        wire.send(msgpack.encode(Failed(OPENING, packed(error))))
        return
    wire.send(msgpack.encode(Done(OPENING)))
    Server(wire, session, calls_of(resolve_name(opening.protocol))).serve()
    faulthandler.dump_traceback_later(LAST_SECONDS, exit=True)
    session.stop()
    wire.close()


class Sender:
    """Sends messages on a thread of its own. Of snapshots that could not be sent yet only the newest is."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._snapshots = Outgoing(Snapshot)
        self._queue: queue.SimpleQueue[Iterable[Struct] | None] = queue.SimpleQueue()
        self._newest: Snapshot | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._work, name="sender", daemon=True).start()

    def tell(self, snapshot: Snapshot) -> None:
        """Send a snapshot, after all that was put here before."""
        with self._lock:
            waiting, self._newest = self._newest is not None, snapshot
        if not waiting:
            self._queue.put(None)

    def put(self, messages: Iterable[Struct]) -> None:
        """Send messages, after all that was put here before."""
        self._queue.put(messages)

    def _work(self) -> None:
        try:
            while True:
                messages = self._queue.get()
                for message in self._of_newest() if messages is None else messages:
                    self._wire.send(msgpack.encode(message))
        except OSError:
            log.info("the console is gone")
        except Exception:
            log.exception("a snapshot could not be sent")
            # What the console has is not known any more: the end of this process gives it a fresh start.
            self._wire.close()

    def _of_newest(self) -> Iterable[Struct]:
        with self._lock:
            snapshot, self._newest = self._newest, None
        assert snapshot is not None
        return self._snapshots.messages(snapshot)


class Server:
    """Does what is asked of a session.

    Args:
        wire: where it is asked.
        session: what it is asked of.
        calls: what may be asked.
    """

    def __init__(self, wire: Wire, session: Session, calls: Mapping[str, Call]) -> None:
        self._wire, self._session, self._calls = wire, session, calls
        self._lanes = Lanes()
        self._sender = Sender(wire)

    def serve(self) -> None:
        """Until the console closes its end, or is gone."""
        for message in self._wire.messages():
            ask = msgpack.decode(message, type=Ask)
            # A view of the message would not outlive it.
            self._lanes.submit(ask.lane, partial(self._answer, ask.number, ask.method, bytes(ask.arguments)))

    def _answer(self, number: int, method: str, arguments: bytes) -> None:
        try:
            messages = self._result(number, method, arguments)
        except Exception as error:
            log.exception("%s failed", method)
            messages = [Failed(number, packed(error))]
        self._sender.put(messages)

    def _result(self, number: int, method: str, arguments: bytes) -> list[Any]:
        match method:
            case "start":
                self._session.start(self._sender.tell)
                return [Done(number)]
            case "restored":
                # It is part of the stream, so that the next one need not bring the same rows again.
                self._sender.tell(self._session.restored())
                return [Done(number)]
        call = self._calls[method]
        result = getattr(self._session, method)(**call.decoded(arguments))
        return [Done(number)] if result is None else list(Outgoing(call.answer, number).messages(call.packed(result)))
