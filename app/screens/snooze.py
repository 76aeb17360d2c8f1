"""For how long to snooze."""

from __future__ import annotations

import math

from app.screens.choice import ChoiceDialog

NEXT_ROLLOUT = math.inf
"""In place of seconds."""
CHOICES = (
    ("15 minutes", 900.0),
    ("1 hour", 3600.0),
    ("4 hours", 14400.0),
    ("until the next rollout of the workload", NEXT_ROLLOUT),
)


class SnoozeDialog(ChoiceDialog[float]):
    """Three times and an event to choose from; answers with seconds."""

    def __init__(self, cases: int) -> None:
        title = "Snooze" if cases == 1 else f"Snooze {cases} investigations"
        super().__init__(title, CHOICES, ":snooze 2h for other times")
