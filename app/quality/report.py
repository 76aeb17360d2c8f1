"""What there is to say about quality, as values: made in `app.quality.measures`, shown by screen, command and JSON."""

from __future__ import annotations

import math
from enum import StrEnum

from msgspec import Struct

from app.quality.proposals import Proposal
from detectors.quality.delays import Delay
from detectors.quality.member import Member
from detectors.quality.shares import Share
from storage.records import IncidentRecord, Label, RuleRecord


class Group(StrEnum):
    """What a line is about."""

    ALL = "all"
    DETECTOR = "detector"
    SIGNAL = "signal"
    WORKLOAD = "workload"


class Drift(Struct, frozen=True):
    """The last week against the time before it."""

    recent: float
    """Investigations a day in the last week; NaN where it was not watched."""
    before: float
    """The same in the time before."""
    p_value: float
    """How improbable that is if nothing changed; 1.0 where nothing can be said."""

    @property
    def notable(self) -> bool:
        """Whether it is more than chance, with dozens of lines looked at."""
        return self.p_value < NOTABLE


NOTABLE = 0.001
"""Of a drift's p-value: with a hundred lines, one in ten reports shows one by chance."""


class Line(Struct, frozen=True):
    """One detector, signal or workload; or everything."""

    group: Group
    name: str
    """The detector's, the signal's id, `namespace/name`; empty for everything."""
    title: str
    fired: int
    """Investigations in which it took part."""
    true: int
    false: int
    unsure: int
    muted: int
    """Of those that fired: hidden by a rule."""
    precision: Share
    """Of the labelled ones that are true or false: those that are true."""
    told: bool
    """Whether there are labels enough to speak of precision."""
    recall: Share
    """Of the recorded incidents that were watched: those that it found."""
    detection: Delay | None
    """From an incident's begin until it was told."""
    acknowledgement: Delay | None
    """From an investigation's begin on the list until somebody took it."""
    per_day: float
    """Investigations a day; NaN where nothing was watched."""
    actionable_per_day: float
    """Of these, what asks for somebody: medium or worse, and not muted."""
    drift: Drift

    @property
    def unlabelled(self) -> int:
        """Those that nobody has judged."""
        return self.fired - self.true - self.false - self.unsure


class Found(Struct, frozen=True):
    """A recorded incident, and what was told of it."""

    incident: IncidentRecord
    watched: bool
    """Whether any cycle ran while it lasted; else it was nobody's to find."""
    investigation: int | None = None
    """That told of it first; None: it was missed."""
    seconds: float = math.nan
    """From its begin until it was told; 0 where it was told before."""


class Question(Struct, frozen=True):
    """An investigation whose label would teach most."""

    investigation: int
    title: str
    workload: str
    signal: str
    likely: float
    """How probable it is that it is true, by the labels so far."""
    weight: float
    """How much its label would teach; the list is in this order."""
    why: str
    label: Label | None = None


class Completeness(Struct, frozen=True):
    """How much of the time, and of the data, was there to judge by."""

    days: float
    """Watched."""
    of_days: float
    """From the first cycle until now."""
    cycles: int
    with_errors: float
    """Share of the cycles in which at least one row could not be asked."""
    live: float
    """Share of what the rows know of that the last cycle judged: not learning, not without data."""

    @property
    def watched(self) -> float:
        """Share of the time that was watched; NaN where there is none."""
        return min(1.0, self.days / self.of_days) if self.of_days else math.nan


class Ruled(Struct, frozen=True):
    """A rule, and what it hides."""

    rule: RuleRecord
    state: str
    """`in force`, `to begin`, `run out`, `out of force`."""
    muted: int
    """Investigations of this time that it hides."""

    @property
    def holds(self) -> bool:
        """Whether it is in force."""
        return self.state == "in force"


class Targets(Struct, frozen=True):
    """What is wanted: `[quality]` of the settings, by the same names."""

    days: int = 30
    precision: float = 0.85
    recall: float = 0.70
    detection_minutes: float = 5.0
    alerts_per_day: float = 5.0
    fewest_labels: int = 5


class Report(Struct, frozen=True):
    """Everything about the quality of one cluster's findings over a time."""

    cluster: str
    at: float
    since: float
    targets: Targets
    total: Line
    lines: tuple[Line, ...]
    """Detectors, signals and workloads; in each group the busiest first."""
    incidents: tuple[Found, ...]
    completeness: Completeness
    questions: tuple[Question, ...]
    member: Member | None = None
    """Trained on the labels, and whether it is averaged in."""
    proposals: tuple[Proposal, ...] = ()
    rules: tuple[Ruled, ...] = ()

    def of(self, group: Group) -> tuple[Line, ...]:
        """The lines of one group."""
        return tuple(line for line in self.lines if line.group is group)


class Met(StrEnum):
    """Whether a target is reached."""

    YES = "yes"
    NO = "no"
    UNCERTAIN = "uncertain"
    """The number is on one side, its interval reaches to the other."""
    UNKNOWN = "unknown"
    """There is nothing to tell it by."""


def at_least(share: Share, target: float) -> Met:
    """Whether a share reaches a target, given its interval."""
    if not share.trials:
        return Met.UNKNOWN
    if share.low >= target:
        return Met.YES
    return Met.NO if share.high < target else Met.UNCERTAIN


def at_most(value: float, target: float) -> Met:
    """Whether a number stays under a target."""
    if math.isnan(value):
        return Met.UNKNOWN
    return Met.YES if value <= target else Met.NO
