"""`tocsin quality`: precision, recall and delays by your labels and recorded incidents, and what to label next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.commands.common import cluster_of, existing_store, loaded_settings
from app.durations import DAY, seconds_of
from app.exits import Exit, UsageError

if TYPE_CHECKING:
    import argparse

    from app.quality.report import Line, Report

SHOWN_QUESTIONS = 5


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--since", metavar="TIME", help="how far back, as 7d or 24h (default: quality.days)")
    parser.add_argument(
        "--model", metavar="FILE", help="write what your labels have trained to a file (for the benchmark's --model)"
    )
    parser.add_argument("--json", action="store_true", help="print the whole report as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Print the report from what is stored; asks neither the cluster nor Prometheus."""
    from app.clock import SystemClock
    from app.findings import json_line
    from app.opening import open_catalogue
    from app.quality.as_json import report_object
    from app.quality.measures import report

    loaded = loaded_settings(options)
    days = float(loaded.settings.quality.days)
    if options.since:
        seconds = seconds_of(options.since)
        if seconds is None:
            raise UsageError(f"--since is {options.since!r}; allowed: a length of time such as 24h or 7d")
        days = seconds / DAY
    with existing_store(loaded) as store:
        cluster = cluster_of(loaded, store)
        told = report(store, open_catalogue(loaded), loaded.settings, cluster, SystemClock().now(), days)
    if options.model:
        _write(told, Path(options.model))
    if options.json:
        print(json_line(report_object(told)))
    else:
        _print(told)
    return Exit.OK


def _write(report: Report, path: Path) -> None:
    """The trained member as JSON. Raises SettingsError where there is none, or it cannot be written."""
    from app.quality.wording import member_text
    from app.settings.loading import SettingsError

    if report.member is None or not report.member.weights:
        raise SettingsError(f"--model {path}: nothing is trained: {member_text(report.member)}")
    try:
        path.write_bytes(msgspec.json.encode(report.member))
    except OSError as error:
        raise SettingsError(f"--model {path}: cannot be written: {error.strerror}") from None


def _print(report: Report) -> None:
    from app.quality.report import Group
    from app.quality.wording import completeness_text, labels_text, member_text, targets
    from widgets.text import clean

    print(f"{clean(report.cluster)}: {labels_text(report.total)}; {completeness_text(report)}")
    print(f"  learning from labels: {member_text(report.member)}")
    for name, value, wanted, met in targets(report):
        print(f"  {name:<18} {value:<18} wanted {wanted:<10} {met}")
    for group in (Group.DETECTOR, Group.SIGNAL, Group.WORKLOAD):
        lines = report.of(group)
        if lines:
            print(f"\n{group.upper():<40} FIRED  TRUE FALSE  PRECISION         RECALL           A DAY  DRIFT")
        for line in lines:
            print(_line(line))
    if report.questions:
        print("\nlabel next:")
    for question in report.questions[:SHOWN_QUESTIONS]:
        print(f"  #{question.investigation:<5} {clean(question.workload)}: {clean(question.title)} ({question.why})")


def _line(line: Line) -> str:
    from app.quality.wording import drift_text, precision_text, rate_text, share_text
    from widgets.text import clean

    numbers = (
        f"{line.fired:>5} {line.true:>5} {line.false:>5}  {precision_text(line):<17} {share_text(line.recall):<16}"
    )
    return f"{clean(line.name, 40):<40} {numbers} {rate_text(line.per_day):>5}  {drift_text(line)}".rstrip()
