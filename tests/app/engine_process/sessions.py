"""Sessions that tests open in another process, and what they let one ask there."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Protocol

import app
from app.clock import SystemClock
from app.opening import open_catalogue
from app.session import EngineSession
from app.snapshot import Session
from app.sources.base import SourceError, Trouble
from storage.database import Store
from storage.errors import StoreError
from tests.app.rig import settings
from tests.app.screens.fake_session import FakeSession
from tests.app.test_session import Script

ERRORS = {
    "source": SourceError(Trouble.TLS, "the certificate has expired", "renew it"),
    "store": StoreError(Path("/there/tocsin.db"), "the disk is full", "free some space"),
    "library": KeyError("quota"),
}


class Asked(Session, Protocol):
    """A session that can be asked more than the console asks."""

    def surroundings(self) -> str:
        """Where its process is, as JSON."""
        ...

    def fail(self, how: str) -> None:
        """Raise one of `ERRORS`."""
        ...

    def tell(self, count: int) -> None:
        """Tell so many snapshots at once, from several threads."""
        ...

    def hang(self, seconds: float) -> str:
        """Take that long."""
        ...


class Answering(FakeSession):
    """The session in memory, in a process of its own (`Asked`)."""

    def surroundings(self) -> str:
        """Where its process is."""
        try:
            os.close(os.open("/dev/tty", os.O_RDWR))
            terminal = True
        except OSError:
            terminal = False
        return json.dumps(
            {
                "terminal": terminal or any(os.isatty(descriptor) for descriptor in (0, 1, 2)),
                "leader": os.getsid(0) == os.getpid(),
                "app": app.__file__,
                "arguments": sys.orig_argv,
            }
        )

    def fail(self, how: str) -> None:
        """Raise."""
        raise ERRORS[how]

    def tell(self, count: int) -> None:
        """One after the other, as fast as it goes."""
        first = self.snapshot.cycle + 1
        for cycle in range(first, first + count):
            self.publish(cycle=cycle)

    def hang(self, seconds: float) -> str:
        """Sleep."""
        time.sleep(seconds)
        return "done"


def open_answering(secret: str = "", gate: Path | None = None) -> Answering:
    """Such a session; with a gate, only while that file is there."""
    if gate is not None and not gate.exists():
        raise ERRORS["store"]
    return Answering()


def open_scripted(folder: Path) -> EngineSession:
    """The engine's session over a store of that folder, whose cycles follow each other."""
    loaded = settings(folder)
    store = Store.open(folder / "tocsin.db")
    return EngineSession(loaded, store, open_catalogue(loaded), SystemClock(), Script(store))


def main() -> None:
    """Open a session in another process, say who that is, and wait to be killed."""
    from app.engine_process.session import open_remotely

    kind, *arguments = sys.argv[1:]
    told = threading.Event()
    session = open_remotely(f"{__spec__.name}:open_{kind}", *map(Path, arguments))
    session.start(lambda snapshot: told.set() if snapshot.cycle > 2 else None)
    told.wait()
    print(session.pid, flush=True)  # type: ignore[attr-defined]
    threading.Event().wait()


if __name__ == "__main__":
    main()
