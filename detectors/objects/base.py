"""What all Kubernetes objects share: decoding, quantities, times, metadata, conditions."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from math import nan
from typing import Any, TypeVar

import msgspec

KEPT_ANNOTATIONS = (
    "metoro.io/",
    "tocsin.io/",
    "deployment.kubernetes.io/",
    "rollout.argoproj.io/",
    "resource.opentelemetry.io/",
    "prometheus.io/",
    "app.kubernetes.io/",
    "kubectl.kubernetes.io/restartedAt",
    "kubernetes.io/config.mirror",
    "batch.kubernetes.io/cronjob-scheduled-timestamp",
    "volume.kubernetes.io/",
    "env",
    "environment",
    "stage",
)
"""Prefixes of the annotations that are kept; the others may be large, private, or both."""

_SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip

Quantity = str | int | float
"""A resource quantity as the API writes it: `250m`, `512Mi`, or a bare number in custom resources."""


def quantity(value: Quantity) -> float:
    """A quantity in base units (cores, bytes, pieces); NaN when it is none."""
    text = str(value).strip()
    for digits in (2, 1):
        factor = _SUFFIXES.get(text[-digits:])
        if factor is not None:
            text = text[:-digits]
            break
    else:
        factor = 1.0
    try:
        return float(text) * factor
    except ValueError:
        return nan


def unix(text: str | None) -> float | None:
    """RFC 3339 to unix seconds; None for what is missing or no time."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


class Part(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """Base of everything here: immutable, not tracked by the collector (JSON has no cycles), camelCase on the wire."""


class OwnerReference(Part, frozen=True):
    """Who created an object."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool | None = None


class Metadata(Part, frozen=True):
    """Identity and bookkeeping of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    """Only those under `KEPT_ANNOTATIONS`."""
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.annotations:
            for name in [name for name in self.annotations if not name.startswith(KEPT_ANNOTATIONS)]:
                del self.annotations[name]

    @property
    def created(self) -> float:
        """Unix seconds; NaN where the server gave none, so that no age is ever long enough."""
        at = unix(self.creation_timestamp)
        return nan if at is None else at

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Object(Part, frozen=True):
    """Anything with metadata."""

    metadata: Metadata = Metadata()

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`; empty for cluster-wide objects."""
        return self.metadata.namespace


class Condition(Part, frozen=True):
    """One condition of a pod, node, workload, claim or autoscaler."""

    type: str = ""
    status: str = ""
    """`True`, `False` or `Unknown`."""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    last_heartbeat_time: str | None = None
    """Nodes only."""
    last_update_time: str | None = None
    """Deployments only."""

    @property
    def since(self) -> float | None:
        """Unix seconds of the last change of `status`."""
        return unix(self.last_transition_time)


class Conditioned(Part, frozen=True):
    """A status with conditions."""

    conditions: tuple[Condition, ...] = ()

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, when the object has it."""
        return next((condition for condition in self.conditions if condition.type == kind), None)


class ObjectReference(Part, frozen=True):
    """A pointer to another object."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class Resources(Part, frozen=True):
    """Requests and limits of a container or a claim."""

    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}


T = TypeVar("T", bound=msgspec.Struct)


@cache
def _decoder(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def decode(kind: type[T], raw: bytes | msgspec.Raw) -> T:
    """One object from JSON.

    Go writes `null` for empty fields here and there; that is handled on a second, slower pass so that the first one
    can stay strict.

    Raises:
        msgspec.DecodeError: it is not JSON, or (`msgspec.ValidationError`) not that kind of object.
    """
    try:
        found: T = _decoder(kind).decode(raw)
    except msgspec.ValidationError:
        found = msgspec.convert(_without_nulls(msgspec.json.decode(raw)), kind)
    return found


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
