"""How full a volume is, and how fast it fills."""

from __future__ import annotations

from functools import partial
from math import inf, isfinite
from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.collectors.claims import claims_of
from app.investigation.model import Clue, Origin, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.investigation.readings import Track
    from app.investigation.scene import Scene
    from detectors.objects import PersistentVolumeClaim

SIGNAL, USED = "pvc-usage", "volume-usage"
"""The row, and the instrument of it that tells of bytes."""
NEARLY_FULL, AT_RISK = 0.85, 0.97
"""Share of a volume that is used."""
HORIZON_SECONDS = 4 * 86400.0
LOOK_BACK_SECONDS = 3600.0
LEAST_SAMPLES = 10
_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))


@collector(Step.CAUSE, "volume.nearly-full", "impact.data-at-risk", needs=("persistentvolumeclaims",))
def fullness(scene: Scene) -> Iterator[Clue]:
    """The used share of a claim, as the row that found it has it."""
    found = [each for each in scene.living if each.signal == SIGNAL and 0 < each.observed <= 1]
    for each in found[:1]:
        share, name = each.observed, each.entity.name
        text, fills = f"{share:.1%} of claim {name} is used", {"claim": name, "used": f"{share:.0%}"}
        yield Clue(
            name="volume.nearly-full", holds=share >= NEARLY_FULL, text=text, source=each.source.query,
            origin=Origin.METRIC, value=f"{share:.4f}", at=each.last_seen, fills=fills,
        )  # fmt: skip
        if share >= AT_RISK:
            risk = f"writes to claim {name} fail soon: {text}"
            yield Clue(name="impact.data-at-risk", holds=True, text=risk, source=each.source.query, fills=fills)


@collector(Step.CAUSE, "volume.filling", needs=("metrics", "persistentvolumeclaims"))
def growth(scene: Scene) -> Iterator[Clue]:
    """When each claim will be full if it goes on like in the last hour."""
    since = scene.newest - LOOK_BACK_SECONDS
    for claim in claims_of(scene):
        track = next(filter(partial(_is_of, claim), scene.sources.tracks(SIGNAL, since, claim.namespace)), None)
        if track is None or track.data.level is None:
            continue
        samples = zip(map(float, track.data.times), map(float, track.data.level[0]), strict=True)
        known = [(at, value) for at, value in samples if at >= since and isfinite(value)]
        if len(known) < LEAST_SAMPLES:
            continue
        slope = _slope(known)
        left = (1 - known[-1][1]) / slope if slope > 0 else inf
        filling = left <= HORIZON_SECONDS
        text = f"claim {claim.name} is full in {_short(left)}" if filling else f"claim {claim.name} does not fill"
        yield Clue(
            name="volume.filling", holds=filling, text=text, source=track.query, origin=Origin.METRIC, at=known[0][0],
            value=f"{slope:.3g}/s", fills={"claim": claim.name, "time": _short(left)},
        )  # fmt: skip


def _is_of(claim: PersistentVolumeClaim, track: Track) -> bool:
    """Whether a track tells how much of a claim's bytes are used: the same row has inodes and forecasts, too."""
    same = (track.entity.namespace, track.entity.name) == (claim.namespace, claim.name)
    return same and track.source.instrument == USED


def _slope(known: Sequence[tuple[float, float]]) -> float:
    """Share of the volume a second, by least squares; 0 of a single sample."""
    middle = sum(at for at, _ in known) / len(known)
    spread = sum((at - middle) ** 2 for at, _ in known)
    return sum((at - middle) * value for at, value in known) / spread if spread else 0.0


def _short(seconds: float) -> str:
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{seconds / size:.0f} {unit}"
