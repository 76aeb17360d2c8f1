"""Which detector stands behind a finding: the name that labels are kept and counted by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.model import KUBERNETES

if TYPE_CHECKING:
    from detectors.catalog import Catalogue
    from storage.labels import DetectorOf


def detectors_of(catalogue: Catalogue) -> DetectorOf:
    """Names the detector kind of a signal, or the state detector where objects told of it; empty for unknown rows."""
    rows = {row.id: row for row in catalogue.rows}

    def detector_of(signal: str, convention: str) -> str:
        row = rows.get(signal)
        if row is None:
            return ""
        return row.fallback.state_detector if convention == KUBERNETES and row.fallback.state_detector else row.detector

    return detector_of
