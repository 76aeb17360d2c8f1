"""`tocsin label ID true|false|unsure`: the engineer's judgement, without the console."""

from __future__ import annotations

import getpass
import uuid
from typing import TYPE_CHECKING

from app.commands.common import investigation_id, loaded_settings, no_such
from app.exits import Exit
from storage.records import Label

if TYPE_CHECKING:
    import argparse


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("id", metavar="ID", type=investigation_id)
    parser.add_argument("label", choices=[str(label) for label in Label])
    parser.add_argument("--reason", default="", help="why, in a few words")


def run(options: argparse.Namespace) -> int:
    """Label it; the console's `z` undoes."""
    from app.clock import SystemClock
    from app.triage import Triage
    from storage.database import Store

    loaded = loaded_settings(options)
    with Store.open(loaded.database) as store:
        if store.investigations.get(options.id) is None:
            return no_such(options.id)
        triage = Triage(store, SystemClock(), getpass.getuser(), uuid.uuid4().hex)
        print(triage.label([options.id], Label(options.label), options.reason).message)
    return Exit.OK
