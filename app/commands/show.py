"""`tocsin show ID`: one investigation with its anomalies, evidence, timeline and history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.commands.common import investigation_id, loaded_settings, no_such
from app.exits import Exit

if TYPE_CHECKING:
    import argparse


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("id", metavar="ID", type=investigation_id)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Print it."""
    from app.cases import read_case
    from app.clock import SystemClock
    from app.findings import case_object, json_line
    from app.report import report
    from storage.database import Store

    loaded = loaded_settings(options)
    with Store.open(loaded.database) as store:
        case = read_case(store, options.id)
    if case is None:
        return no_such(options.id)
    now = SystemClock().now()
    print(json_line(case_object(case, now)) if options.json else report(case, now))
    return Exit.OK
