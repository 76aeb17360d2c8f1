"""An Alertmanager: a case is an alert there, resolved when it is over (https://prometheus.io/docs/alerting/latest)."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from app.notify.courier import Outcome
from app.notify.http import post
from app.notify.message import Summary
from storage.records import MessageState, Priority

if TYPE_CHECKING:
    from app.clock import Clock
    from app.notify.destinations import Destination
    from app.notify.message import Message
    from app.secrets import Secrets

LASTS = 3600.0
"""Seconds after which an alert ends where nobody renews it: nobody misses a Tocsin that is started anew in time."""
RENEW = 900.0

SEVERITIES = {Priority.P1: "critical", Priority.P2: "warning", Priority.P3: "warning"}
"""As most routes know them; all others are `info`."""


def labels(message: Message, priority: str = "") -> dict[str, str]:
    """What the alert of a case is known by; a route or a silence may match any of them.

    Args:
        message: of the case.
        priority: in place of its own.
    """
    urgency = priority or message.priority.value
    given = {
        # As kube-state-metrics has it: `deployment="checkout"`, `node="worker-3"`.
        re.sub(r"\W", "_", message.kind.lower(), flags=re.ASCII) or "workload": message.name,
        "alertname": "Tocsin",
        "case": str(message.case),
        "cluster": message.cluster,
        "environment": message.environment,
        "namespace": message.namespace,
        "kind": message.kind,
        "service": message.name,
        "class": message.playbook,
        "priority": urgency,
        "severity": SEVERITIES.get(Priority(urgency), "info"),
    }
    return {name: value for name, value in given.items() if value}


def alerts(message: Message, now: float, before: str = "") -> list[dict[str, Any]]:
    """What is posted.

    Args:
        message: of the case.
        now: unix seconds.
        before: the priority that the alert has there; another one makes it another alert, and the old one ends.
    """
    ends = min(message.ended or now, now) if message.over else now + LASTS
    told = [_alert(message, labels(message), ends)]
    if before and before != message.priority:
        told.append(_alert(message, labels(message, before), now))
    return told


def _alert(message: Message, known_by: dict[str, str], ends: float) -> dict[str, Any]:
    annotations = {
        "summary": message.headline,
        "description": "\n".join((message.reason, *message.readings)),
        "cause": message.cause,
        "impact": "\n".join(message.impact),
        "next": "\n".join(message.commands),
        "runbook_url": message.runbook,
        "tocsin": message.back,
    }
    return {
        "labels": known_by,
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": _time(message.onset),
        "endsAt": _time(max(ends, message.onset)),
    }


class Alertmanager:
    """Posts alerts; each of them says everything, so that twice is as good as once."""

    def __init__(self, url: str, headers: dict[str, str], clock: Clock) -> None:
        self._url, self._headers, self._clock = f"{url.rstrip('/')}/api/v2/alerts", headers, clock

    def post(self, message: Message | Summary, key: str) -> Outcome:
        """A new alert."""
        return self.edit(message, key, "", "")

    def edit(self, message: Message | Summary, key: str, channel: str, ts: str) -> Outcome:  # noqa: ARG002
        """The alert as it is now; `ts` is the priority that it has there."""
        if isinstance(message, Summary):
            # Nothing is held back from an Alertmanager, but settings change.
            return Outcome(MessageState.SENT)
        body = msgspec.json.encode(alerts(message, self._clock.now(), ts))
        outcome = post(self._url, body, self._headers, unclear=MessageState.WAITING)
        if outcome.state is not MessageState.SENT:
            return outcome._replace(error=f"Alertmanager: {outcome.error}")
        return outcome._replace(ts=message.priority.value, again=0.0 if message.over else RENEW)

    def reply(self, text: str, channel: str, ts: str) -> Outcome:  # noqa: ARG002
        """Nothing: its receivers are told by the alert."""
        return Outcome(MessageState.SENT)


def alertmanager(name: str, destination: Destination, secrets: Secrets, clock: Clock) -> Alertmanager:
    """That of the settings. Raises SourceError where its token cannot be read."""
    return Alertmanager(destination.url, login(name, destination, secrets), clock)


def login(name: str, destination: Destination, secrets: Secrets) -> dict[str, str]:
    """The headers of who asks. Raises SourceError where the token cannot be read."""
    token = destination.secret("token", name, secrets).reveal()
    if not token:
        return {}
    if not destination.username:
        return {"Authorization": f"Bearer {token}"}
    return {"Authorization": f"Basic {base64.b64encode(f'{destination.username}:{token}'.encode()).decode()}"}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
