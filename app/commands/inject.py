"""`tocsin inject`: how small a fault, and how soon, the detectors can see in this cluster's own series."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

from app.commands.backtest import span
from app.commands.common import loaded_settings, tell_progress, until_interrupted
from app.exits import Exit, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from app.quality.injection import Sensitivity
    from app.settings.loading import LoadedSettings

INSTANTS = 6


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--since", metavar="TIME", default="24h", help="begin of the past to use (default: 24h)")
    parser.add_argument("--until", metavar="TIME", help="its end (default: now)")
    parser.add_argument(
        "--instants", type=int, default=INSTANTS, help="how many instants of it to use (default: %(default)s)"
    )
    parser.add_argument("--row", metavar="ID", action="append", default=[], help="only this row (repeatable)")
    parser.add_argument("--json", action="store_true", help="print one JSON line for each row and form of fault")


def run(options: argparse.Namespace) -> int:
    """Lay faults over the server's past, and print what would have been seen; ctrl+c prints what is known so far."""
    from app.clock import SystemClock
    from app.findings import json_line

    loaded = loaded_settings(options)
    now = SystemClock().now()
    options.every = None
    since, until, step = span(options, loaded, now)
    if options.instants < 1:
        raise UsageError(f"--instants is {options.instants}; allowed: 1 or more")
    instants = [until - (until - since) * place / options.instants for place in reversed(range(options.instants))]
    stop = threading.Event()
    results = _inject(options, loaded, [at // step * step for at in instants], stop)
    tell_progress("")
    if options.json:
        for each in results:
            print(json_line(_object(each)))
    else:
        print("\n".join(_table(results)))
    return Exit.INTERRUPTED if stop.is_set() else Exit.OK


def _inject(
    options: argparse.Namespace, loaded: LoadedSettings, instants: Sequence[float], stop: threading.Event
) -> tuple[Sensitivity, ...]:
    from app.clock import SystemClock
    from app.opening import open_catalogue
    from app.quality.injection import Injection
    from app.wiring import metrics_of

    catalogue = open_catalogue(loaded)
    unknown = set(options.row) - {row.id for row in catalogue.rows}
    if unknown:
        raise UsageError(f"--row: no row is called {', '.join(sorted(unknown))}; `tocsin coverage` lists them")
    found: list[tuple[Sensitivity, ...]] = []
    with metrics_of(loaded.settings, SystemClock(), tell_progress) as (cluster, metrics):
        injection = Injection(
            metrics, catalogue, loaded.settings, cluster, frozenset(options.row), progress=tell_progress
        )
        until_interrupted(lambda: found.append(injection.run(instants, stop)), stop, threading.Event())
    return found[0]


def _object(each: Sensitivity) -> dict[str, Any]:
    from app.findings import SCHEMA, number

    return {
        "schema": SCHEMA,
        "row": each.row,
        "fault": str(each.fault),
        "trials": each.trials,
        "smallest": number(each.smallest),
        "told": each.told,
        "delay_seconds": number(each.delay),
        "largest": each.largest,
        "found": number(each.found),
    }


def _table(results: Sequence[Sensitivity]) -> Iterator[str]:
    """A line for each row, a column for each form of fault: the smallest size seen, and after how long."""
    from detectors.quality.overlay import Fault

    by_row: dict[str, dict[Fault, Sensitivity]] = {}
    for each in results:
        by_row.setdefault(each.row, {})[each.fault] = each
    if not by_row:
        yield "no row has series in band to lay faults over"
        return
    yield f"{'ROW':<36} TRIALS  " + "".join(f"{fault.upper():<26}" for fault in Fault)
    for row, faults in by_row.items():
        trials = max(each.trials for each in faults.values())
        yield f"{row:<36} {trials:>6}  " + "".join(f"{_cell(faults[fault]):<26}" for fault in Fault if fault in faults)
    yield "the smallest size that is seen in half of the trials, and after how long; - where none is"


def _cell(each: Sensitivity) -> str:
    from widgets.text import age

    if math.isnan(each.smallest):
        return "-"
    return f"{each.told} {age(each.delay)}"
