"""A quality report of the bad night's cluster: detectors good, bad and hardly labelled, incidents found and missed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.quality.proposals import Effect, Proposal
from app.quality.report import Completeness, Drift, Found, Group, Line, Question, Report, Ruled, Targets
from detectors.quality.delays import Delay
from detectors.quality.member import Member, State
from detectors.quality.shares import wilson
from storage.records import IncidentRecord, Label, Pattern, RuleRecord
from tests.app.screens.night import CLUSTER, FAULTS, HOSTILE, NOW

if TYPE_CHECKING:
    from collections.abc import Mapping

DAYS = 29.5
COUNTS = (
    (Group.DETECTOR, "level-shift", "level-shift", 64, 41, 9, 4),
    (Group.DETECTOR, "quantile-shift", "quantile-shift", 51, 33, 6, 2),
    (Group.DETECTOR, "count-spike", "count-spike", 38, 11, 19, 1),
    (Group.DETECTOR, "rate-drop", "rate-drop", 12, 9, 1, 0),
    (Group.DETECTOR, "crash_loop", "crash_loop", 9, 2, 1, 0),
    (Group.SIGNAL, "http-server-latency-p99", "HTTP Server: P99 Latency spike", 40, 29, 3, 1),
    (Group.SIGNAL, "events-warning-cluster", "Events: Warning events", 31, 7, 18, 1),
    (Group.WORKLOAD, "jobs/etl", "jobs/etl", 22, 1, 17, 0),
    (Group.WORKLOAD, "shop/checkout", "shop/checkout", 14, 12, 1, 0),
)
"""Group, name, title, fired, true, false, unsure."""


def line(group: Group, name: str, title: str, fired: int, true: int, false: int, unsure: int) -> Line:
    recent = 2.4 if name in {"count-spike", "jobs/etl"} else 0.4 * fired / DAYS
    return Line(
        group=group, name=name, title=title, fired=fired, true=true, false=false, unsure=unsure, muted=0,
        precision=wilson(true, true + false), told=true + false >= 5, recall=wilson(min(3, true), 4),
        detection=Delay(3, 126.0, 312.0) if true > 5 else None, acknowledgement=Delay(true, 240.0, 900.0),
        per_day=fired / DAYS, actionable_per_day=0.6 * fired / DAYS,
        drift=Drift(recent, 0.5, 0.0002 if recent > 2 else 0.4),
    )  # fmt: skip


LINES = tuple(line(*counts) for counts in COUNTS)
TOTAL = line(Group.ALL, "", "everything", 158, 88, 34, 7)


def incident(number: int, workload: str, hours: float, minutes: float, note: str) -> IncidentRecord:
    since = NOW - 3600 * hours
    return IncidentRecord(number, CLUSTER, workload, since, since + 60 * minutes, note, "me", NOW - 600)


INCIDENTS = (
    Found(incident(1, "shop/checkout", 50, 40, "payments timed out"), True, 412, 126.0),
    Found(incident(2, "shop/cart", 26, 25, HOSTILE), True),
    Found(incident(3, "platform/kafka", 300, 90, "broker 0 was rebuilt"), False),
)


def effect(cases: int, false: int, true: int) -> Effect:
    return Effect(
        tuple(range(300, 300 + cases)), false, true, tuple(range(300, 300 + true)), 1, cases - false - true - 1,
        wilson(11, 30), wilson(11 - true, 30 - false - true),
    )  # fmt: skip


PROPOSALS = (
    Proposal(Pattern("events-warning-cluster", "jobs/*"), "mute", "hides 14", 30 * 86400.0, effect(19, 14, 0)),
    Proposal(Pattern("http-server-latency-p99", "shop/search", below=2.4), "raise the threshold", "", None,
             effect(7, 5, 1)),
    Proposal(Pattern("pod-restart-spike", f"jobs/{HOSTILE[:20]}*", hours=(2, 6)), "mute", "", 30 * 86400.0,
             effect(6, 4, 0)),
)  # fmt: skip
RULES = (
    Ruled(RuleRecord(3, CLUSTER, Pattern("", "ml/*"), "me", "the team is moving", NOW - 86400, NOW + 86400, True),
          "in force", 12),
    Ruled(RuleRecord(1, CLUSTER, Pattern("node-network-send", "*"), "kim", HOSTILE, NOW - 9e6, NOW - 86400, True),
          "run out", 0),
)  # fmt: skip


def quality_report(labels: Mapping[int, Label | None]) -> Report:
    """The report while these investigations have these labels: what is labelled is no question any more."""
    asked = [
        Question(fault.id, fault.title, fault.name, fault.signal, 0.5 + 0.04 * place, 1.5 - 0.1 * place, why)
        for place, (fault, why) in enumerate(
            zip(
                FAULTS[:6],
                ("another convention sees it in band", "no label of this signal yet", "its score of 1.1 is near the "
                 "threshold", "as likely true as false (50%)", "probably true (66%)", HOSTILE),
                strict=True,
            )
        )
    ]  # fmt: skip
    return Report(
        cluster=CLUSTER, at=NOW, since=NOW - 30 * 86400, targets=Targets(), total=TOTAL, lines=LINES,
        incidents=INCIDENTS, completeness=Completeness(DAYS, 30.0, 169_920, 0.004, 0.93),
        proposals=PROPOSALS, rules=RULES, member=Member(State.ON, (), 88, 34, gain=0.084, error=0.03),
        questions=tuple(question for question in asked if labels.get(question.investigation) is None),
    )  # fmt: skip


NOTHING_YET = Report(
    cluster=CLUSTER, at=NOW, since=NOW - 30 * 86400, targets=Targets(),
    total=Line(Group.ALL, "", "everything", 0, 0, 0, 0, 0, wilson(0, 0), False, wilson(0, 0), None, None, math.nan,
               math.nan, Drift(math.nan, math.nan, 1.0)),
    lines=(), incidents=(), completeness=Completeness(0.0, 0.0, 0, math.nan, math.nan), questions=(),
)  # fmt: skip
