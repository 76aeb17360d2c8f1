"""Whom a row's guards leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.exemptions import exempting, exemptions
from detectors.catalog import load
from detectors.cluster import ClusterState
from detectors.model import Entity, EntityType
from detectors.objects import PersistentVolumeClaim
from detectors.objects.storage import ClaimSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

LOAD = load().row("workload-network-send").guards
VOLUME = load().row("pvc-usage").guards


def is_exempt(entity: Entity, guards: Mapping[str, float | bool], state: ClusterState | None) -> bool:
    return not exemptions(entity, state).isdisjoint(exempting(guards))


def workload(kind: str) -> Entity:
    return Entity(EntityType.WORKLOAD, "lab", "shop", kind, "report")


@pytest.mark.parametrize(("kind", "exempt"), [("Job", True), ("CronJob", True), ("Deployment", False)])
def test_jobs_come_and_go(kind: str, exempt: bool) -> None:
    assert is_exempt(workload(kind), LOAD, None) is exempt
    assert not is_exempt(workload(kind), LOAD | {"ignore_jobs": False}, None)


@pytest.mark.parametrize(
    ("modes", "exempt"),
    [(("ReadOnlyMany",), True), (("ReadWriteOnce",), False), (("ReadOnlyMany", "ReadWriteOnce"), False)],
)
def test_what_nobody_can_write_to_does_not_fill(modes: tuple[str, ...], exempt: bool) -> None:
    claim = PersistentVolumeClaim(spec=ClaimSpec(access_modes=modes))
    state = ClusterState(cluster="lab", at=0.0, claims={("shop", "data"): claim})
    entity = Entity(EntityType.CLAIM, "lab", "shop", "PersistentVolumeClaim", "data")
    assert is_exempt(entity, VOLUME, state) is exempt
    assert not is_exempt(entity, VOLUME, None)
    assert not is_exempt(entity, {}, state)
