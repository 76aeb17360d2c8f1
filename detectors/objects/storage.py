"""Volume claims, volumes, storage classes, quotas, autoscalers: what workloads draw on."""

from __future__ import annotations

from typing import ClassVar

from detectors.objects.base import Conditioned, Object, ObjectReference, Part, Quantity, Resources


class ClaimSpec(Part, frozen=True):
    """What a claim asks for."""

    volume_name: str = ""
    storage_class_name: str | None = None
    access_modes: tuple[str, ...] = ()
    volume_mode: str = "Filesystem"
    resources: Resources = Resources()


class ClaimStatus(Conditioned, frozen=True):
    """What a claim got."""

    phase: str = ""
    capacity: dict[str, Quantity] = {}


class PersistentVolumeClaim(Object, frozen=True):
    """A volume claim."""

    kind: ClassVar[str] = "PersistentVolumeClaim"
    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()


class VolumeSpec(Part, frozen=True):
    """What a volume is."""

    capacity: dict[str, Quantity] = {}
    claim_ref: ObjectReference | None = None
    storage_class_name: str = ""
    persistent_volume_reclaim_policy: str = ""


class VolumeStatus(Part, frozen=True):
    """How a volume is."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    last_phase_transition_time: str | None = None


class PersistentVolume(Object, frozen=True):
    """A volume."""

    kind: ClassVar[str] = "PersistentVolume"
    spec: VolumeSpec = VolumeSpec()
    status: VolumeStatus = VolumeStatus()


class StorageClass(Object, frozen=True):
    """A kind of storage."""

    kind: ClassVar[str] = "StorageClass"
    provisioner: str = ""
    reclaim_policy: str = ""
    volume_binding_mode: str = "Immediate"
    allow_volume_expansion: bool = False


class QuotaStatus(Part, frozen=True):
    """Limits and use, by resource name (`pods`, `requests.cpu`, ...)."""

    hard: dict[str, Quantity] = {}
    used: dict[str, Quantity] = {}


class ResourceQuota(Object, frozen=True):
    """A namespace's quota."""

    kind: ClassVar[str] = "ResourceQuota"
    status: QuotaStatus = QuotaStatus()


class MetricValue(Part, frozen=True):
    """A target or a current value."""

    type: str = ""
    average_utilization: int | None = None
    average_value: Quantity | None = None


class ResourceMetric(Part, frozen=True):
    """A metric on CPU or memory."""

    name: str = ""
    target: MetricValue | None = None
    current: MetricValue | None = None


class AutoscalerMetric(Part, frozen=True):
    """One metric of an autoscaler; only resource metrics are read."""

    type: str = ""
    resource: ResourceMetric | None = None


class AutoscalerSpec(Part, frozen=True):
    """What an autoscaler may do."""

    scale_target_ref: ObjectReference = ObjectReference()
    min_replicas: int = 1
    max_replicas: int = 0
    metrics: tuple[AutoscalerMetric, ...] = ()


class AutoscalerStatus(Conditioned, frozen=True):
    """What an autoscaler does."""

    current_replicas: int = 0
    desired_replicas: int = 0
    last_scale_time: str | None = None
    current_metrics: tuple[AutoscalerMetric, ...] | None = None


class HorizontalPodAutoscaler(Object, frozen=True):
    """An autoscaler."""

    kind: ClassVar[str] = "HorizontalPodAutoscaler"
    spec: AutoscalerSpec = AutoscalerSpec()
    status: AutoscalerStatus = AutoscalerStatus()
