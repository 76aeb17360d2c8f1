"""`tocsin replay FILE`: the same engine over a recording, in the console or as JSON lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.common import console_options, loaded_settings, remote_session, speed
from app.errors import say
from app.exits import Exit

if TYPE_CHECKING:
    import argparse


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--speed", type=speed, default=None, help="recorded seconds per second; 0: as fast as it goes")
    parser.add_argument("--json", action="store_true", help="no console: print every finding as a JSON line")


def run(options: argparse.Namespace) -> int:
    """Replay in the console, or print what the engine finds."""
    if options.json:
        return _print(options)
    if options.db:
        text = "the console forgets what a replay finds: --db works with --json only"
        return say(text, Exit.USAGE)
    if options.speed is None:
        options.speed = 1.0
    return play(Path(options.file), options, "replay")


def play(path: Path, options: argparse.Namespace, mode: str) -> int:
    """Open the console on a recording."""
    from app.console import run_console
    from app.opening import open_catalogue
    from app.sources.recording import read_header

    loaded = loaded_settings(options)
    read_header(path)
    return run_console(
        lambda _: remote_session(options, "replay_session", path, loaded, options.speed, mode),
        catalogue=lambda: open_catalogue(loaded),
        **console_options(loaded),
    )


def _print(options: argparse.Namespace) -> int:
    import threading

    from app.clock import ManualClock
    from app.findings import finding, json_line
    from app.opening import open_catalogue, temporary_store
    from app.runs import ReplayRun
    from storage.database import Store

    loaded = loaded_settings(options)
    stop = threading.Event()
    with Store.open(loaded.database) if options.db else temporary_store() as store:
        clock = ManualClock(0.0, options.speed or 0.0)
        run = ReplayRun(Path(options.file), loaded, store, open_catalogue(loaded), clock, "replay")
        run.run(stop, threading.Event(), lambda _: None)
        anomalies = sorted(
            (
                a
                for case in store.investigations.page(limit=100_000, attached=True)
                for a in store.anomalies.of(case.id)
            ),
            key=lambda anomaly: anomaly.id,
        )
        for anomaly in anomalies:
            print(json_line(finding(anomaly)))
    return Exit.FINDINGS if anomalies else Exit.OK
