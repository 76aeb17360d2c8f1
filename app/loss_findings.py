"""Lost metrics as findings: who lost what, when it was seen last, and which rows see nothing now."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from detectors.model import Entity, EntityType, Fact, Observation, SourceRef, Views
from detectors.words import counted
from widgets.text import age, quantity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from app.lost_workloads import Loss
    from detectors.catalog import Row

KIND = "Convention"
"""What the entity of a finding about a whole convention is called in place of a Kubernetes kind."""
CONFIDENCE = 0.9
MOST_FACTS = 20
MOST_WORKLOADS = 5
"""Of one convention that have a finding each; of more there is one finding in all."""


def finding(
    row: Row, entity: Entity, rows: Collection[str], until: float, source: SourceRef, facts: Sequence[Fact]
) -> Observation:
    """A finding of the row of missing metrics; `rows` are the ids of those that see nothing now."""
    return Observation(
        signal=row.id,
        entity=entity,
        score=2.0,
        observed=float(len(rows)),
        low=0.0,
        high=0.0,
        onset=until,
        confidence=CONFIDENCE,
        severity=row.severity,
        views=Views.STATE,
        source=source,
        facts=tuple(facts),
        unit=row.unit,
    )


def of_workloads(
    cluster: str, row: Row, losses: Sequence[Loss], at: float, opened: Collection[str]
) -> Iterator[Observation]:
    """A finding for each workload, or for the convention that many of them lost.

    Args:
        cluster: the cluster.
        row: of missing metrics.
        losses: who lost what.
        at: unix seconds of the look.
        opened: keys of the entities that have such a finding already: it goes on.
    """
    alone: dict[str, list[Loss]] = {}
    for family in dict.fromkeys(loss.family for loss in losses):
        mine = [loss for loss in losses if loss.family == family]
        fresh = [loss for loss in mine if loss.entity.key not in opened]
        whole = Entity(EntityType.CLUSTER, cluster, "", KIND, family)
        together = whole.key in opened or len(fresh) > MOST_WORKLOADS
        if together and fresh:
            yield _of_convention(row, whole, fresh, at)
        for loss in mine:
            if not together or loss.entity.key in opened:
                alone.setdefault(loss.entity.key, []).append(loss)
    for own in alone.values():
        rows = list(dict.fromkeys(each for loss in own for each in loss.rows))
        facts = [fact for loss in own for fact in _facts(loss, at)]
        yield finding(row, own[0].entity, rows, max(loss.until for loss in own), own[0].source, facts)


def _of_convention(row: Row, entity: Entity, losses: Sequence[Loss], at: float) -> Observation:
    rows = list(dict.fromkeys(each for loss in losses for each in loss.rows))
    lost = counted(len(losses), "workloads")
    text = f"{entity.name} tells no more of {lost}, and goes on telling of {_others(losses[0])}"
    facts = [Fact("detect", text, losses[0].source.query, at, str(len(losses)))]
    facts += [next(_facts(loss, at)) for loss in losses[:MOST_FACTS]]
    if len(losses) > MOST_FACTS:
        facts.append(Fact("detect", f"and {len(losses) - MOST_FACTS} more", losses[0].source.query))
    return finding(row, entity, rows, max(loss.until for loss in losses), losses[0].source, facts)


def _facts(loss: Loss, at: float) -> Iterator[Fact]:
    """What was seen of a workload last, and of how many others the convention tells."""
    rate = "" if math.isnan(loss.rate) else f" ({quantity(loss.rate, 'requests per second')} before)"
    title, rows = (
        f"{loss.entity.kind} {loss.entity.title}",
        f"{counted(len(loss.rows), 'rows')}: {', '.join(loss.rows)}",
    )
    text = f"{loss.family} has told nothing of {title} for {age(at - loss.until)}{rate}; nobody feeds {rows}"
    yield Fact("detect", text, loss.source.query, loss.until, "no series")
    if loss.others:
        yield Fact("detect", f"{loss.family} goes on telling of {_others(loss)}", loss.source.query, at)


def _others(loss: Loss) -> str:
    return counted(loss.others, "others")
