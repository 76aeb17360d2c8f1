"""The coverage matrix as data: rows say what is judged, conventions say how exporters tell it."""

from detectors.catalog.compose import QueryTemplate, Returns
from detectors.catalog.errors import CatalogError
from detectors.catalog.identity import Identifier
from detectors.catalog.loader import evidence, load
from detectors.catalog.model import Catalogue, RowSource
from detectors.catalog.promql import matchers, render
from detectors.catalog.schema import (
    Absence,
    Availability,
    Convention,
    DetectorKind,
    Fallback,
    Owners,
    Role,
    Row,
    Statistic,
)

__all__ = [
    "Absence",
    "Availability",
    "CatalogError",
    "Catalogue",
    "Convention",
    "DetectorKind",
    "Fallback",
    "Identifier",
    "Owners",
    "QueryTemplate",
    "Returns",
    "Role",
    "Row",
    "RowSource",
    "Statistic",
    "evidence",
    "load",
    "matchers",
    "render",
]
