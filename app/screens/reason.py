"""Why it is labelled so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.screens.choice import ChoiceDialog
from storage.records import Label, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Mapping[Reason, str] = {
    Reason.REAL: "it was a problem",
    Reason.NOISE: "nothing happened",
    Reason.EXPECTED: "it was meant to happen: a rollout, a load test, maintenance",
    Reason.THRESHOLD: "it is so, and too little to tell",
    Reason.DUPLICATE: "another investigation tells the same",
}
FITTING: Mapping[Label, tuple[Reason, ...]] = {
    Label.TRUE: (Reason.REAL, Reason.DUPLICATE),
    Label.FALSE: (Reason.NOISE, Reason.EXPECTED, Reason.THRESHOLD, Reason.DUPLICATE),
    Label.UNSURE: (Reason.EXPECTED, Reason.THRESHOLD, Reason.DUPLICATE),
}
"""By label: the reasons that do not contradict it, the usual one first, where the cursor begins."""


class ReasonDialog(ChoiceDialog[Reason]):
    """The reasons that fit a label."""

    def __init__(self, label: Label, cases: int) -> None:
        title = f"Label {label}" if cases == 1 else f"Label {cases} investigations {label}"
        super().__init__(title, [(f"{reason:<16} {MEANINGS[reason]}", reason) for reason in FITTING[label]])
