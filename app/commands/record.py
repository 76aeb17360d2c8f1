"""`tocsin record FILE`: run cycles and write every input down, redacted, until stopped."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__
from app.commands.common import loaded_settings, until_interrupted
from app.exits import Exit

if TYPE_CHECKING:
    import argparse

    from app.engine import Outcome


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--minutes", type=float, default=None, help="stop after this long (default: on ctrl+c)")
    parser.add_argument("--title", default="", help="what the recording shows")


def run(options: argparse.Namespace) -> int:
    """Record until stopped; the file is whole after every cycle."""
    from app.clock import SystemClock
    from app.opening import open_catalogue, temporary_store
    from app.runs import LiveRun
    from app.sources.recording import FORMAT, Header, RecordingWriter
    from app.wiring import cluster_name

    loaded = loaded_settings(options)
    settings = loaded.settings
    step, interval = settings.detection.step_seconds, settings.engine.interval_seconds
    header = Header(FORMAT, cluster_name(settings), __version__, step, interval, options.title)
    with temporary_store() as store:
        writer = RecordingWriter(Path(options.file), header)
        clock = SystemClock()
        started = clock.now()
        stop, wake = threading.Event(), threading.Event()
        cycles = 0

        def done(outcome: Outcome) -> None:
            nonlocal cycles
            cycles += 1
            found = sum(len(result.observations) for result in outcome.results.values())
            sys.stderr.write(f"\rcycle {cycles}: {outcome.series} series, {found} out of band ")
            if options.minutes is not None and clock.now() - started >= options.minutes * 60:
                stop.set()
                wake.set()

        live = LiveRun(loaded, store, open_catalogue(loaded), clock, writer=writer)
        try:
            until_interrupted(lambda: live.run(stop, wake, done), stop, wake)
        finally:
            live.close()
            writer.close()
    sys.stderr.write("\n")
    print(f"{options.file}: {cycles} cycles")
    return Exit.OK
