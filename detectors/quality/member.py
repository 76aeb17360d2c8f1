"""A small classifier trained on the engineer's labels, as a value: its weights, and whether it helps.

`detectors.quality.training` makes and asks it; this part needs no numpy, so that whoever only shows it does not either.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

FEWEST = 20
"""Labels."""
FEWEST_OF_EACH = 5
"""True ones, and false ones."""


class State(StrEnum):
    """Whether it is averaged in."""

    FEW = "too few labels"
    USELESS = "does not help"
    ON = "on"


class Member(msgspec.Struct, frozen=True):
    """A trained classifier, and how well it predicts what it was not trained on."""

    state: State
    features: tuple[str, ...]
    true: int
    """Labels it was trained on."""
    false: int
    weights: tuple[float, ...] = ()
    """Per standard deviation of each feature; empty where there are too few labels."""
    bias: float = 0.0
    means: tuple[float, ...] = ()
    """Of the features, to standardise by."""
    scales: tuple[float, ...] = ()
    gain: float = 0.0
    """Nats per label by which averaging it in predicts better than the detectors alone, out of fold."""
    error: float = 0.0
    """Standard error of the gain."""

    @property
    def on(self) -> bool:
        """Whether it is averaged in."""
        return self.state is State.ON
