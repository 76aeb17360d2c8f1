"""State detectors: what is abnormal about Kubernetes objects, without statistics where the state itself says it.

Registered by the id of the row that they serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from detectors.states.autoscalers import at_maximum
from detectors.states.claims import creation_failure, deletion_failure, unhealthy
from detectors.states.containers import (
    config_error,
    crash_loop,
    error_image_pull,
    image_pull_back_off,
    init_error,
    oom_killed,
)
from detectors.states.control_plane import api_server_not_ready
from detectors.states.events import back_off, failed_mount, warning_events
from detectors.states.evictions import evictions
from detectors.states.nodes import disk_pressure, memory_pressure, not_ready
from detectors.states.pending import stuck_pending
from detectors.states.probes import failure_spike, readiness_failing
from detectors.states.report import StateResult
from detectors.states.restarts import restart_spike
from detectors.states.rollouts import job_failed, quota_exceeded, rollout_stuck, stateful_set_degraded
from detectors.states.scheduling import failed_scheduling, unschedulable
from detectors.states.services import no_endpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState

__all__ = ["STATE_DETECTORS", "StateDetector", "StateResult"]


class StateDetector(Protocol):
    """Judges the objects of a cluster for one row."""

    def __call__(self, state: ClusterState, row: Row, now: float, /) -> StateResult:
        """Judge.

        Args:
            state: the objects, and which kinds could be read.
            row: the signal: id, severity, guards, parameters.
            now: unix seconds by the cluster's clock.
        """
        ...


STATE_DETECTORS: Mapping[str, StateDetector] = {
    "pod-crashloopbackoff": crash_loop,
    "pod-imagepullbackoff": image_pull_back_off,
    "pod-errimagepull": error_image_pull,
    "pod-oomkilled": oom_killed,
    "pod-init-error": init_error,
    "pod-restart-spike": restart_spike,
    "pod-stuck-pending": stuck_pending,
    "node-not-ready": not_ready,
    "node-memory-pressure": memory_pressure,
    "node-disk-pressure": disk_pressure,
    "events-warning-cluster": warning_events,
    "events-failedscheduling": failed_scheduling,
    "events-backoff": back_off,
    "events-failedmount": failed_mount,
    "probe-failure-spike": failure_spike,
    "pod-unschedulable-spike": unschedulable,
    "node-pressure-eviction-spike": evictions,
    "pvc-creation-failure": creation_failure,
    "pvc-deletion-failure": deletion_failure,
    "pvc-unhealthy": unhealthy,
    "apiserver-not-ready": api_server_not_ready,
    "container-config-error": config_error,
    "pod-readiness-failing": readiness_failing,
    "job-failed": job_failed,
    "rollout-stuck": rollout_stuck,
    "statefulset-degraded": stateful_set_degraded,
    "quota-exceeded": quota_exceeded,
    "hpa-at-maximum": at_maximum,
    "service-no-endpoints": no_endpoints,
}
