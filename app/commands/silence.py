"""`tocsin silence add|list|end`: what nobody wants to hear of for a while, and maintenance windows."""

from __future__ import annotations

import getpass
import sys
import uuid
from typing import TYPE_CHECKING

from app.commands.common import cluster_of, loaded_settings
from app.exits import Exit

if TYPE_CHECKING:
    import argparse

    from app.settings.loading import LoadedSettings
    from app.triage import Triage
    from storage.database import Store
    from storage.records import RuleRecord


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("act", choices=("add", "list", "end"))
    parser.add_argument(
        "what",
        metavar="MATCHER|NUMBER",
        nargs="*",
        help="add: namespace=shop workload=cart* signal=ID environment=prod, all of which must fit; end: the number",
    )
    parser.add_argument("--reason", default="", help="add: why; needed")
    parser.add_argument("--owner", default="", help="add: who can be asked (default: you)")
    parser.add_argument("--for", dest="lasting", metavar="TIME", default="2h", help="add: 30m, 2h (default), 7d")
    parser.add_argument("--from", dest="begin", metavar="TIME", default="", help="add: in 30m, or ISO 8601 (UTC)")
    parser.add_argument("--preview", action="store_true", help="add: say what it would hide, and leave it at that")
    parser.add_argument("--json", action="store_true", help="list: print JSON lines")


def run(options: argparse.Namespace) -> int:
    """Add one, list them, or end one; the console's `z` undoes."""
    from app.clock import SystemClock
    from app.triage import Triage
    from storage.database import Store

    loaded = loaded_settings(options)
    with Store.open(loaded.database) as store:
        triage = Triage(store, SystemClock(), getpass.getuser(), uuid.uuid4().hex)
        if options.act == "end":
            return _end(triage, options.what)
        if options.act == "list":
            return _list(store, loaded, as_json=options.json)
        return _add(store, triage, loaded, options)


def _add(store: Store, triage: Triage, loaded: LoadedSettings, options: argparse.Namespace) -> int:
    from msgspec.structs import replace

    from app.clock import SystemClock
    from app.opening import open_catalogue
    from app.quality.measures import stored_past
    from app.quality.silence import SilenceError, foreseen, parse_matchers, silence

    settings, now = loaded.settings, SystemClock().now()
    cluster = cluster_of(loaded, store)
    try:
        wish = replace(
            parse_matchers(options.what),
            reason=options.reason,
            owner=options.owner or getpass.getuser(),
            lasting=options.lasting,
            begin=options.begin,
        )
        wanted = silence(wish, now, {row.id for row in open_catalogue(loaded).rows})
    except SilenceError as error:
        sys.stderr.write(f"tocsin: {error}\n")
        return Exit.USAGE
    print(foreseen(wanted, stored_past(store, cluster, settings, now), settings.quality.days).text)
    if not options.preview:
        print(triage.silence(cluster, wanted).message)
    return Exit.OK


def _list(store: Store, loaded: LoadedSettings, *, as_json: bool) -> int:
    from app.clock import SystemClock
    from app.findings import json_line
    from app.quality.as_json import rule_object
    from app.quality.report import Ruled

    now, cluster = SystemClock().now(), cluster_of(loaded, store)
    rules = store.rules.of(cluster)
    hidden = store.investigations.muted(cluster)
    for rule in rules:
        ruled = Ruled(rule, rule.standing(now), hidden.get(rule.id, 0))
        print(json_line(rule_object(ruled)) if as_json else _line(rule, ruled.state, ruled.muted))
    if not rules and not as_json:
        print("nothing is silenced")
    return Exit.OK


def _line(rule: RuleRecord, state: str, hidden: int) -> str:
    from app.findings import instant
    from app.quality.rules import told
    from widgets.text import clean

    begin = f"from {instant(rule.starts)} " if rule.starts is not None else ""
    until = f"{begin}until {instant(rule.expires) or 'it is ended'}"
    text = f"{clean(told(rule.pattern))}; {until}; {clean(rule.owner)}: {clean(rule.reason)}"
    return f"{rule.id:<4} {state:<12} hides {hidden:<4} {text}"


def _end(triage: Triage, what: list[str]) -> int:
    number = int(what[0]) if len(what) == 1 and what[0].isdecimal() else 0
    result = triage.end_rule(number)
    (sys.stdout if result.ok else sys.stderr).write(f"{result.message}\n")
    return Exit.OK if result.ok else Exit.FINDINGS
