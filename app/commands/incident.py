"""`tocsin incident add|list|remove`: what went wrong, written down by hand, so that recall can be measured."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from app.commands.common import cluster_of, loaded_settings, parse_instant
from app.exits import Exit, UsageError

if TYPE_CHECKING:
    import argparse

    from storage.database import Store
    from storage.records import IncidentRecord

MOST_CASES = 100_000
"""That are looked through for a workload's name."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("act", choices=("add", "list", "remove"))
    parser.add_argument("id", metavar="ID", nargs="?", type=int, help="`remove`: the number that `list` shows")
    parser.add_argument("--workload", metavar="NAME", help="`add`: namespace/name, or a name alone")
    parser.add_argument("--since", metavar="TIME", help="`add`: when it began (ISO 8601, unix seconds, or `2h` ago)")
    parser.add_argument("--until", metavar="TIME", help="`add`: when it was over (default: now)")
    parser.add_argument("--note", default="", help="`add`: what it was, in your words; secrets are masked")
    parser.add_argument("--json", action="store_true", help="`list`: print JSON lines")


def run(options: argparse.Namespace) -> int:
    """Write one down, list them, or take one back."""
    from storage.database import Store

    if options.act == "add" and not (options.workload and options.since):
        raise UsageError("incident add needs --workload NAME and --since TIME")
    loaded = loaded_settings(options)
    with Store.open(loaded.database) as store:
        if options.act == "remove":
            return _remove(store, options.id)
        cluster = cluster_of(loaded, store)
        if options.act == "list":
            return _list(store.incidents.of(cluster), as_json=options.json)
        return _add(store, cluster, options)


def _add(store: Store, cluster: str, options: argparse.Namespace) -> int:
    from app.clock import SystemClock
    from app.quality.matching import same_workload
    from app.redaction import redact
    from widgets.text import clean

    now = SystemClock().now()
    since = parse_instant(options.since, "--since", now)
    until = parse_instant(options.until, "--until", now) if options.until else now
    if not since < until <= now:
        raise UsageError("--since must lie before --until, and neither after now")
    record = store.incidents.add(
        cluster,
        options.workload,
        since=since,
        until=until,
        note=redact(options.note),
        actor=getpass.getuser(),
        at=now,
    )
    print(_line(record))
    cases = store.investigations.page(limit=MOST_CASES, attached=True)
    if not any(case.entity.cluster == cluster and same_workload(record, case.entity) for case in cases):
        sys.stderr.write(f"note: no case is about {clean(record.workload)}: is it spelt so? It counts as missed\n")
    return Exit.OK


def _list(incidents: tuple[IncidentRecord, ...], *, as_json: bool) -> int:
    from app.findings import json_line
    from app.quality.as_json import incident_object

    for record in incidents:
        print(json_line(incident_object(record)) if as_json else _line(record))
    if not incidents and not as_json:
        print("no incidents are written down")
    return Exit.OK


def _remove(store: Store, number: int | None) -> int:
    from app.clock import SystemClock

    if number is None or not store.incidents.remove(number, SystemClock().now()):
        sys.stderr.write(f"tocsin: there is no incident {number}; `tocsin incident list` shows them\n")
        return Exit.FINDINGS
    print(f"incident {number} counts no more")
    return Exit.OK


def _line(record: IncidentRecord) -> str:
    from app.findings import instant
    from widgets.text import age, clean

    when = f"{instant(record.since)}  {age(record.until - record.since):>4}"
    return f"{record.id:<4} {when}  {clean(record.workload):<32} {clean(record.note)}".rstrip()
