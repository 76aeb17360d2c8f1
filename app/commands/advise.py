"""`tocsin advise`: requests and limits against what containers used."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app.commands.common import loaded_settings, tell_progress, tell_sources
from app.exits import Exit

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from app.runs import LiveRun
    from storage.records import AdviceRecord, AdviceRun


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.add_argument("--fresh", action="store_true", help="look anew, even when that was done today")


def run(options: argparse.Namespace) -> int:
    """Print the advice; looks anew when it is older than a day, or than an hour where nothing could be judged."""
    from app.advisor import pause_after
    from app.clock import SystemClock
    from app.opening import open_catalogue
    from app.runs import LiveRun
    from app.session import owner_name
    from storage.database import Store

    loaded = loaded_settings(options)
    clock = SystemClock()
    answered = True
    with Store.open(loaded.database) as store:
        live = LiveRun(loaded, store, open_catalogue(loaded), clock, owner=owner_name())
        try:
            last = store.advice.last(live.cluster)
            if options.fresh or last is None or clock.now() - last.at >= pause_after(last):
                answered = _look(live)
        finally:
            live.close()
        last, advice = store.advice.last(live.cluster), store.advice.of(live.cluster)
    if last is not None:
        _print(last, advice, clock.now(), as_json=options.json)
    return Exit.OK if answered else Exit.SOURCE


def _look(live: LiveRun) -> bool:
    """Run one cycle, for the views it takes, and then the advisor; returns whether any source answered."""
    engine = live.prepare()
    outcome = engine.cycle()
    answered = outcome.changes is None or tell_sources(live.statuses(outcome))
    look = engine.look if outcome.metrics is None else None
    engine.advisor.run(outcome.state, look, outcome.at, tell_progress)
    tell_progress("")
    return answered


def _print(last: AdviceRun, advice: Iterable[AdviceRecord], now: float, *, as_json: bool) -> None:
    from app.findings import advice_object, json_line
    from detectors.rightsizing import amount
    from widgets.text import age, clean

    shown = 0
    for record in advice:
        shown += 1
        if as_json:
            print(json_line(advice_object(record)))
            continue
        name = f"{clean(record.entity.kind)} {clean(record.entity.title)}/{clean(record.container)}"
        current, wanted = (amount(value, record.resource) for value in (record.current, record.suggestion))
        print(f"{record.outcome:<8} {name:<44} {record.resource} {record.bound} {current} -> {wanted}")
        what = f"{record.statistic} {amount(record.observed, record.resource)}"
        print(f"         {what} over {age(record.span)}, confidence {record.confidence}: {clean(record.reason)}")
    if not as_json:
        for each in last.coverage:
            if each.detail or not each.live:
                print(f"{each.signal}: {each.status}, {each.live} judged. {clean(each.detail)}".rstrip())
        if not shown:
            judged = any(each.live for each in last.coverage)
            print("no request or limit asks for a change" if judged else "nothing could be judged yet")
    sys.stderr.write(f"as of {age(now - last.at)} ago\n")
