"""`tocsin show ID`: one investigation with its anomalies, evidence, timeline and history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.commands.common import investigation_id, loaded_settings, no_such
from app.exits import Exit

if TYPE_CHECKING:
    import argparse

    from app.settings.schema import NarrativeSettings
    from app.snapshot import Case


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("id", metavar="ID", type=investigation_id)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--narrate", action="store_true", help="let the model of [narrative] put the ledger into words")


def run(options: argparse.Namespace) -> int:
    """Print it."""
    from app.cases import read_case
    from app.clock import SystemClock
    from app.findings import case_object, json_line
    from app.notify.runbooks import runbook_of
    from app.report import report
    from storage.database import Store

    loaded = loaded_settings(options)
    with Store.open(loaded.database) as store:
        case = read_case(store, options.id)
    if case is None:
        return no_such(options.id)
    if options.narrate:
        return _narrated(case, loaded.settings.narrative)
    now = SystemClock().now()
    runbook = runbook_of(loaded.settings.notify.runbooks, case.investigation, case.conclusion)
    print(json_line(case_object(case, now, runbook)) if options.json else report(case, now, runbook))
    return Exit.OK


def _narrated(case: Case, settings: NarrativeSettings) -> int:
    from app.investigation.narrative import narrated
    from widgets.text import clean

    for line in narrated(case, settings).splitlines():
        print(clean(line))
    return Exit.OK
