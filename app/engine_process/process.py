"""One child process with a session in it: starting it, asking it, and noticing its end."""

from __future__ import annotations

import itertools
import logging
import pickle
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from msgspec import Raw, msgpack

import app
from app.engine_process.changes import Change, Incoming, Piece
from app.engine_process.errors import EngineLostError, unpacked
from app.engine_process.wire import OPENING, Ask, Done, Failed, Wire
from app.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.engine_process.calls import Call

log = logging.getLogger(__name__)

BOOT = "import sys; sys.path[:] = sys.argv[2:]; from app.engine_process.child import main; main(int(sys.argv[1]))"
"""The child looks for modules where this process found its own, and never in the folder that the engineer stands in."""
EXIT_SECONDS = 10.0
"""For a process that has closed its end; it sees to it itself that it takes no longer."""
NOTHING = msgpack.encode(())
"""The arguments of a call that has none."""


class Opening(NamedTuple):
    """What the child shall run. It may hold secrets, so it goes through the socket."""

    function: str
    """`module:name` of what opens the session; the console need not import it."""
    arguments: tuple[Any, ...]
    protocol: str
    """`module:name` of what may be asked of it."""
    log_file: Path | None
    """Gets the child's log, and what it says when it crashes."""


class _Pending:
    """A call that is under way; without a `call` it is one that returns nothing."""

    def __init__(self, call: Call | None = None) -> None:
        self.future: Future[Any] = Future()
        self._call = call
        self._answer = Incoming(call.answer) if call is not None else None

    def take(self, piece: Piece) -> None:
        """A part of its answer."""
        assert self._answer is not None
        self._answer.take(piece)

    def finish(self, change: Change) -> None:
        """The rest of its answer."""
        assert self._answer is not None
        assert self._call is not None
        self.future.set_result(self._call.unpacked(self._answer.changed(change)))


class EngineProcess:
    """A child process and the connection to it.

    Args:
        opening: what it shall run.
        calls: what may be asked of it.
        told: gets every snapshot, on a thread of this process's.
    """

    def __init__(self, opening: Opening, calls: Mapping[str, Call], told: Callable[[Snapshot], None]) -> None:
        self._calls, self._told = calls, told
        self._decoder = msgpack.Decoder(Piece | Change | Done | Failed)
        self._snapshots = Incoming(Snapshot)
        self._lock = threading.Lock()
        self._numbers = itertools.count(OPENING + 1)
        self._silent = threading.Event()
        self._ended = ""
        """How; from then on it can be asked nothing more."""
        self._pending = {OPENING: _Pending()}
        self.opened: Future[None] = self._pending[OPENING].future
        """Done when there is a session; or what opening it raised."""
        first = pickle.dumps(opening)
        ours, theirs = socket.socketpair()
        self._wire = Wire(ours)
        with theirs:
            self._child = _started(theirs.fileno(), opening.log_file)
        self._reader = threading.Thread(target=self._read, name="engine-reader", daemon=True)
        self._reader.start()
        self._send(first)

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._child.pid

    def ask(self, method: str, arguments: bytes = NOTHING) -> Future[Any]:
        """Call a method of the session; the answer comes on another thread. Raises EngineLostError."""
        pending = _Pending(self._calls.get(method))
        with self._lock:
            if self._ended:
                raise _lost(self._ended)
            number = next(self._numbers)
            self._pending[number] = pending
        self._send(msgpack.encode(Ask(number, str(threading.get_ident()), method, Raw(arguments))))
        return pending.future

    def finish(self) -> None:
        """Let it end: it finishes its transaction, or does not begin one."""
        self._wire.finish()

    def silent(self, timeout: float) -> bool:
        """Wait until it has nothing more to say, which is when its store is closed; False when that took longer."""
        return self._silent.wait(timeout)

    def wait(self) -> str:
        """Wait for its end; returns how it ended."""
        self._reader.join()
        return self._ended

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()

    def _send(self, message: bytes) -> None:
        try:
            self._wire.send(message)
        except OSError:
            # Whoever waits for the answer is told by the reader, which finds out how it ended.
            self._wire.finish()

    def _read(self) -> None:
        try:
            for message in self._wire.messages():
                self._received(self._decoder.decode(message))
        except Exception:
            log.exception("the engine's process says what cannot be understood")
            self._child.kill()
        self._wire.close()
        self._silent.set()
        try:
            ended = _how(self._child.wait(EXIT_SECONDS))
        except subprocess.TimeoutExpired:
            self._child.kill()
            ended = _how(self._child.wait())
        with self._lock:
            self._ended = ended
            pending, self._pending = self._pending, {}
        for each in pending.values():
            each.future.set_exception(_lost(ended))

    def _received(self, message: Piece | Change | Done | Failed) -> None:
        match message:
            case Piece(number=0):
                self._snapshots.take(message)
            case Change(number=0):
                self._told(cast("Snapshot", self._snapshots.changed(message)))
            case Piece():
                self._pending[message.number].take(message)
            case Change():
                self._settled(message.number).finish(message)
            case Done():
                self._settled(message.number).future.set_result(None)
            case Failed():
                self._settled(message.number).future.set_exception(unpacked(message.error))

    def _settled(self, number: int) -> _Pending:
        with self._lock:
            return self._pending.pop(number)


def _started(descriptor: int, log_file: Path | None) -> subprocess.Popen[bytes]:
    """A child with one end of the socket, and without the terminal: neither its keys nor its signals reach it."""
    root = str(Path(app.__file__).parents[1])
    path = [entry or root for entry in sys.path]
    if root not in path:
        path.insert(0, root)
    with ExitStack() as stack:
        last_words = stack.enter_context(log_file.open("ab")) if log_file is not None else subprocess.DEVNULL
        return subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT, str(descriptor), *path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=last_words,
            pass_fds=(descriptor,),
            start_new_session=True,
        )


def _lost(how: str) -> EngineLostError:
    return EngineLostError(f"the engine's process has ended ({how})", "Try again: it is being started anew.")


def _how(code: int) -> str:
    """How a process ended."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
