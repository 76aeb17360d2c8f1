"""Impact and scope as lines of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.impact import impact_of
from app.investigation.model import Clue, Step
from app.investigation.scope import scope_of
from app.sources.base import SourceError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene


@collector(Step.IMPACT, "impact.not-ready", "impact.no-endpoints", needs=())
def replicas(scene: Scene) -> Iterator[Clue]:
    """How many replicas are left, and which Services lead nowhere.

    Raises:
        SourceError: neither the workload nor its pods may be read.
    """
    impact, workload = impact_of(scene), scene.workload
    if impact is None or workload is None:
        if not scene.state.readable("pods"):
            raise SourceError(Trouble.FORBIDDEN, "not permitted, or not there, to read pods")
        return
    for name in impact.services:
        yield Clue(
            name="impact.no-endpoints",
            holds=True,
            text=f"Service {name} has no ready endpoint",
            source=scene.kubectl(
                "--namespace", workload.namespace, "get", "endpointslices",
                "--selector", f"kubernetes.io/service-name={name}",
            ),
        )  # fmt: skip
    yield scene.of_field(
        "impact.not-ready",
        impact.steady < impact.desired,
        workload,
        f"{impact.ready} of {impact.desired} replicas ready{impact.unrest}"
        + ("; the old revision still serves" if impact.old_revision_serves else ""),
        "{.status.readyReplicas}",
        value=str(impact.ready),
    )


@collector(Step.SCOPE, "scope")
def width(scene: Scene) -> Iterator[Clue]:
    """How wide it is."""
    scope, text = scope_of(scene)
    where = ("--namespace", scene.subject.namespace) if scene.subject.namespace else ("--all-namespaces",)
    yield Clue(
        name="scope", holds=True, text=f"{scope}: {text}", value=scope, source=scene.kubectl(*where, "get", "pods")
    )
