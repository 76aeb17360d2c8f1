"""A session in another process, as the console holds it: it goes on when that process does not."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from app.engine_process.calls import calls_of
from app.engine_process.errors import EngineLostError
from app.engine_process.process import EXIT_SECONDS, EngineProcess, Opening
from app.snapshot import Health, SourceStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.snapshot import Session, Snapshot

log = logging.getLogger(__name__)

ENGINE = "engine"
"""The name of the engine's process among the sources, where it has ended."""
PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Seconds before a process that has ended is started again: longer each time that it does not get through a cycle."""


def open_remotely(
    function: str,
    *arguments: Any,
    protocol: str = "app.snapshot:Session",
    log_file: Path | None = None,
    pauses: Sequence[float] = PAUSES,
) -> Session:
    """A session that lives in a process of its own.

    Args:
        function: `module:name` of what opens it there.
        arguments: what that is called with; pickled.
        protocol: `module:name` of what may be asked of it.
        log_file: gets that process's log.
        pauses: see `PAUSES`.

    Raises:
        Exception: what the function raised there, as it was where it is one of ours (`errors`).
    """
    return cast("Session", RemoteSession(Opening(function, arguments, protocol, log_file), pauses))


class RemoteSession:
    """A session over a process that is started again when it ends (`app.snapshot.Session`, or what extends it)."""

    def __init__(self, opening: Opening, pauses: Sequence[float] = PAUSES) -> None:
        self._opening, self._pauses = opening, pauses
        self._calls = calls_of(resolve_name(opening.protocol))
        self._listener: Callable[[Snapshot], None] = lambda _: None
        self._started = False
        self._leaving = threading.Event()
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        """As it was shown last."""
        self._before: Snapshot | None = None
        """As it was shown when a process ended: until the next one has been through a cycle, it stays."""
        self._lost = 0
        """How many processes have ended since the last cycle."""
        self._process = EngineProcess(opening, self._calls, self._told)
        self._process.opened.result()
        threading.Thread(target=self._watch, name="engine-watch", daemon=True).start()

    def __getattr__(self, name: str) -> Any:
        """Every method of the protocol."""
        if name not in self.__dict__.get("_calls", {}):
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        return partial(self._call, name)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def start(self, listener: Callable[[Snapshot], None]) -> None:
        """Begin to run cycles there; the listener is called from a thread that reads what comes."""
        self._listener, self._started = listener, True
        self._process.ask("start").result()

    def restored(self) -> Snapshot:
        """What the store remembers."""
        self._process.ask("restored").result()
        assert self._snapshot is not None
        return self._snapshot

    def stop(self) -> None:
        """End the process soon: it finishes its transaction, or does not begin one. Safe to call twice."""
        with self._lock:
            self._leaving.set()
            process = self._process
        process.finish()
        if not process.silent(EXIT_SECONDS):
            process.kill()

    def _call(self, name: str, *given: Any, **named: Any) -> Any:
        return self._process.ask(name, self._calls[name].encoded(*given, **named)).result()

    # Snapshots

    def _told(self, snapshot: Snapshot) -> None:
        if snapshot.cycle:
            self._lost = 0
        self._show(snapshot if self._before is None else _resumed(self._before, snapshot))

    def _show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._listener(snapshot)

    # Life and death

    def _watch(self) -> None:
        """Start a process again whenever one ends."""
        why = self._ended()
        while not self._leaving.is_set():
            pause = self._pauses[min(self._lost, len(self._pauses) - 1)]
            self._lost += 1
            log.error("the engine: %s; started again in %g s", why, pause)
            self._say_lost(why, pause)
            if not self._leaving.wait(pause):
                why = self._run_again()

    def _ended(self) -> str:
        """Wait for the end of the process; returns why it ended."""
        how = self._process.wait()
        refused = self._process.opened.exception()
        return f"its process has ended ({how})" if refused is None else f"it could not start: {refused}"

    def _run_again(self) -> str:
        """Let a fresh process read the store and run cycles until it ends; returns why it did."""
        try:
            with self._lock:
                if self._leaving.is_set():
                    return ""
                self._process = EngineProcess(self._opening, self._calls, self._told)
        except OSError as error:
            return f"it could not start: {error}"
        if self._started:
            with suppress(EngineLostError):
                # Whether it does is seen by what it tells.
                for method in ("restored", "start"):
                    self._process.ask(method)
        return self._ended()

    def _say_lost(self, detail: str, pause: float) -> None:
        if self._snapshot is None:
            return
        hint = f"It is started again in {pause:g} s, what is shown stays; --log-file keeps the details."
        status = SourceStatus(ENGINE, Health.DOWN, detail, hint)
        others = tuple(source for source in self._snapshot.sources if source.name != ENGINE)
        self._before = replace(self._snapshot, sources=others, progress="")
        self._show(replace(self._before, sources=(*others, status)))


def _resumed(before: Snapshot, fresh: Snapshot) -> Snapshot:
    """What a process that took over tells, as the continuation of what was shown before."""
    if fresh.cycle:
        return replace(fresh, cycle=before.cycle + fresh.cycle)
    # A store of its own (a replay's) begins empty: what was shown stays until there is something to show instead.
    return replace(
        before, rows=fresh.rows or before.rows, sources=fresh.sources or before.sources, progress=fresh.progress
    )
