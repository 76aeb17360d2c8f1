"""What the API server says of itself, and what it tells others."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene

STEP_SECONDS = 30
FAILED_SHARE = 0.05
OVERLOADED_SHARE = 0.05
COMPONENTS = {"etcd": "etcd", "etcd-readiness": "etcd", "informer-sync": "the API server's caches"}
REQUESTS = "sum(rate(apiserver_request_total{matcher}[2m]))"


@collector(Step.CAUSE, "api.check-fails", "api.etcd-fails", "api.hook-fails", needs=("/readyz",))
def readyz(scene: Scene) -> Iterator[Clue]:
    """Which of its checks fail: each names a component."""
    answer = scene.state.readyz
    if answer is None or answer.ok is not False:
        return
    source = scene.kubectl("get", "--raw", "/readyz?verbose")
    for check in answer.failed or ("",):
        name = "api.etcd-fails" if check.startswith("etcd") else "api.check-fails"
        name = "api.hook-fails" if check.startswith("poststarthook/") else name
        component = COMPONENTS.get(check, check.removeprefix("poststarthook/") or "a check that it does not name")
        text = f"/readyz: {check or 'no check is named'} fails, {answer.times} answers in a row"
        fills = {"check": check or "no check is named", "component": component}
        yield Clue(
            name=name, holds=True, text=text, source=source, value=check, at=answer.since or answer.at, fills=fills
        )


@collector(Step.CAUSE, "api.errors", "api.overloaded", "api.answers-others", needs=("metrics",))
def requests(scene: Scene) -> Iterator[Clue]:
    """Whether its metrics show failures, or too many requests, to others as well as to us."""
    total = _newest(scene, "")
    if not total:
        return
    for name, code, share in (("api.errors", "5..", FAILED_SHARE), ("api.overloaded", "429", OVERLOADED_SHARE)):
        matcher = f'{{code=~"{code}"}}'
        part = _newest(scene, matcher) / total
        text = f"{part:.1%} of the requests to the API server are answered {code}"
        query = f"{REQUESTS.replace('{matcher}', matcher)} / {REQUESTS.replace('{matcher}', '')}"
        fills = {"share": f"{part:.0%}"}
        yield Clue(
            name=name,
            holds=part >= share,
            text=text,
            source=query,
            origin=Origin.METRIC,
            value=f"{part:.4f}",
            fills=fills,
        )
        if name == "api.errors":
            yield Clue(
                name="api.answers-others",
                holds=part < share,
                text=text,
                source=query,
                origin=Origin.METRIC,
                value=f"{part:.4f}",
            )


def _newest(scene: Scene, matcher: str) -> float:
    query = REQUESTS.replace("{matcher}", matcher)
    block = scene.sources.range(query, scene.newest - scene.evaluation_seconds, scene.newest, STEP_SECONDS)
    known = [value for row in block.values[:1] for value in map(float, row) if isfinite(value)]
    return known[-1] if known else 0.0
