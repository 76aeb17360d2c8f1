"""How full a volume is, and how fast it fills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.collectors.claims import claims_of
from app.investigation.model import Clue, Origin, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.investigation.scene import Scene

NEARLY_FULL, AT_RISK = 0.85, 0.97
"""Share of a volume that is used."""
HORIZON_SECONDS = 4 * 86400.0
LOOK_BACK_SECONDS = 3600.0
STEP_SECONDS = 60
LEAST_SAMPLES = 10
_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))


@collector(
    Step.CAUSE,
    "volume.nearly-full",
    "volume.filling",
    "impact.data-at-risk",
    needs=("metrics", "persistentvolumeclaims"),
)
def volume_use(scene: Scene) -> Iterator[Clue]:
    """The used share of each claim now, and when it will be full if it goes on like in the last hour."""
    for claim in claims_of(scene):
        where = f'namespace="{claim.namespace}",persistentvolumeclaim="{claim.name}"'
        query = f"max(kubelet_volume_stats_used_bytes{{{where}}} / kubelet_volume_stats_capacity_bytes{{{where}}})"
        block = scene.sources.range(query, scene.newest - LOOK_BACK_SECONDS, scene.newest, STEP_SECONDS)
        known = [
            (float(at), float(value))
            for row in block.values[:1]
            for at, value in zip(block.times, row, strict=True)
            if value == value
        ]
        if known:
            yield from _told(claim.name, query, known)


def _told(name: str, query: str, known: Sequence[tuple[float, float]]) -> Iterator[Clue]:
    share, begun = known[-1][1], known[0][0]
    fills = {"claim": name, "used": f"{share:.0%}"}
    text = f"{share:.1%} of claim {name} is used"
    yield Clue(
        name="volume.nearly-full", holds=share >= NEARLY_FULL, text=text, source=query, origin=Origin.METRIC,
        value=f"{share:.4f}", at=known[-1][0], fills=fills,
    )  # fmt: skip
    if share >= AT_RISK:
        risk = f"writes to claim {name} fail soon: {text}"
        yield Clue(name="impact.data-at-risk", holds=True, text=risk, source=query, origin=Origin.METRIC, fills=fills)
    left = (1 - share) / slope if (slope := _slope(known)) > 0 else float("inf")
    filling = len(known) >= LEAST_SAMPLES and left <= HORIZON_SECONDS
    yield Clue(
        name="volume.filling", holds=filling, source=query, origin=Origin.METRIC, at=begun,
        text=f"{text}, full in {_short(left)}" if filling else f"claim {name} does not fill",
        value=f"{slope:.3g}/s", fills={**fills, "time": _short(left)},
    )  # fmt: skip


def _slope(known: Sequence[tuple[float, float]]) -> float:
    """Share of the volume a second, by least squares; 0 of a single sample."""
    middle = sum(at for at, _ in known) / len(known)
    spread = sum((at - middle) ** 2 for at, _ in known)
    return sum((at - middle) * value for at, value in known) / spread if spread else 0.0


def _short(seconds: float) -> str:
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{seconds / size:.0f} {unit}"
