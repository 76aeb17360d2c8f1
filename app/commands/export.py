"""`tocsin export ID`: one investigation as a document for others, or as the report of an incident."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.common import investigation_id, loaded_settings, no_such
from app.exits import Exit

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from app.settings.loading import LoadedSettings
    from app.snapshot import Case
    from storage.database import Store

FORMATS = ("markdown", "json", "html", "slack")


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("id", metavar="ID", type=investigation_id)
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="markdown",
        help="markdown; json (as `show --json`); html: one file with its charts; slack: the message's blocks",
    )
    parser.add_argument("--report", action="store_true", help="markdown, html: the report of an incident, with delays")
    parser.add_argument("--output", metavar="FILE", help="write it there (default: standard output)")


def run(options: argparse.Namespace) -> int:
    """Print or write it; everything is redacted."""
    from app.cases import read_case
    from storage.database import Store

    if options.report and options.format not in ("markdown", "html"):
        sys.stderr.write(f"tocsin: --report is a document: --format markdown or html, not {options.format}\n")
        return Exit.USAGE
    loaded = loaded_settings(options)
    with Store.open(loaded.database) as store:
        case = read_case(store, options.id)
        if case is None:
            return no_such(options.id)
        text = _WRITERS[options.format](store, loaded, case, options)
    if not options.output:
        sys.stdout.write(text)
        return Exit.OK
    Path(options.output).write_text(text, "utf-8")
    print(f"written to {options.output}")
    return Exit.OK


def _document(store: Store, loaded: LoadedSettings, case: Case, options: argparse.Namespace) -> str:
    from app.clock import SystemClock
    from app.export.html import html
    from app.export.markdown import markdown
    from app.export.sections import case_document, incident_report
    from app.quality.matching import incidents_about

    now, record = SystemClock().now(), case.investigation
    messages = store.outbox.of(record.id)
    if options.report:
        known = incidents_about(record, store.incidents.of(record.cluster), now)
        document = incident_report(case, messages, known, now)
    else:
        document = case_document(case, messages, now, _runbook(loaded, case))
    return html(document) if options.format == "html" else markdown(document)


def _runbook(loaded: LoadedSettings, case: Case) -> str:
    from app.notify.runbooks import runbook_of

    return runbook_of(loaded.settings.notify.runbooks, case.investigation, case.conclusion)


def _json(_: Store, loaded: LoadedSettings, case: Case, __: argparse.Namespace) -> str:
    from app.clock import SystemClock
    from app.findings import case_object, json_line
    from app.redaction import redact_tree

    return json_line(redact_tree(case_object(case, SystemClock().now(), _runbook(loaded, case)))) + "\n"


def _slack(_: Store, loaded: LoadedSettings, case: Case, __: argparse.Namespace) -> str:
    from app.findings import json_line
    from app.notify.blocks import payload
    from app.notify.message import compose
    from app.notify.sending import UNFINISHED
    from app.opening import open_catalogue
    from app.settings.loading import SettingsError

    if case.conclusion is None:
        raise SettingsError(f"#{case.investigation.id}: {UNFINISHED}")
    runbooks = loaded.settings.notify.runbooks
    message = compose(case.investigation, case.conclusion, case.anomalies, open_catalogue(loaded), runbooks)
    return json_line(payload(message)) + "\n"


_WRITERS: dict[str, Callable[[Store, LoadedSettings, Case, argparse.Namespace], str]] = {
    "markdown": _document,
    "html": _document,
    "json": _json,
    "slack": _slack,
}
