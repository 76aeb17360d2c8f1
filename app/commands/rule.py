"""`tocsin rule list|accept|off|on`: rules that mute findings; each was replayed on what is stored before."""

from __future__ import annotations

import getpass
import sys
import uuid
from typing import TYPE_CHECKING

from app.commands.common import cluster_of, loaded_settings
from app.exits import Exit

if TYPE_CHECKING:
    import argparse

    from app.quality.report import Report
    from app.snapshot import ActResult
    from app.triage import Triage


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("act", choices=("list", "accept", "off", "on"))
    parser.add_argument(
        "number", metavar="NUMBER", nargs="?", type=int, help="of a proposal (`accept`) or a rule (`off`, `on`)"
    )


def run(options: argparse.Namespace) -> int:
    """List proposals and rules, put a proposal in force, or switch a rule; the console's `z` undoes."""
    from app.clock import SystemClock
    from app.opening import open_catalogue
    from app.quality.measures import report
    from app.triage import Triage
    from storage.database import Store

    loaded, clock = loaded_settings(options), SystemClock()
    settings = loaded.settings
    with Store.open(loaded.database) as store:
        cluster = cluster_of(loaded, store)
        told = report(store, open_catalogue(loaded), settings, cluster, clock.now(), settings.quality.days)
        if options.act == "list":
            _list(told)
            return Exit.OK
        result = _act(options, told, Triage(store, clock, getpass.getuser(), uuid.uuid4().hex))
    (sys.stdout if result.ok else sys.stderr).write(f"{result.message}\n")
    return Exit.OK if result.ok else Exit.FINDINGS


def _act(options: argparse.Namespace, told: Report, triage: Triage) -> ActResult:
    from app.snapshot import ActResult

    number = options.number or 0
    if options.act == "accept":
        if not 1 <= number <= len(told.proposals):
            return ActResult(False, f"there is no proposal {number}; `tocsin rule list` shows them")
        return triage.accept(told.cluster, told.proposals[number - 1])
    ruled = next((each for each in told.rules if each.rule.id == number), None)
    if ruled is None or ruled.rule.active is (options.act == "on"):
        return ActResult(False, f"there is no rule {number} to put {options.act}; `tocsin rule list` shows them")
    return triage.switch_rule(number)


def _list(report: Report) -> None:
    from app.quality.rules import told
    from app.quality.wording import effect_text
    from widgets.text import clean

    for number, proposal in enumerate(report.proposals, 1):
        print(f"proposal {number}: {proposal.kind}: {clean(told(proposal.pattern))}; {effect_text(proposal.effect)}")
    for ruled in report.rules:
        rule = ruled.rule
        print(f"rule {rule.id}: {ruled.state}: {clean(told(rule.pattern))}; hides {ruled.muted} investigations")
    if not report.proposals and not report.rules:
        print("no rule is in force, and the labels ask for none")
