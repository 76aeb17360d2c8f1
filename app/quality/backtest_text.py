"""What a backtest came to, as lines for people and as JSON for scripts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from app.findings import SCHEMA, finding, instant, number
from app.quality.as_json import report_object
from app.quality.measures import DAY, LEAST_DAYS
from app.quality.report import Group, Line
from app.quality.wording import rate_text, share_text, targets
from detectors.words import counted
from widgets.text import age, clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.quality.backtest import Ran, Said

LOUDEST = 10
"""Findings that are named."""


def backtest_object(ran: Ran, told: Sequence[Said]) -> dict[str, Any]:
    """Schema 1: the span, and for each of the settings its report, its findings and what it says of labels."""
    return {
        "schema": SCHEMA,
        "cluster": ran.cluster,
        "since": instant(ran.since),
        "until": instant(ran.until),
        "every_seconds": number(ran.every),
        "cycles": ran.cycles,
        "complete": ran.complete,
        "runs": [
            {
                "settings": each.name,
                "report": report_object(each.report),
                "findings": [finding(anomaly) for anomaly in each.anomalies],
                "labels": {
                    "true": {"again": each.echo.true_again, "of": each.echo.true},
                    "false": {"again": each.echo.false_again, "of": each.echo.false},
                },
                "failing": list(each.failing),
            }
            for each in told
        ],
    }


def lines(ran: Ran, told: Sequence[Said]) -> Iterator[str]:
    """The report, line by line."""
    ended = "" if ran.complete else ", stopped there"
    days = age(ran.until - ran.since)
    yield f"{clean(ran.cluster)}: {days} to {instant(ran.until)}{ended}; {ran.cycles} cycles, one each {age(ran.every)}"
    for each in told:
        yield from _summary(each, named=len(told) > 1)
    for group in (Group.SIGNAL, Group.WORKLOAD):
        yield from _table(group, told)
    yield from _loudest(told[0])


def _summary(said: Said, *, named: bool) -> Iterator[str]:
    if named:
        yield f"\n{clean(said.name)}:"
    total = said.report.total
    rate = (
        f"{rate_text(total.per_day)} a day, of which {rate_text(total.actionable_per_day)} ask for somebody "
        f"(wanted: {targets(said.report)[-1][2]})"
    )
    if math.isnan(total.per_day):
        rate = f"too short for a rate, which takes {age(LEAST_DAYS * DAY)}"
    yield f"  would have told of {counted(total.fired, 'investigations')}: {rate}"
    if total.recall.trials:
        yield f"  recorded incidents found: {share_text(total.recall)} of {total.recall.trials}"
    echo = said.echo
    if echo.true or echo.false:
        yield (
            f"  of what you labelled: {echo.true_again} of {echo.true} true again, "
            f"{echo.false_again} of {echo.false} false again"
        )
    if said.failing:
        yield f"  could not be asked: {', '.join(said.failing)}"


def _table(group: Group, told: Sequence[Said]) -> Iterator[str]:
    """Each row or workload with how often it would have told, by the settings."""
    found: list[Mapping[str, Line]] = [{line.name: line for line in each.report.of(group)} for each in told]
    names = sorted({name for lines in found for name in lines}, key=lambda name: (-_fired(found, name), name))
    if not names:
        return
    heads = "".join(f"{'TOLD':>7} {'A DAY':>6}" for _ in told)
    yield f"\n{group.upper():<44}{heads}" + ("  CHANGE" if len(told) > 1 else "")
    for name in names:
        cells = [lines.get(name) for lines in found]
        row = "".join(
            f"{line.fired if line else 0:>7} {rate_text(line.per_day) if line else '0.0':>6}" for line in cells
        )
        change = (cells[-1].fired if cells[-1] else 0) - (cells[0].fired if cells[0] else 0)
        yield f"{clean(name, 44):<44}{row}" + (f"  {change:+d}" if len(told) > 1 else "")


def _fired(found: Sequence[Mapping[str, Line]], name: str) -> int:
    return max(lines[name].fired if name in lines else 0 for lines in found)


def _loudest(said: Said) -> Iterator[str]:
    worst = sorted(said.anomalies, key=lambda a: (-a.severity.rank, -a.peak_score, a.id))[:LOUDEST]
    if worst:
        yield "\nthe gravest:"
    for anomaly in worst:
        lasted = age((anomaly.closed or anomaly.last_seen) - anomaly.onset)
        yield (
            f"  {anomaly.severity:<8} {instant(anomaly.onset)} {lasted:>4}  {clean(anomaly.entity.title, 40):<40} "
            f"{anomaly.signal} (score {anomaly.peak_score:.1f})"
        )
