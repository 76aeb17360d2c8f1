"""`tocsin label ID true|false|unsure [--reason noise]`: the engineer's judgement, without the console."""

from __future__ import annotations

import getpass
import uuid
from typing import TYPE_CHECKING

from app.commands.common import investigation_id, loaded_settings, no_such
from app.exits import Exit
from storage.records import Label, Reason

if TYPE_CHECKING:
    import argparse


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("id", metavar="ID", type=investigation_id)
    parser.add_argument("label", choices=[str(label) for label in Label])
    known = ", ".join(_spelled(reason) for reason in Reason)
    parser.add_argument("--reason", default="", help=f"why: {known}, or words of your own")


def run(options: argparse.Namespace) -> int:
    """Label it; the console's `z` undoes."""
    from app.clock import SystemClock
    from app.opening import open_catalogue
    from app.quality.naming import detectors_of
    from app.triage import Triage
    from storage.database import Store

    loaded = loaded_settings(options)
    with Store.open(loaded.database) as store:
        if store.investigations.get(options.id) is None:
            return no_such(options.id)
        detectors = detectors_of(open_catalogue(loaded))
        triage = Triage(store, SystemClock(), getpass.getuser(), uuid.uuid4().hex, detectors)
        reason = next((each for each in Reason if _spelled(each) == options.reason), options.reason)
        print(triage.label([options.id], Label(options.label), reason).message)
    return Exit.OK


def _spelled(reason: Reason) -> str:
    """As a word of the command line."""
    return reason.replace(" ", "-")
