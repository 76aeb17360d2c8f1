"""Scores for any series: what `tocsin score` and the benchmark of detection run, sample by sample and causally."""

from __future__ import annotations

from detectors.scoring.scorer import Scorer, Scores
from detectors.scoring.tuning import TUNING, Tuning

__all__ = ["TUNING", "Scorer", "Scores", "Tuning"]
