"""Everything that owns pods: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob, Argo's Rollout.

They share one specification and one status that name the union of their fields: a kind that lacks a field has its
default, and code that climbs owners needs no branch per kind.
"""

from __future__ import annotations

from typing import ClassVar

from detectors.objects.base import Conditioned, Metadata, Object, Part
from detectors.objects.pods import TemplateSpec


class LabelSelector(Part, frozen=True):
    """The exact part of a selector; expressions are not needed to find a workload's pods, owners are."""

    match_labels: dict[str, str] = {}


class PodTemplate(Part, frozen=True):
    """What its pods are made from."""

    metadata: Metadata = Metadata()
    spec: TemplateSpec = TemplateSpec()


class ClaimTemplate(Part, frozen=True):
    """A StatefulSet's `volumeClaimTemplates` entry."""

    metadata: Metadata = Metadata()


class RollingUpdate(Part, frozen=True):
    """Counts or percentages, as written."""

    max_unavailable: int | str = "25%"
    max_surge: int | str = "25%"


class Strategy(Part, frozen=True):
    """How a rollout proceeds."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class JobTemplate(Part, frozen=True):
    """What a CronJob's Jobs are made from."""

    metadata: Metadata = Metadata()


class WorkloadSpec(Part, frozen=True):
    """What a workload should be."""

    replicas: int = 1
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()
    paused: bool = False
    progress_deadline_seconds: int = 600
    min_ready_seconds: int = 0
    strategy: Strategy = Strategy()
    update_strategy: Strategy = Strategy()
    volume_claim_templates: tuple[ClaimTemplate, ...] = ()
    service_name: str = ""
    completions: int | None = None
    parallelism: int = 1
    backoff_limit: int = 6
    active_deadline_seconds: int | None = None
    suspend: bool = False
    schedule: str = ""
    concurrency_policy: str = ""
    job_template: JobTemplate = JobTemplate()


class WorkloadStatus(Conditioned, frozen=True):
    """What a workload is."""

    observed_generation: int | str = 0
    """Argo writes a string."""
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    number_unavailable: int = 0
    number_misscheduled: int = 0
    active: int | tuple[dict[str, str], ...] = 0
    """A Job's count of running pods; a CronJob's running Jobs."""
    succeeded: int = 0
    failed: int = 0
    start_time: str | None = None
    completion_time: str | None = None
    last_schedule_time: str | None = None
    last_successful_time: str | None = None


class Workload(Object, frozen=True):
    """Base of the owners of pods."""

    kind: ClassVar[str] = "Workload"
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()

    @property
    def desired(self) -> int:
        """How many pods should be ready at this moment; 0 for Jobs and CronJobs, whose pods end."""
        return self.spec.replicas

    @property
    def ready(self) -> int:
        """How many pods are ready."""
        return self.status.ready_replicas

    @property
    def available(self) -> int:
        """How many pods have been ready for `minReadySeconds`."""
        return self.status.available_replicas

    @property
    def settled(self) -> bool:
        """The controller has seen the newest specification."""
        return str(self.status.observed_generation) == str(self.metadata.generation)

    @property
    def complete(self) -> bool:
        """The newest specification is settled, and as many pods are available as it wants."""
        return self.settled and self.available >= self.desired > 0


class Deployment(Workload, frozen=True):
    """A Deployment."""

    kind: ClassVar[str] = "Deployment"


class ReplicaSet(Workload, frozen=True):
    """A ReplicaSet: one revision of a Deployment or Rollout."""

    kind: ClassVar[str] = "ReplicaSet"

    @property
    def revision(self) -> int:
        """The revision's number, counted by the controller that owns it; 0 when it has none."""
        annotations = self.metadata.annotations
        for name in ("deployment.kubernetes.io/revision", "rollout.argoproj.io/revision"):
            text = annotations.get(name, "")
            # Anybody may annotate; Python refuses to read a number of thousands of digits.
            if text.isdecimal() and len(text) < 19:
                return int(text)
        return 0


class StatefulSet(Workload, frozen=True):
    """A StatefulSet."""

    kind: ClassVar[str] = "StatefulSet"


class DaemonSet(Workload, frozen=True):
    """A DaemonSet."""

    kind: ClassVar[str] = "DaemonSet"

    @property
    def desired(self) -> int:
        """One pod for every node that it selects."""
        return self.status.desired_number_scheduled

    @property
    def ready(self) -> int:
        """How many pods are ready."""
        return self.status.number_ready

    @property
    def available(self) -> int:
        """How many pods have been ready for `minReadySeconds`."""
        return self.status.number_available


class Job(Workload, frozen=True):
    """A Job."""

    kind: ClassVar[str] = "Job"

    @property
    def desired(self) -> int:
        """A Job's pods end: none has to be ready."""
        return 0


class CronJob(Workload, frozen=True):
    """A CronJob."""

    kind: ClassVar[str] = "CronJob"

    @property
    def desired(self) -> int:
        """A CronJob's pods end: none has to be ready."""
        return 0


class Rollout(Workload, frozen=True):
    """Argo's replacement of a Deployment."""

    kind: ClassVar[str] = "Rollout"
