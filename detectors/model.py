"""The words of the program: entities, severities, coverage, observations.

Every room speaks in these types; none of them does any work of its own. Nothing here needs numpy, so that the first
screen can be painted before it is imported; the types that hold arrays are in `detectors.series`.
"""

from __future__ import annotations

from enum import IntFlag, StrEnum

import msgspec


class Severity(StrEnum):
    """How much a finding matters, from advice to outage."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 (info) to 4 (critical), for sorting."""
        return list(Severity).index(self)

    def shifted(self, steps: int) -> Severity:
        """The severity that many steps up (positive) or down, clamped to the scale."""
        scale = list(Severity)
        return scale[min(max(self.rank + steps, 0), len(scale) - 1)]


class EntityType(StrEnum):
    """What a signal is about."""

    WORKLOAD = "workload"
    DEPENDENCY = "dependency"
    DATABASE = "database"
    POD = "pod"
    NODE = "node"
    CLAIM = "claim"
    CLUSTER = "cluster"


class Direction(StrEnum):
    """On which side of the expected band a value is abnormal."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"
    STATE = "state"


class Entity(msgspec.Struct, frozen=True, order=True, omit_defaults=True, gc=False):
    """One thing that can be unwell; entities with the same `key` are the same thing."""

    type: EntityType
    """What kind of thing this is in the words of the coverage matrix."""
    cluster: str
    """The kubeconfig context, or the cluster label of a central Prometheus."""
    namespace: str
    """Empty for nodes and the cluster itself."""
    kind: str
    """The Kubernetes kind (`Deployment`, `Node`, ...); `Workload` where only metrics name it, so it is unknown."""
    name: str
    peer: str = ""
    """For dependencies and databases: the far end, a host name without port, lower case."""
    environment: str = ""
    """Shown and filtered by, no part of the identity: relabelling a namespace does not make another case."""

    @property
    def key(self) -> str:
        """The identity as one string: `cluster/namespace/type/kind/name[>peer]`."""
        key = "/".join((self.cluster, self.namespace, self.type, self.kind, self.name))
        return f"{key}>{self.peer}" if self.peer else key

    @property
    def title(self) -> str:
        """What a list shows: `namespace/name`, or the bare name outside namespaces."""
        head = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{head} > {self.peer}" if self.peer else head


class Coverage(StrEnum):
    """Why a signal of an entity says what it says: missing is never normal."""

    LIVE = "live"
    """Judged this cycle."""
    LEARNING = "learning"
    """Data is there, but too little of it for a verdict."""
    NO_TRAFFIC = "no traffic"
    """The target is up and nothing happened."""
    NO_DATA = "no data"
    """Nothing to judge, and no proof that the target is up."""
    LEFT_OUT = "left out"
    """Not asked about: it would cost the metrics server more than the budget allows."""
    FORBIDDEN = "forbidden"
    """The source refuses us."""
    QUERY_ERROR = "query error"
    NO_SOURCE = "no data source"
    """No convention present in this cluster feeds the row."""
    DISABLED = "disabled"
    PLANNED = "planned"
    """The row is declared, its detector is not built yet."""


PARTLY = "partly forbidden"
"""How the detail of a row begins that is judged although a right to some of what would tell of it is missing."""


class Sizing(StrEnum):
    """What came of comparing a container's request or limit with what it used."""

    LOWER = "lower"
    RAISE = "raise"
    FITS = "fits"
    WITHHELD = "withheld"
    """The numbers ask for a change, and something speaks against believing them."""
    LEARNING = "learning"
    """Too little history."""
    UNSET = "unset"
    """There is no such request or limit to judge."""


class Confidence(StrEnum):
    """How much history stands behind advice."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Views(IntFlag):
    """Which references a judgement could compare with."""

    NONE = 0
    LOCAL = 1
    """The minutes before the evaluation window."""
    DAY = 2
    """The same minutes a day before, or of the days before."""
    WEEK = 4
    """The same minutes a week before, or of the weeks before."""
    STATE = 8
    """No statistics: the object's own state."""


KUBERNETES = "kubernetes-api"
"""The convention of what the Kubernetes API itself tells."""


class SourceRef(msgspec.Struct, frozen=True, gc=False):
    """Where a number came from, so that anyone can ask again."""

    convention: str
    """A convention id of the catalogue, or `kubernetes-api`."""
    query: str
    """The PromQL expression or the kubectl command that reproduces it."""


class FieldRef(msgspec.Struct, frozen=True):
    """One field of one Kubernetes object."""

    kind: str
    namespace: str
    """Empty for nodes and volumes."""
    name: str
    path: str
    """`.status.containerStatuses[app].state.waiting.reason`: elements of lists go by their name or type."""

    @property
    def title(self) -> str:
        """`Pod shop/cart-7c9 .status.phase`."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place} {self.path}"


class Fact(msgspec.Struct, frozen=True):
    """One checkable statement that an observation rests on; becomes a line of the ledger."""

    step: str
    """`detect`, `object`, `event`, `log`, ..."""
    text: str
    """What was seen; hostile text is possible here, it is sanitised where it is shown."""
    source: str
    """The PromQL or kubectl command that reproduces it."""
    at: float | None = None
    """Unix seconds of what was seen."""
    value: str = ""
    field: FieldRef | None = None
    """What holds the value, where it is an object's state."""


class Observation(msgspec.Struct, frozen=True):
    """One signal of one entity outside its band in one cycle."""

    signal: str
    entity: Entity
    score: float
    """1.0 is the threshold, whatever the detector."""
    observed: float
    low: float
    """Lower end of the expected band, in the row's unit."""
    high: float
    onset: float
    """Unix seconds: the first instant outside the band."""
    confidence: float
    """0 to 1: how sure the detector is, given volume, history and views."""
    severity: Severity
    views: Views
    source: SourceRef
    facts: tuple[Fact, ...] = ()
    unit: str = ""
    """Of the numbers, where it is not the row's."""


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a series' labels say about its entity, before the cluster's objects have been asked.

    A convention's identity rule fills in what its labels carry; `detectors.entities.Resolver` makes an `Entity` of it.
    """

    namespace: str = ""
    workload: str = ""
    """A workload's own name, exact."""
    kind: str = ""
    """The workload's Kubernetes kind in its canonical spelling, where a label tells."""
    pod: str = ""
    service: str = ""
    """A name from telemetry that may be a workload, a Service or an `app` label."""
    node: str = ""
    address: str = ""
    """`ip` or `ip:port` of the entity."""
    peer: str = ""
    """Far end of a dependency: host, `host:port`, or service name."""
    claim: str = ""
    cluster: str = ""
    environment: str = ""
