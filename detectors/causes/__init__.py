"""Which node caused it, by its metrics and the call graph: a ranking with what speaks for each suspect."""

from __future__ import annotations

from detectors.causes.model import Evidence, Failing, Metric, Observed, Ranking, Signal, Suspect, Why
from detectors.causes.ranking import rank

__all__ = ["Evidence", "Failing", "Metric", "Observed", "Ranking", "Signal", "Suspect", "Why", "rank"]
