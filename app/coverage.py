"""What the coverage matrix says of one row in one cluster, and what to do about a gap."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from app.pricing import Cost
from detectors.catalog import Availability
from detectors.model import PARTLY, Coverage
from storage.records import CoverageRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.evaluation import RowResult
    from app.settings.loading import LoadedSettings
    from app.settings.schema import Settings
    from detectors.catalog import Catalogue, Row

SWITCH = "detection.disabled_signals"
"""The setting that names the rows which are switched off."""
_SILENT = (Coverage.NO_DATA, Coverage.NO_TRAFFIC)


def coverage_record(
    cluster: str,
    catalogue: Catalogue,
    row: Row,
    result: RowResult | None,
    settings: Settings,
    last_fired: float | None,
    cost: Cost | None = None,
) -> CoverageRecord:
    """One row's line of the matrix; `cost` is that of its queries, where it has some."""
    if row.planned:
        return _without(cluster, row, Coverage.PLANNED, "declared; its detector comes in a later release", last_fired)
    if row.id in settings.detection.disabled_signals:
        return _without(cluster, row, Coverage.DISABLED, f"switched off by {SWITCH}", last_fired)
    if result is None:
        return _without(cluster, row, Coverage.NO_DATA, "not evaluated yet", last_fired)
    counts, cost = Counter(result.coverage.values()), cost or Cost()
    detail = result.detail
    if result.status is Coverage.NO_SOURCE:
        detail = advice(catalogue, row)
    return CoverageRecord(
        cluster=cluster,
        signal=row.id,
        status=result.status,
        conventions=result.conventions,
        live=result.live,
        learning=counts[Coverage.LEARNING],
        silent=sum(counts[status] for status in _SILENT),
        last_fired=last_fired,
        detail=detail,
        query_seconds=result.seconds,
        query=result.query,
        query_series=cost.series,
        query_samples=cost.samples,
        thinned=cost.thinned,
    )


def with_origin(records: Iterable[CoverageRecord], loaded: LoadedSettings) -> tuple[CoverageRecord, ...]:
    """The matrix with the place that switched off what is disabled: the settings file's line, a variable, an option."""
    off, text = loaded.settings.detection.disabled_signals, f"switched off by {SWITCH} ({loaded.origin(SWITCH)})"
    return tuple(
        msgspec.structs.replace(record, detail=text)
        if record.status is Coverage.DISABLED and record.signal in off
        else record
        for record in records
    )


def price(record: CoverageRecord) -> str:
    """What asking a row took and touches: `0.02 s, 1,234 series`; empty where it is not asked."""
    seconds = "" if record.query_seconds is None else f"{record.query_seconds:.2f} s"
    series = "" if record.query_series is None else f"{record.query_series:,} series"
    return ", ".join(filter(None, (seconds, series)))


def partly(record: CoverageRecord) -> bool:
    """Whether a row is judged although some of what would tell of it may not be read."""
    return record.status is Coverage.LIVE and record.detail.startswith(PARTLY)


def status_of(record: CoverageRecord) -> str:
    """The word for a row's status."""
    return PARTLY if partly(record) else record.status


def advice(catalogue: Catalogue, row: Row) -> str:
    """What would feed a row that has no source: exporters by name, or the rights to read objects."""
    sources = catalogue.sources(row.id)
    told = (catalogue.convention(source.convention).title for source in sources if source.sampled is None)
    titles = list(dict.fromkeys(told))
    parts = []
    if titles:
        more = f" or {len(titles) - 4} others" if len(titles) > 4 else ""
        parts.append(f"needs metrics of {', '.join(titles[:4])}{more}")
    sampled = any(source.sampled is not None for source in sources)
    if (row.fallback.state_detector or sampled) and row.fallback.rights:
        parts.append(f"or the Kubernetes rights: {'; '.join(row.fallback.rights)}")
    if row.fallback.availability is Availability.PARTIAL:
        parts.append(f"({row.fallback.how})")
    return " ".join(parts) or "nothing that this version reads can feed it"


def _without(cluster: str, row: Row, status: Coverage, detail: str, last_fired: float | None) -> CoverageRecord:
    return CoverageRecord(cluster, row.id, status, (), 0, 0, 0, last_fired, detail, None)
