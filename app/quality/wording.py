"""The report's numbers as people read them, on the screen and on the command line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.quality.report import Met, at_least, at_most
from detectors.quality.member import FEWEST, FEWEST_OF_EACH, State
from detectors.words import counted
from widgets.text import NOTHING, age

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.quality.proposals import Effect
    from app.quality.report import Line, Report
    from detectors.quality.delays import Delay
    from detectors.quality.member import Member
    from detectors.quality.shares import Share

TOO_FEW = "too few"
"""Instead of a precision that would be told from next to no labels."""


def share_text(share: Share) -> str:
    """`82 % (69-90)`: the share and its interval; nothing without trials."""
    if not share.trials:
        return NOTHING
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f}-{100 * share.high:.0f})"


def precision_text(line: Line) -> str:
    """The precision, or that there are too few labels to tell it."""
    if line.told:
        return share_text(line.precision)
    return TOO_FEW if line.precision.trials else NOTHING


def delay_text(delay: Delay | None) -> str:
    """The median."""
    return age(delay.median) if delay is not None else NOTHING


def rate_text(per_day: float) -> str:
    """So many a day."""
    if math.isnan(per_day):
        return NOTHING
    return f"{per_day:.1f}" if per_day < 100 else f"{per_day:.0f}"


def drift_text(line: Line) -> str:
    """More or fewer in the last week than before, where that is no chance."""
    if not line.drift.notable:
        return ""
    return f"{rate_text(line.drift.before)} -> {rate_text(line.drift.recent)} a day"


def targets(report: Report) -> tuple[tuple[str, str, str, Met], ...]:
    """Each target: its name, what is so, what is wanted, and whether it is reached."""
    wanted, total = report.targets, report.total
    detection = total.detection.median if total.detection else math.nan
    precise = at_least(total.precision, wanted.precision) if total.told else Met.UNKNOWN
    return (
        ("precision", precision_text(total), f">= {wanted.precision:.0%}", precise),
        ("recall", share_text(total.recall), f">= {wanted.recall:.0%}", at_least(total.recall, wanted.recall)),
        (
            "detected",
            delay_text(total.detection),
            f"<= {wanted.detection_minutes:g} min",
            at_most(detection, wanted.detection_minutes * 60),
        ),
        (
            "a day",
            rate_text(total.actionable_per_day),
            f"<= {wanted.alerts_per_day:g}",
            at_most(total.actionable_per_day, wanted.alerts_per_day),
        ),
    )


def effect_text(effect: Effect) -> str:
    """`hides 12: 9 false, 0 true, 3 others`."""
    others = len(effect.cases) - effect.false - effect.true
    return f"hides {len(effect.cases)}: {effect.false} false, {effect.true} true, {others} others"


def stays_text(case: int, stays: Sequence[str]) -> str:
    """`#7 stays: http-server-5xx-spike of prod/payments is out of band in it too`; empty where it is hidden."""
    if not stays:
        return ""
    more = f" and {counted(len(stays) - 1, 'others')}" if len(stays) > 1 else ""
    return f"#{case} stays: {stays[0]}{more} in it too"


def member_text(member: Member | None) -> str:
    """Whether the label-trained member is averaged in, and why not."""
    if member is None or member.state is State.FEW:
        return f"off: too few labels ({FEWEST} needed, {FEWEST_OF_EACH} of each)"
    gain = f"out-of-fold gain {member.gain:+.3f}"
    return f"on: {gain}" if member.on else f"off: does not help ({gain})"


def labels_text(line: Line) -> str:
    """How many there are of each label, and how many are missing."""
    return f"{line.true} true, {line.false} false, {line.unsure} unsure, {line.unlabelled} not labelled"


def completeness_text(report: Report) -> str:
    """How much there was to judge by."""
    told = report.completeness
    if not told.cycles:
        return "nothing was watched in this time"
    parts = [f"watched {told.watched:.0%} of {age(told.of_days * 86_400)}"]
    if told.with_errors > 0:
        parts.append(f"{told.with_errors:.1%} of cycles with failed queries")
    if not math.isnan(told.live):
        parts.append(f"{told.live:.0%} of what is known is judged")
    return ", ".join(parts)
