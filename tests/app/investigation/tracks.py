"""Numbers around an onset, as `Sources.tracks` gives them: requests, latencies and levels, before and since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.investigation.readings import Track
from detectors.catalog import evidence
from detectors.model import EntityType
from detectors.windows import SignalData
from tests.app.investigation.scenes import entity
from tests.detectors.states.objects import CATALOGUE, NOW

if TYPE_CHECKING:
    from detectors.catalog import RowSource
    from detectors.model import Entity

AGO = 600.0
"""When it began, seconds before NOW."""
TIMES = np.arange(int(NOW) - 2400, int(NOW) + 1, 60, dtype=np.int64)
BOUNDS = np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, np.inf])
_EVIDENCE = evidence(CATALOGUE)


def source(row: str, convention: str = "istio") -> RowSource:
    catalogue = _EVIDENCE if row in {each.id for each in _EVIDENCE.rows} else CATALOGUE
    sources = catalogue.sources(row)
    return next((s for s in sources if s.convention == convention), sources[0])


def sides(before: float, since: float, ago: float = AGO) -> np.ndarray:
    return np.where(NOW - ago > TIMES, before, since)[None, :].astype(float)


def workload(name: str = "web", namespace: str = "prod", peer: str = "") -> Entity:
    about = entity(name=name, namespace=namespace, peer=peer)
    return about if not peer else type(about)(EntityType.DATABASE, "lab", namespace, about.kind, name, peer)


def track(row: str, about: Entity | None = None, *, part: dict[str, str] | None = None, **data: np.ndarray) -> Track:
    about = about or workload()
    labels = {"destination_workload_namespace": about.namespace, "destination_workload": about.name} | (part or {})
    return Track(
        about,
        part or {},
        tuple(sorted(labels.items())),
        source(row),
        SignalData(TIMES, **data),
        f"{row} of {about.name}",
    )


def requests(
    row: str = "server-error-spike",
    about: Entity | None = None,
    *,
    rate: tuple[float, float] = (20.0, 20.0),
    share: tuple[float, float] = (0.001, 0.001),
    part: dict[str, str] | None = None,
) -> Track:
    total = sides(*rate)
    return track(row, about, part=part, total=total, errors=total * sides(*share))


def latency(
    row: str = "server-latency-p90",
    about: Entity | None = None,
    *,
    rate: tuple[float, float] = (20.0, 20.0),
    bucket: tuple[int, int] = (1, 1),
    part: dict[str, str] | None = None,
) -> Track:
    """All requests in one bucket, by its place among the bounds."""
    which = sides(*bucket)[0]
    reached = np.arange(len(BOUNDS))[:, None] >= which[None, :]
    return track(row, about, part=part, buckets=(reached * sides(*rate))[None, :, :], bounds=BOUNDS)


def level(row: str, about: Entity | None = None, *, values: tuple[float, float], per: tuple[float, float] = (1.0, 1.0),
          part: dict[str, str] | None = None) -> Track:  # fmt: skip
    return track(row, about, part=part, level=sides(*values), per=sides(*per))
