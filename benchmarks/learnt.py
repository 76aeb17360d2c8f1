"""A label-trained member over alerts: `tocsin quality --model FILE` writes one.

Of an alert at its first sample only its score, its time and the scorer's own confidence are known. What else the member
was trained on says nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from app.quality.learning import DAY, FEATURES
from detectors.quality.member import Member, State
from detectors.quality.training import probability

if TYPE_CHECKING:
    from pathlib import Path

    from detectors.series import FloatArray

EVEN = 0.5


@dataclass(frozen=True)
class Judge:
    """Averages a member's log-odds with those of each alert's score."""

    member: Member

    @classmethod
    def read(cls, path: Path) -> Judge:
        """A member from its file. Raises SystemExit with what is wrong with it."""
        try:
            member = msgspec.json.decode(path.read_bytes(), type=Member)
        except (OSError, msgspec.DecodeError) as error:
            raise SystemExit(f"{path}: no trained member: {error}") from None
        if member.features != FEATURES or len(member.weights) != len(FEATURES):
            raise SystemExit(f"{path}: trained on other features than these: {', '.join(FEATURES)}")
        # Asked for by name, it speaks also where it did not help on the cluster that it comes from.
        return cls(msgspec.structs.replace(member, state=State.ON))

    def kept(self, times: FloatArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Of alerts at times (unix seconds) with scores those that are rather true."""
        features = np.full((len(times), len(FEATURES)), np.nan)
        angle = 2 * np.pi * (times % DAY) / DAY
        known = {"score": np.log2(scores), "time of day (sine)": np.sin(angle), "time of day (cosine)": np.cos(angle)}
        for name, values in known.items():
            features[:, FEATURES.index(name)] = values
        # As the detectors' own: one half at the threshold (`detectors.kinds.verdict`).
        likely = probability(self.member, features, 1 - np.exp2(-scores))
        return times[likely >= EVEN], scores[likely >= EVEN]
