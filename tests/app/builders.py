"""Small makers of entities and observations for the tests of the engine's parts."""

from __future__ import annotations

from detectors.model import Entity, EntityType, Observation, Severity, SourceRef, Views


def workload(name: str = "checkout", namespace: str = "shop", kind: str = "Deployment") -> Entity:
    return Entity(EntityType.WORKLOAD, "lab", namespace, kind, name, environment="prod")


def observation(
    signal: str = "http-server-5xx-spike", entity: Entity | None = None, score: float = 2.0, onset: float = 1000.0
) -> Observation:
    return Observation(
        signal=signal,
        entity=entity or workload(),
        score=score,
        observed=0.2,
        low=0.0,
        high=0.01,
        onset=onset,
        confidence=0.9,
        severity=Severity.HIGH,
        views=Views.LOCAL,
        source=SourceRef("otel-http", "up"),
    )
