"""The evidence that every class wants: is the data good, what is lost, how wide is it, what changed before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors.changes import CHANGES
from app.investigation.collectors.effects import replicas, width
from app.investigation.collectors.requests import dependents, failing_requests, slow_requests
from app.investigation.collectors.trust import measured
from app.investigation.collectors.verified import verified

if TYPE_CHECKING:
    from app.investigation.model import Collector

COMMON: tuple[Collector, ...] = (
    measured,
    replicas,
    failing_requests,
    slow_requests,
    dependents,
    width,
    *CHANGES,
    verified,
)
