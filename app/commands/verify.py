"""`tocsin verify`: what became of the last rollouts, as the store remembers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.commands.common import existing_store, loaded_settings
from app.exits import Exit

if TYPE_CHECKING:
    import argparse


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--limit", type=int, default=100, help="rollouts at most (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON lines")


def run(options: argparse.Namespace) -> int:
    """Print them, the newest first."""
    from app.clock import SystemClock
    from app.findings import json_line, verification
    from app.verification import shown
    from widgets.text import age, clean

    loaded = loaded_settings(options)
    with existing_store(loaded) as store:
        known = store.verifications.recent(loaded.settings.kubernetes.context or None, limit=options.limit)
    if options.json:
        for record in known:
            print(json_line(verification(record)))
        return Exit.OK
    now = SystemClock().now()
    for record in known:
        title = clean(record.entity.title, 40)
        print(f"{record.outcome:<20} {age(now - record.began):>4}  {title:<40} revision {record.revision}")
        print(f"    {clean(record.reason)}{f'; {clean(record.change)}' if record.change else ''}")
        for metric in record.metrics:
            sign = "-" if metric.failed else "!" if metric.notable else "+"
            print(f"    {sign} {metric.name:<20} {shown(metric)}")
    if not known:
        print("no rollout was seen yet")
    return Exit.OK
