"""`tocsin notify`: which rule takes which case and why, what the outbox holds, and sending again what was not sent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app.commands.common import existing_store, investigation_id, loaded_settings, no_such
from app.exits import Exit
from storage.records import Lifecycle, MessageState

if TYPE_CHECKING:
    import argparse

    from app.notify.destinations import Destination
    from app.notify.message import Message, Summary
    from app.notify.settings import NotifySettings
    from app.settings.loading import LoadedSettings
    from storage.database import Store
    from storage.records import InvestigationRecord

LATEST = 20
"""Cases that `test` goes through where none is named."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "action",
        choices=("test", "outbox", "show", "retry"),
        help="test: which rule takes which case, and why; outbox: what was sent and what was not; "
        "show: a message as its destination gets it; retry: send again",
    )
    parser.add_argument(
        "id", metavar="ID", type=investigation_id, nargs="?", help="show, retry: the number in the outbox"
    )
    parser.add_argument("--case", metavar="ID", type=investigation_id, help="test: this investigation only")
    parser.add_argument("--send", metavar="DESTINATION", help="test: send the message of --case there, as a trial")
    parser.add_argument("--json", action="store_true", help="print JSON lines")


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    loaded = loaded_settings(options)
    with existing_store(loaded) as store:
        if options.action == "outbox":
            return _outbox(store, loaded.settings.notify, as_json=options.json)
        if options.action == "show":
            return _show(store, loaded.settings.notify, options.id)
        if options.action == "retry":
            return _retry(store, options.id)
        return _test(store, loaded, options)


def _test(store: Store, loaded: LoadedSettings, options: argparse.Namespace) -> int:
    settings = loaded.settings.notify
    if not settings.destinations:
        print(f"no destination is named in {loaded.path}: nothing is sent (docs/notify.md)")
    if options.case is None:
        if options.send:
            return _usage("--send takes --case ID too: what shall be sent?")
        cluster = loaded.settings.kubernetes.context or None
        cases = store.investigations.page(cluster, lifecycles=tuple(Lifecycle), limit=LATEST)
    else:
        case = store.investigations.get(options.case)
        if case is None:
            return no_such(options.case)
        cases = (case,)
    for each in cases:
        _told(store, settings, each, as_json=options.json)
    if not cases:
        print("no case is stored yet")
    return _trial(store, loaded, cases[0], options.send) if options.send else Exit.OK


def _told(store: Store, settings: NotifySettings, case: InvestigationRecord, *, as_json: bool) -> None:
    from app.findings import json_line
    from app.notify.rules import chosen, readings, withheld
    from widgets.text import clean

    found = store.conclusions.of(case.id)
    why = withheld(case, found.at) if found is not None else "it has not been investigated yet"
    read = readings(settings, case, found, found.at) if found is not None else ()
    to = chosen(settings, case, found, found.at) if found is not None else ()
    if as_json:
        rules = [reading._asdict() for reading in read]
        print(json_line({"case": case.id, "to": [name for name, _ in to], "withheld": why, "rules": rules}))
        return
    verdict = f"{found.verdict} {found.priority}" if found is not None else "-"
    print(f"#{case.id:<5} {verdict:<16} {clean(case.entity.title, 40):<40} {clean(case.title)}")
    if why:
        print(f"    told nowhere: {why}")
        return
    for reading in read:
        sign, target = ("+", f" -> {', '.join(reading.to) or 'nowhere'}") if reading.takes else ("-", "")
        print(f"    {sign} {clean(reading.rule)}{clean(target)}: {clean(reading.why)}")
    if not to:
        print("    told nowhere")


def _trial(store: Store, loaded: LoadedSettings, case: InvestigationRecord, name: str) -> int:
    """Send a case's message to a destination, past rules and outbox."""
    from app.clock import SystemClock
    from app.notify.courier import courier
    from app.notify.message import compose
    from app.opening import open_catalogue
    from app.secrets import Secrets

    destination = loaded.settings.notify.destinations.get(name)
    if destination is None:
        return _usage(f"{name} is no destination; allowed: {', '.join(loaded.settings.notify.destinations) or 'none'}")
    found = store.conclusions.of(case.id)
    if found is None:
        return _usage(f"#{case.id} has not been investigated yet: there is nothing to tell")
    message = compose(case, found, store.anomalies.of(case.id), open_catalogue(loaded), loaded.settings.notify.runbooks)
    clock = SystemClock()
    if loaded.settings.notify.dry_run:
        print(_rendered(destination, message, clock.now()))
        return Exit.OK
    outcome = courier(name, destination, Secrets(), clock).post(message, f"tocsin-trial-{case.id}-{int(clock.now())}")
    print(f"{name}: {outcome.state}{f': {outcome.error}' if outcome.error else ''}")
    if outcome.hint:
        print(f"    {outcome.hint}")
    return Exit.OK if outcome.state is MessageState.SENT else Exit.FINDINGS


def _outbox(store: Store, settings: NotifySettings, *, as_json: bool) -> int:
    from app.clock import SystemClock
    from app.findings import json_line, message
    from app.notify.outbox import trouble
    from widgets.text import age, clean

    now, records = SystemClock().now(), store.outbox.listed()
    for record in records:
        if as_json:
            print(json_line(message(record)))
            continue
        case = f"#{record.investigation}" if record.investigation is not None else "summary"
        lasting = age(now - (record.posted or record.created))
        head = f"{record.id:<5} {record.state:<8} {lasting:>4}  {case:<8} {clean(record.destination):<16}"
        print(f"{head} {clean(record.headline)}")
        for text in filter(None, trouble(record, settings)):
            print(f"      {clean(text.replace('retry ID', f'retry {record.id}'))}")
    if not records and not as_json:
        print("the outbox is empty" if settings.destinations else "no destination is named: nothing is sent")
    return Exit.OK


def _show(store: Store, settings: NotifySettings, number: int | None) -> int:
    """Print what a destination gets."""
    from app.clock import SystemClock
    from app.notify.message import message_of

    record = store.outbox.get(number) if number is not None else None
    if record is None:
        return _usage("show takes the number that `tocsin notify outbox` shows")
    destination = settings.destinations.get(record.destination)
    if destination is None:
        return _usage(f"{record.destination} is no destination of the settings any more")
    print(_rendered(destination, message_of(record), SystemClock().now()))
    return Exit.OK


def _rendered(destination: Destination, message: Message | Summary, now: float) -> str:
    import msgspec

    from app.notify.rendering import rendered

    return msgspec.json.format(msgspec.json.encode(rendered(destination.kind, message, now)), indent=2).decode()


def _retry(store: Store, number: int | None) -> int:
    from app.clock import SystemClock

    if number is None:
        return _usage("retry takes the number that `tocsin notify outbox` shows")
    if not store.outbox.retry(number, SystemClock().now()):
        return _usage(f"message {number} is sent, or about to be; `tocsin notify outbox` shows them")
    print(f"message {number} is sent again by the next console or `tocsin watch`")
    return Exit.OK


def _usage(what: str) -> int:
    sys.stderr.write(f"tocsin: {what}\n")
    return Exit.USAGE
