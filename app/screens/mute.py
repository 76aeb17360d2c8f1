"""What to mute, with what that would have hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.quality.rules import told
from app.quality.wording import effect_text, stays_text
from app.screens.choice import ChoiceDialog
from widgets.text import age, clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.quality.proposals import Proposal


class MuteDialog(ChoiceDialog["Proposal"]):
    """Patterns around one investigation, the narrowest first."""

    BREADTH = "-large"

    def __init__(self, case: int, proposals: Sequence[Proposal], owner: str) -> None:
        choices = [(_told(case, each), each) for each in proposals]
        lasting = f"{owner}'s, for {age(proposals[0].lasting)}; counts as of now"
        super().__init__(f"Mute what #{case} is about", choices, lasting)


def _told(case: int, proposal: Proposal) -> str:
    """A pattern over what it would have hidden, and over why the case at hand would stay."""
    stays = clean(stays_text(case, proposal.stays), 96)
    return "\n   ".join(filter(None, (clean(told(proposal.pattern), 96), effect_text(proposal.effect), stays)))
