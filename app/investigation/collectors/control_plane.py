"""What the API server says of itself, and what it tells others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation import numbers
from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene

ERRORS, REFUSALS = "apiserver-errors", "apiserver-refusals"
FAILED_SHARE = 0.05
OVERLOADED_SHARE = 0.05
ASKED = (
    (ERRORS, (("api.errors", True), ("api.answers-others", False)), FAILED_SHARE),
    (REFUSALS, (("api.overloaded", True),), OVERLOADED_SHARE),
)
"""Row, the clues with whether they take the share to be reached, and that share."""
FATES = {ERRORS: "fail", REFUSALS: "are refused: there are too many"}
COMPONENTS = {"etcd": "etcd", "etcd-readiness": "etcd", "informer-sync": "the API server's caches"}


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
    for row, told, least in ASKED:
        track = next(iter(scene.sources.tracks(row, scene.onset)), None)
        answered = numbers.requests(track, numbers.now(track)) if track is not None else None
        if track is None or answered is None or not answered.total:
            continue
        for name, wanted in told:
            yield Clue(
                name=name,
                holds=(answered.share >= least) is wanted,
                text=f"{answered.share:.1%} of the requests to the API server {FATES[row]}",
                source=track.query,
                origin=Origin.METRIC,
                value=f"{answered.share:.4f}",
                fills={"share": f"{answered.share:.0%}"},
            )
