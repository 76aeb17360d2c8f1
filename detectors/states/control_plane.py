"""apiserver-not-ready: what the API server says of itself when our own connection asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.model import Coverage, EntityType, Fact
from detectors.states.report import StateResult, guard, kubectl, object_entity, object_observation, unreadable

if TYPE_CHECKING:
    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState

_STALE_SECONDS = 120.0
"""An answer this old says nothing about now: it is asked for several times a minute."""


def api_server_not_ready(state: ClusterState, row: Row, now: float) -> StateResult:
    """`/readyz` answered that it is not ready, consecutive_failures times or for hold_seconds.

    Only an answer counts. What does not answer at all, or refuses us, may be our network or our credentials: then
    nothing is known, here and in every row that reads objects.
    """
    if (refused := unreadable(state, "/readyz")) is not None:
        return refused
    answer = state.readyz
    if answer is None or answer.ok is None or now - answer.at > _STALE_SECONDS:
        detail = answer.detail if answer is not None else ""
        return StateResult((), Coverage.NO_DATA, 0, detail or "/readyz has not answered for a while")
    since = answer.since or answer.at
    often = answer.times >= guard(row, "consecutive_failures", 3)
    if answer.ok or not (often or answer.at - since >= guard(row, "hold_seconds", 30)):
        return StateResult((), Coverage.LIVE, 1)
    command = kubectl(state, "get", "--raw", "/readyz?verbose")
    failed = ", ".join(answer.failed) or "no check is named"
    text = f"the API server is not ready ({answer.detail}), {answer.times} answers in a row: {failed}"
    facts = [Fact("object", text, command, answer.at, failed)]
    entity = object_entity(state, "Cluster", "", state.cluster, EntityType.CLUSTER)
    return StateResult((object_observation(row, state, entity, facts, onset=since),), Coverage.LIVE, 1)
