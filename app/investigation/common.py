"""The evidence that every class wants: is the data good, what is lost, how wide is it, what changed before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors.changes import CHANGES
from app.investigation.collectors.effects import replicas, width
from app.investigation.collectors.trust import measured

if TYPE_CHECKING:
    from app.investigation.model import Collector

COMMON: tuple[Collector, ...] = (measured, replicas, width, *CHANGES)
