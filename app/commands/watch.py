"""`tocsin watch`: cycles without a console, for ever; prints what opens and what is over."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

from app.commands.common import loaded_settings, print_anomalies, until_interrupted
from app.exits import Exit

if TYPE_CHECKING:
    import argparse

    from app.engine import Outcome

log = logging.getLogger(__name__)


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--json", action="store_true", help="print findings as JSON lines, when they open and close")


def run(options: argparse.Namespace) -> int:
    """Run until stopped."""
    from app.clock import SystemClock
    from app.opening import open_catalogue
    from app.runs import LiveRun
    from app.session import owner_name
    from storage.database import Store
    from widgets.text import clean

    loaded = loaded_settings(options)
    stop, wake = threading.Event(), threading.Event()
    with Store.open(loaded.database) as store:
        clock = SystemClock()
        live = LiveRun(loaded, store, open_catalogue(loaded), clock, owner=owner_name())

        said: set[str] = set()

        def done(outcome: Outcome) -> None:
            for warning in (each for each in outcome.warnings if each not in said):
                sys.stderr.write(f"warning: {clean(warning)}\n")
            said.clear()
            said.update(outcome.warnings)
            if outcome.changes is not None:
                ids = {a.id for a in (*outcome.changes.opened, *outcome.changes.reopened)}
                known = {a.id: a for a in store.anomalies.unresolved(live.cluster)}
                changed = [known[number] for number in sorted(ids) if number in known]
                print_anomalies((*changed, *outcome.changes.closed), outcome.at, loaded, as_json=options.json)

        def for_ever() -> None:
            live.prepare()
            while not stop.is_set():
                try:
                    live.run(stop, wake, done)
                except Exception as error:
                    # A store that is busy, a disk that is full, a laptop that slept: nobody is there to start it again.
                    log.exception("the cycle failed")
                    sys.stderr.write(f"warning: the cycle failed, the next one tries again: {clean(str(error))}\n")
                    clock.wait(live.interval, wake)

        try:
            until_interrupted(for_ever, stop, wake)
        finally:
            live.close()
    return Exit.OK
