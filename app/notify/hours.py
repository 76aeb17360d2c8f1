"""Hours of the day: `22:00-07:00`, also across midnight."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")

Minutes = tuple[int, int]
"""First and last minute of a day, the last one excluded; where the last comes first, it is the next day's."""


def minutes_of(setting: str, text: str) -> Minutes | None:
    """What a setting says; None where it is empty. Raises ValueError."""
    if not text:
        return None
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(f"{setting} is {text!r}; allowed: HH:MM-HH:MM, or empty")
    first, first_minute, last, last_minute = map(int, found.groups())
    return first * 60 + first_minute, last * 60 + last_minute


def within(hours: Minutes, now: float, zone: str) -> bool:
    """Whether an instant, in unix seconds, lies in these hours of a time zone."""
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    minute, (first, last) = local.hour * 60 + local.minute, hours
    return first <= minute < last if first <= last else minute >= first or minute < last


def end_of(hours: Minutes, now: float, zone: str) -> float:
    """When these hours end next, in unix seconds."""
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    end = local.replace(hour=hours[1] // 60, minute=hours[1] % 60, second=0, microsecond=0)
    # Whole days are added by the wall's clock: it ends at the same hour where the clocks change overnight.
    return (end if end > local else end + timedelta(days=1)).timestamp()
