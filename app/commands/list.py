"""`tocsin list`: investigations as the store remembers them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app.commands.common import existing_store, loaded_settings, positive
from app.exits import Exit
from storage.records import Lifecycle

if TYPE_CHECKING:
    import argparse

FORMATS = ("text", "csv", "jsonl")


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--all", action="store_true", help="also those that recovered or were closed")
    parser.add_argument("--limit", type=positive, default=100, help="how many at most")
    parser.add_argument("--format", choices=FORMATS, default="text", help="text, csv for a spreadsheet, or JSON lines")
    for option, name in (("--json", "jsonl"), ("--csv", "csv")):
        parser.add_argument(option, dest="format", action="store_const", const=name, help=f"--format {name}")


def run(options: argparse.Namespace) -> int:
    """Print them, the most recently updated first."""
    from app.clock import SystemClock
    from app.export.table import csv_table
    from app.findings import investigation, json_line
    from widgets.text import age, clean

    loaded = loaded_settings(options)
    cluster = loaded.settings.kubernetes.context or None
    now = SystemClock().now()
    lifecycles = tuple(Lifecycle) if options.all else (Lifecycle.OPEN,)
    with existing_store(loaded) as store:
        cases = store.investigations.page(cluster, lifecycles=lifecycles, limit=options.limit)
    if options.format == "csv":
        sys.stdout.write(csv_table(cases, now))
        return Exit.OK
    if options.format == "jsonl":
        for case in cases:
            print(json_line(investigation(case, now)))
        return Exit.OK
    for case in cases:
        label = f" [{case.label}]" if case.label else ""
        title = clean(case.entity.title, 40)
        state = case.state(now)
        head = f"#{case.id:<5} {case.severity:<8} {state:<9} {age(now - case.onset):>4}"
        print(f"{head}  {title:<40} {case.title}{label}")
    if not cases:
        print("no open investigations" if not options.all else "no investigations")
    return Exit.OK
