"""Put the kinds of evidence together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.causes.calls import adjacency
from detectors.causes.change import changes
from detectors.causes.evidence import Case, errors, latency, lost, resources
from detectors.causes.model import Evidence, Failing, Observed, Ranking, Signal, Suspect, Why

ANOTHER_SIGNAL = 0.5
"""Weight of a symptom that is not of the kind that fails."""
ITSELF = 0.3
"""Points that the failing node has at least: where nothing stands out, the cause is most likely its own."""
VISIBLE = 1.5
"""Points without which nothing stands out. Some healthy times reach them by chance: ask when an anomaly is open."""

KINDS = ((resources, None), (latency, Signal.LATENCY), (errors, Signal.ERRORS), (lost, Signal.ERRORS))
"""Each kind of evidence with the signal that it explains; None explains any."""


def rank(observed: Observed, failing: Failing | None = None) -> Ranking:
    """Every node of the metrics by the sum of its points.

    Resources count on top of latency, so that of two slow nodes the one short of something leads; what callees account
    for is taken off their callers; symptoms of another kind than the failing one count ANOTHER_SIGNAL.
    """
    observed, what = observed.finite(), failing or Failing()
    nodes = sorted({metric.node for metric in observed.metrics})
    case = Case(observed, changes(observed), what, nodes, adjacency(nodes, observed.calls))
    evidence: dict[str, list[Evidence]] = {node: [] for node in nodes}
    for kind, signal in KINDS:
        weight = 1.0 if None in (signal, what.signal) or signal is what.signal else ANOTHER_SIGNAL
        # Numbers too large to multiply give NaN, which is no evidence.
        with np.errstate(over="ignore", invalid="ignore"):
            found_by_kind = kind(case)
        for node, its in found_by_kind.items():
            if its.points > 0:
                evidence[node].append(replace(its, points=weight * its.points))
    visible = any(_total(found) >= VISIBLE for found in evidence.values())
    if what.node in evidence and (missing := ITSELF - _total(evidence[what.node])) > 0:
        evidence[what.node].append(Evidence(Why.FAILING, missing))
    suspects = (Suspect(node, _total(found), tuple(sorted(found, key=_telling))) for node, found in evidence.items())
    return Ranking(tuple(sorted(suspects, key=lambda suspect: (-suspect.points, suspect.node))), visible)


def _telling(evidence: Evidence) -> tuple[bool, float]:
    """What can be a cause comes before what can only be its effect."""
    return evidence.why is not Why.RESOURCE, -evidence.points


def _total(evidence: list[Evidence]) -> float:
    return sum(its.points for its in evidence)
