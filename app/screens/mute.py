"""What to mute, with what that would have hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.quality.rules import told
from app.quality.wording import effect_text
from app.screens.choice import ChoiceDialog
from widgets.text import age, clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.quality.proposals import Proposal


class MuteDialog(ChoiceDialog["Proposal"]):
    """Patterns around one investigation, the narrowest first."""

    BREADTH = "-large"

    def __init__(self, case: int, proposals: Sequence[Proposal], owner: str) -> None:
        choices = [(f"{clean(told(each.pattern), 96)}\n   {effect_text(each.effect)}", each) for each in proposals]
        lasting = f"{owner}'s, for {age(proposals[0].lasting)}"
        super().__init__(f"Mute what #{case} is about", choices, lasting)
