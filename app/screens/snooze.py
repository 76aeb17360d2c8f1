"""For how long to snooze."""

from __future__ import annotations

from app.screens.choice import ChoiceDialog

CHOICES = (("15 minutes", 900.0), ("1 hour", 3600.0), ("4 hours", 14400.0))


class SnoozeDialog(ChoiceDialog[float]):
    """Three times to choose from; answers with seconds."""

    def __init__(self, cases: int) -> None:
        title = "Snooze" if cases == 1 else f"Snooze {cases} investigations"
        super().__init__(title, CHOICES, ":snooze 2h for other times")
