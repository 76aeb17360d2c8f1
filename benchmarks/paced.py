"""A session whose cycles come when a benchmark says, in the process that the console's engine has."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, cast

from app.engine_process.session import open_remotely
from app.session import EngineSession
from app.snapshot import Session
from app.snapshots import metrics_status, objects_status
from benchmarks.served import connected
from detectors.catalog import load
from storage.database import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.engine import Engine, Outcome
    from app.snapshot import CheckResult, SourceStatus
    from benchmarks.served import Bench, Servers


class Paced(Session, Protocol):
    """A session that is told when to run cycles."""

    def go(self) -> None:
        """Run cycles without a pause, each a minute later."""
        ...

    def rest(self) -> None:
        """Run no more; returns when the one that runs is done."""
        ...

    def cycles(self, count: int) -> None:
        """Run so many; returns when they are done."""
        ...


class PacedRun:
    """A run of the engine that goes on while it may (`app.session.Run`)."""

    mode = "live"
    advisor = None
    interval = 15.0
    progress: Callable[[str], None]

    def __init__(self, found: Bench, engine: Engine) -> None:
        self._bench, self._engine = found, engine
        self.cluster = found.objects.cluster
        self.changed = threading.Condition()
        self.wanted = 0.0
        """How many cycles may begin."""
        self.working = False

    def run(self, stop: threading.Event, wake: threading.Event, done: Callable[[Outcome], None]) -> None:
        """Cycles, each a minute later."""
        while not stop.is_set():
            with self.changed:
                self.working = self.wanted > 0
                self.changed.notify_all()
                if not self.working:
                    self.changed.wait(0.05)
                    continue
                self.wanted -= 1
            wake.clear()
            self._bench.next_minute()
            done(self._engine.cycle())
            self._engine.look_again()

    def want(self, cycles: float, *, wait: bool) -> None:
        """Let so many cycles begin; may wait until they are done."""
        with self.changed:
            self.wanted, self.working = cycles, self.working or cycles > 0
            self.changed.notify_all()
            if wait:
                self.changed.wait_for(lambda: not self.working)

    def statuses(self, outcome: Outcome | None) -> tuple[SourceStatus, ...]:
        """As a live run's."""
        return metrics_status(None, None, None), objects_status(outcome.state if outcome is not None else None)

    def checks(self) -> tuple[CheckResult, ...]:
        """None."""
        return ()

    def close(self) -> None:
        """Stop fetching."""
        self._engine.close()
        self._bench.objects.close()


class PacedSession(EngineSession):
    """The engine's session over such a run (`Paced`)."""

    def __init__(self, found: Bench, store: Store) -> None:
        self._paced = PacedRun(found, found.engine(store))
        super().__init__(found.loaded, store, load(), found.clock, self._paced)

    def go(self) -> None:
        """Run cycles without a pause."""
        self._paced.want(float("inf"), wait=False)

    def rest(self) -> None:
        """Run no more."""
        self._paced.want(0, wait=True)

    def cycles(self, count: int) -> None:
        """Run so many."""
        self._paced.want(count, wait=True)


def open_paced(servers: Servers, database: Path) -> PacedSession:
    """A session over running servers."""
    return PacedSession(connected(servers), Store.open(database))


@contextmanager
def paced(servers: Servers, database: Path, *, apart: bool = True) -> Iterator[Paced]:
    """Such a session, in a process of its own or in this one."""
    if apart:
        name = f"{__name__}:"
        opened = open_remotely(f"{name}open_paced", servers, database, protocol=f"{name}Paced")
    else:
        opened = open_paced(servers, database)
    session = cast("Paced", opened)
    try:
        yield session
    finally:
        session.stop()
