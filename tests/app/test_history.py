"""Rows that look back for hours, and replicas: the engine over a real Prometheus with a day of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from detectors.model import Coverage, Severity
from storage.database import Store
from tests.app.rig import Rig, observations, settings
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.engine import Outcome

AT = 1_763_475_780
"""Three minutes after the newest step of what looks back for hours."""
SLOW, FAST = 300, 30
HOURS = 24
GB = 1e9


class Claim(NamedTuple):
    """A volume over the last day, in hours before now."""

    used: object
    """Gigabytes, of the hour."""
    size: object = 100.0
    inodes: float = 0.1


CLAIMS = {
    "still": Claim(lambda ago: 40 + 0 * ago),
    "full": Claim(lambda ago: 97 + 0 * ago),
    "filling": Claim(lambda ago: 75 - 0.8 * ago),
    "filling-fast": Claim(lambda ago: 78 - 6 * np.minimum(ago, 3)),
    "out-of-inodes": Claim(lambda ago: 20 + 0 * ago, inodes=0.98),
    "rotated": Claim(lambda ago: 60 + 20 * ((HOURS - ago) % 7) / 7),
    "restored": Claim(lambda ago: np.where(ago < 3, 75.0, 20.0)),
    "resized": Claim(lambda ago: 76 + 0.05 * (24 - ago), lambda ago: np.where(ago < 2, 100.0, 200.0)),
}
FOUND = {
    "full": Severity.HIGH,
    "filling": Severity.MEDIUM,
    "filling-fast": Severity.HIGH,
    "out-of-inodes": Severity.HIGH,
}


def _volumes() -> Iterator[str]:
    ago = np.arange(HOURS * 3600, -SLOW, -SLOW) / 3600
    for name, claim in CLAIMS.items():
        size = np.broadcast_to(claim.size(ago) if callable(claim.size) else claim.size, ago.shape)
        told = {
            "kubelet_volume_stats_used_bytes": claim.used(ago) * GB,
            "kubelet_volume_stats_capacity_bytes": size * GB,
            "kubelet_volume_stats_inodes_used": np.full_like(ago, claim.inodes * 1e6),
            "kubelet_volume_stats_inodes": np.full_like(ago, 1e6),
        }
        for metric, values in told.items():
            yield from _lines(metric, {"namespace": "shop", "persistentvolumeclaim": name}, values, SLOW, AT - 180)


def _pods() -> Iterator[str]:
    """Network of workloads: one scaled out under load, one whose pods send more, one as ever."""
    ago = np.arange(3000, -FAST, -FAST)
    recent = ago <= 480
    for name, pods, each in (("scaled", 6, 2e6), ("chatty", 2, 2e7), ("calm", 2, 2e6)):
        for number in range(pods):
            rate = np.where(recent, each if name == "chatty" else 2e6, 2e6)
            rate = np.where(~recent & (number >= 2), np.nan, rate)
            total = np.where(np.isnan(rate), np.nan, np.nancumsum(rate * FAST))
            pod = {"namespace": "shop", "pod": f"{name}-5d4f7c9b8d-7x2k{'bcdfgh'[number]}", "interface": "eth0"}
            yield from _lines("container_network_transmit_bytes_total", pod, total, FAST, AT)
            owner = {
                "namespace": "shop",
                "pod": pod["pod"],
                "owner_kind": "ReplicaSet",
                "owner_name": f"{name}-5d4f7c9b8d",
            }
            yield from _lines("kube_pod_owner", owner, np.where(np.isnan(rate), np.nan, 1.0), FAST, AT)
        replicaset = {"namespace": "shop", "replicaset": f"{name}-5d4f7c9b8d", "owner_kind": "Deployment"}
        yield from _lines("kube_replicaset_owner", replicaset | {"owner_name": name}, np.ones_like(ago), FAST, AT)


def _lines(metric: str, labels: dict[str, str], values: np.ndarray, step: int, until: int) -> Iterator[str]:
    told = ",".join(f'{name}="{value}"' for name, value in labels.items())
    first = until - step * (len(values) - 1)
    for place in np.flatnonzero(~np.isnan(values)).tolist():
        yield f"{metric}{{{told}}} {values[place]:.12g} {first + step * place}\n"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("history")
    with (folder / "all.om").open("w") as out:
        out.writelines(_volumes())
        out.writelines(_pods())
        out.writelines(_lines("up", {"job": "lab"}, np.ones(101), FAST, AT))
        out.write("# EOF\n")
    with (
        Prometheus(folder / "all.om") as server,
        Store.open(folder / "tocsin.db") as store,
        Rig(settings(folder, prometheus=server.url), store, AT) as rig,
    ):
        yield rig.cycle()


pytestmark = needs_servers


def test_volumes_that_fill_are_found_by_how_soon_and_saw_teeth_and_steps_are_not(outcome: Outcome) -> None:
    found = {o.entity.name: o for o in observations(outcome) if o.signal == "pvc-usage"}
    assert {name: o.severity for name, o in found.items()} == FOUND
    assert "inodes" in found["out-of-inodes"].source.query
    assert "full in 1d at this pace" in found["filling"].facts[0].text
    result = outcome.results["pvc-usage"]
    assert result.live == len(CLAIMS)
    assert set(result.coverage.values()) == {Coverage.LIVE}


def test_more_replicas_send_more(outcome: Outcome) -> None:
    assert {o.entity.name for o in observations(outcome) if o.signal == "workload-network-send"} == {"chatty"}
    assert outcome.results["workload-network-send"].live == 3
