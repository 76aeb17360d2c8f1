"""`tocsin coverage`: what each row of the coverage matrix sees, as the last cycle left it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app.commands.common import loaded_settings, tell_sources
from app.exits import Exit

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from detectors.catalog import Catalogue
    from storage.records import CoverageRecord


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON lines")
    form.add_argument("--markdown", action="store_true", help="print Markdown tables, for a ticket or a wiki")
    parser.add_argument("--fresh", action="store_true", help="run a cycle first, even when one was stored")


def run(options: argparse.Namespace) -> int:
    """Print the matrix; runs a cycle when none was stored yet."""
    from app.clock import SystemClock
    from app.coverage import with_origin
    from app.opening import open_catalogue
    from app.runs import LiveRun
    from app.session import owner_name
    from storage.database import Store
    from widgets.text import age

    loaded = loaded_settings(options)
    catalogue, clock = open_catalogue(loaded), SystemClock()
    answered = True
    with Store.open(loaded.database) as store:
        live = LiveRun(loaded, store, catalogue, clock, owner=owner_name())
        try:
            records = store.cycles.coverage(live.cluster)
            if options.fresh or not records:
                outcome = live.prepare().cycle()
                answered = outcome.changes is None or tell_sources(live.statuses(outcome))
                records = store.cycles.coverage(live.cluster)
        finally:
            live.close()
        last = store.cycles.last(live.cluster)
    known = {record.signal: record for record in with_origin(records, loaded)}
    if options.markdown:
        _print_markdown(catalogue, known, live.cluster, last.at if last is not None else None)
    else:
        _print(catalogue, known, as_json=options.json)
    if last is not None:
        sys.stderr.write(f"as of the cycle {age(clock.now() - last.at)} ago\n")
    return Exit.OK if answered else Exit.SOURCE


def _print_markdown(
    catalogue: Catalogue, records: Mapping[str, CoverageRecord], cluster: str, at: float | None
) -> None:
    from app.coverage_markdown import matrix

    rows = {row.id: row for row in catalogue.rows}
    print(matrix(cluster, at, [records[signal] for signal in rows if signal in records], rows), end="")


def _print(catalogue: Catalogue, records: Mapping[str, CoverageRecord], *, as_json: bool) -> None:
    from app.coverage import partly, price, status_of
    from app.findings import coverage_object, json_line
    from widgets.text import clean

    group = ""
    for row in catalogue.rows:
        record = records.get(row.id)
        if record is None:
            continue
        if as_json:
            print(json_line(coverage_object(record, row)))
            continue
        if row.group != group:
            group = row.group
            print(f"\n{group}")
        fed = ", ".join(record.conventions) or clean(record.detail, 60)
        counts = f"{record.live:>5} live {record.learning:>5} learning {record.silent:>5} silent"
        print(f"  {row.id:<34} {status_of(record):<16} {counts}  {price(record):<22} {fed}".rstrip())
        if partly(record):
            print(f"  {'':<34} {clean(record.detail)}")
        if record.thinned:
            print(f"  {'':<34} thinned: {clean(record.thinned)}")
