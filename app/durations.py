"""Lengths of time as people type them."""

from __future__ import annotations

import re

DAY = 86_400.0
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY, "w": 7 * DAY}


def seconds_of(text: str) -> float | None:
    """Seconds of a time such as `15m`, `1h` or `7d`; None when it is none."""
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip())
    if match is None:
        return None
    return int(match[1]) * UNITS[match[2]] or None
