"""The outbox of the bad night: a message in every state, one of them hostile, one to a destination that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.notify.message import compose
from app.notify.sending import UNFINISHED, as_text
from app.notify.shown import Draft, Outbox, Posted, Target
from detectors.catalog import load
from storage.records import BY_HAND, MessageRecord, MessageState, Priority
from tests.app.screens.night import HOSTILE, NOW

if TYPE_CHECKING:
    from app.snapshot import Case

WHERE = {"oncall": "slack #shop-oncall", "platform": "slack webhook"}
TEXT = "P1 REAL: P99 latency spike\n\nDeployment shop/checkout in prod-eu-1\nsince 2025-10-09 08:49 UTC"


def message(
    number: int, case: int | None, to: str, state: MessageState, headline: str, minutes: float, **more: object
) -> MessageRecord:
    given = {
        "id": number, "investigation": case, "destination": to, "rule": "critical", "state": state,
        "priority": Priority.P1, "headline": headline, "body": b"", "wanted": 1, "sent": 0, "told": "", "channel": "",
        "ts": "", "attempts": 0, "next_at": 0.0, "owner": "", "until": None, "error": "", "hint": "",
        "created": NOW - 60 * minutes, "posted": None, "summary": None, "held_by": None, "again": None,
    }  # fmt: skip
    return msgspec.convert(given | more, MessageRecord)


def posted(record: MessageRecord) -> Posted:
    known = record.destination in WHERE
    error = record.error if known else f"{record.destination} is no destination of the settings any more: it waits"
    return Posted(record, WHERE.get(record.destination, ""), TEXT, error, record.hint if known else "")


MESSAGES = tuple(
    posted(record)
    for record in (
        message(9, 412, "oncall", MessageState.WAITING, "REAL P1 Deployment shop/checkout: P99 latency spike", 1,
                attempts=3, next_at=NOW + 40, error="Slack cannot be reached: timed out", hint="It is tried again."),
        message(8, 411, "oncall", MessageState.SENT, "REAL P2 Deployment shop/cart: 5XX error rate spike", 4,
                sent=1, posted=NOW - 230, priority=Priority.P2),
        message(7, 409, "platform", MessageState.FAILED, "REAL P2 StatefulSet platform/kafka: CrashLoopBackOff", 30,
                error="Slack: is_archived", hint="Unarchive the channel or name another; then R.",
                priority=Priority.P2),
        message(6, 408, "platform", MessageState.UNSURE, "REAL P3 Deployment shop/payments: Restart spike", 20,
                error="Slack did not answer (TimeoutError)", hint="Look into the channel. If it is not there: R.",
                priority=Priority.P3),
        message(5, 398, "oncall", MessageState.HELD, f"REAL P3 Deployment shop/{HOSTILE}", 9, rule=BY_HAND,
                error="oncall has got its 20 messages of this hour", hint="A summary tells of it.",
                priority=Priority.P3),
        message(4, 396, "gone", MessageState.WAITING, "REAL P4 Deployment ml/ranker: rate surge", 8,
                priority=Priority.P4),
        message(3, None, "oncall", MessageState.DROPPED, "4 more cases were held back by the limit per hour", 70,
                priority=Priority.P5),
    )
)  # fmt: skip


def outbox(messages: dict[int, MessageState]) -> Outbox:
    """The outbox, with the states that a test has given its messages."""
    told = (
        msgspec.structs.replace(each, record=msgspec.structs.replace(each.record, state=messages[each.record.id]))
        for each in MESSAGES
    )
    return Outbox(NOW, tuple(told), tuple(WHERE))


def draft(case: Case) -> Draft:
    """What would be sent of a case of the night."""
    record = case.investigation
    if case.conclusion is None:
        return Draft(record.id, record.entity.title, refusal=UNFINISHED)
    text = as_text("slack", compose(record, case.conclusion, case.anomalies, load(), {}), NOW)
    targets = (
        Target("oncall", WHERE["oncall"], "by rule critical: verdict real, priority P1", True, text),
        Target("platform", WHERE["platform"], f"{BY_HAND}: no rule sends it there", False, text),
    )
    return Draft(record.id, record.entity.title, targets)
