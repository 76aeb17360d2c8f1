"""The catalogue's schema: what a row and a convention may say.

A row says what is judged, a convention says how a family of exporters tells it. Both are TOML, ours in the package and
the engineer's in the configuration folder, by the same structs; unknown keys are errors.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from detectors.model import Direction, EntityType, Severity


class DetectorKind(StrEnum):
    """The tests a row can choose from."""

    RATIO_SPIKE = "ratio-spike"
    """Share of failures against the usual share."""
    RATE_DROP = "rate-drop"
    RATE_SURGE = "rate-surge"
    QUANTILE_SHIFT = "quantile-shift"
    """A latency quantile from histogram buckets."""
    COUNT_SPIKE = "count-spike"
    """More occurrences of something rare."""
    LEVEL_SHIFT = "level-shift"
    """A gauge or a rate far from its usual level."""
    STATE_TRANSITION = "state-transition"
    """In a bad state for longer than a hold time."""
    THRESHOLD_FORECAST = "threshold-forecast"
    """Near a capacity, or on the way to it."""
    RIGHT_SIZING_PERCENTILE = "right-sizing-percentile"
    """A long window's percentile against a request or limit."""


class Statistic(StrEnum):
    """What a row computes from an instrument."""

    ERROR_SHARE = "error-share"
    RATE = "rate"
    """Per second."""
    QUANTILE = "quantile"
    COUNT = "count"
    """Occurrences within the window."""
    LEVEL = "level"
    STATE = "state"
    """0 or 1 per object, or the number of affected ones."""
    SHARE_OF_LIMIT = "share-of-limit"
    PERCENTILE = "percentile"
    """Over the long look-back, against the instrument's `per`."""


class Role(StrEnum):
    """What a source may do for a row, strongest first."""

    PRIMARY = "primary"
    """May raise a finding on its own."""
    EVIDENCE = "evidence"
    """Supports a finding, never raises one."""
    SURROGATE = "surrogate"
    """A symptom that stands in for what cannot be measured."""


class Kind(StrEnum):
    """How an instrument's samples behave."""

    COUNTER = "counter"
    """Only grows; asked as a rate."""
    GAUGE = "gauge"
    STATE = "state"
    """1 while something is so; the maximum of the window counts, since it may be short."""
    AGE = "age"
    """Unix seconds of when something began; asked as seconds since then."""
    EXPRESSION = "expression"
    """PromQL of its own, where composition does not reach."""


class Absence(StrEnum):
    """What it means that a series is not there."""

    UNKNOWN = "unknown"
    ZERO = "zero"
    """The exporter creates the series with the first occurrence."""


class Aggregate(StrEnum):
    """Aggregations that composition may write."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"
    COUNT = "count"


class Availability(StrEnum):
    """How much of a row the Kubernetes API alone can give."""

    FULL = "full"
    PARTIAL = "partial"
    SURROGATE = "surrogate"
    """Symptoms only."""
    NONE = "none"


class Owners(StrEnum):
    """Who maps pods to their workloads."""

    NONE = "none"
    """We do, from Kubernetes objects: the query stops at (namespace, pod)."""
    RECORDING_RULE = "recording_rule"
    """The kubernetes-mixin rule `namespace_workload_pod:kube_pod_owner:relabel`."""
    RAW = "raw"
    """kube-state-metrics' owner metrics, joined in the query."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of everything that is read from a file."""


class Split(Strict, frozen=True, kw_only=True):
    """Identity fields cut out of one label."""

    label: str
    pattern: str
    """Regular expression, matched from the start; its named groups are identity fields, filled where still empty."""
    kind: str = ""
    """The workload's kind when the pattern matches."""


class IdentityRule(Strict, frozen=True, kw_only=True):
    """Which labels say what a series is about. Every list is tried in order, the first label with a value wins."""

    like: str = ""
    """Another rule of the same convention that this one completes."""
    namespace: tuple[str, ...] = ()
    workload: tuple[str, ...] = ()
    workload_of_kind: dict[str, str] = {}
    """Label to Kubernetes kind: the label holds a workload's name and its presence tells the kind."""
    kind: tuple[str, ...] = ()
    pod: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    """A name that may be a workload's, a Service's or an `app` label's."""
    node: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    peer: tuple[str, ...] = ()
    peer_port: tuple[str, ...] = ()
    """Appended to the peer as `:port`."""
    claim: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    object_kind: str = ""
    """Label with the kind of an arbitrary Kubernetes object, which decides what `object_name` names."""
    object_name: str = ""
    split: tuple[Split, ...] = ()
    ignore: tuple[str, ...] = ()
    """Values that mean the exporter does not know."""


class Term(Strict, frozen=True, kw_only=True):
    """One metric with its matchers."""

    metric: str
    match: str = ""
    """PromQL label matchers, comma separated."""


class Inner(Strict, frozen=True, kw_only=True):
    """An aggregation below the outer one, for example to count an object once that two exporters report."""

    by: tuple[str, ...]
    op: Aggregate = Aggregate.MAX
    where: str = ""
    """Comparison that keeps part of the result: `== 1`."""


class Part(Term, frozen=True, kw_only=True):
    """One side of an instrument: metrics, and how they are aggregated."""

    over: str | None = None
    """Range function (`rate`, `changes`, ...), empty for none; by default what the kind and the statistic imply."""
    also: tuple[Term, ...] = ()
    """The same quantity under other names, each with matchers of its own, joined with `or`."""
    plus: tuple[Term, ...] = ()
    """Quantities to add; their matchers come on top of the part's."""
    inner: Inner | None = None
    aggregate: Aggregate = Aggregate.SUM
    where: str = ""
    """Comparison for display; in queries it becomes 0/1 for states and is left out otherwise. In `per`: which samples
    count (`> 0`)."""


class Instrument(Part, frozen=True, kw_only=True):
    """One thing a convention can tell, in the way it tells it."""

    name: str
    """What rows ask for: `http-server`, `container-restarts`, ... The same name in every convention."""
    metric: str = ""
    kind: Kind = Kind.COUNTER
    convention: str = ""
    """Sub-convention, where presence or reliability differs from the family's; default: the family."""
    identity: str = "default"
    """Name of the convention's identity rule; its labels are what results are grouped by."""
    by: tuple[str, ...] = ()
    """Further labels to group by."""
    owners: bool = False
    """Series are per (namespace, pod) and belong to the pod's owner: no identity rule is needed."""
    select: str = ""
    """Label on which a row picks: reason, condition, ..."""
    filter: str = ""
    """PromQL that narrows or completes the vector: `unless on (...) ...`, `and on (...) ...`, `* on (...) ...`. It is
    applied to pods or objects below the outer aggregation where there is an `inner` one, else to the result."""
    per: Part | None = None
    """What the quantity is divided by."""
    complement: bool = False
    """The quantity is 1 - the quotient: free space to used space."""
    errors: tuple[str, ...] = ()
    """For requests: matchers of failed ones, alternatives joined with `or`."""
    failed: tuple[Term, ...] = ()
    """For requests whose failures are counters of their own; matchers come on top of the instrument's."""
    families: dict[str, str] = {}
    """For one metric per protocol: label value to the stem that replaces `{family}` in metric and buckets."""
    family_label: str = "proto"
    buckets: str = ""
    """The histogram of the same events (its `_bucket` metric); an instrument may have this and no `metric`."""
    bucket_unit: str = ""
    """`s`, `ms` or `us`; default: the convention's time unit."""
    scale: float = 1.0
    """Factor from the metric's unit to the row's."""
    unit: str = ""
    """Where it is not the row's: such a source can be shown beside the row but not be judged by it."""
    role: Role = Role.PRIMARY
    absence: Absence = Absence.UNKNOWN
    promql: str = ""
    """For kind `expression`: the whole of it. With `owners`, `$entity` is what it groups by and `$join` the join."""
    presence: str = ""
    """Selector that proves the data is there, where it is not the metric with its matchers."""
    note: str = ""


class Convention(Strict, frozen=True, kw_only=True):
    """How one family of exporters names things."""

    id: str
    title: str
    detect: tuple[str, ...]
    """Selectors; a sample of any of them proves that the family is there."""
    time_unit: str = "s"
    identity: dict[str, IdentityRule] = {}
    instrument: tuple[Instrument, ...] = ()
    notes: str = ""


class Read(Strict, frozen=True, kw_only=True):
    """What a row reads of one instrument."""

    instrument: str
    select: str = ""
    """Value, or alternatives separated by `|`, of the instrument's `select` label."""
    role: Role = Role.PRIMARY
    statistic: Statistic | None = None
    """Where it is not the row's."""
    quantile: float | None = None


class Fallback(Strict, frozen=True, kw_only=True):
    """What remains of a row when there is only the Kubernetes API."""

    availability: Availability = Availability.NONE
    how: str = ""
    rights: tuple[str, ...] = ()
    """`resource` or `group/resource`; list and watch unless said otherwise."""
    state_detector: str = ""
    """Name in `detectors.states.STATE_DETECTORS`."""


class Row(Strict, frozen=True, kw_only=True):
    """One signal: what is judged, by which test, from which instruments."""

    id: str
    title: str
    detector: DetectorKind
    unit: str
    group: str = "Own signals"
    entity: EntityType = EntityType.WORKLOAD
    direction: Direction = Direction.UP
    severity: Severity = Severity.MEDIUM
    statistic: Statistic | None = None
    """Default: what the detector judges."""
    params: dict[str, float | bool] = {}
    """The test's parameters; the detector's defaults fill in the rest."""
    guards: dict[str, float | bool] = {}
    """Below these there is no verdict."""
    reads: tuple[Read, ...] = ()
    preference: str = ""
    """Name of the list that orders conventions."""
    fallback: Fallback = Fallback()
    planned: bool = False
    """Declared, but nothing judges it yet."""
    look_alikes: tuple[str, ...] = ()
    """What looks like this and is not."""
    notes: str = ""
    promql: str = ""
    """For a row that carries its own expression: what it must return depends on the detector (docs/catalog.md)."""
    errors: tuple[str, ...] = ()
    """For `promql` and ratio-spike: matchers of the failed series."""
    identity: IdentityRule = IdentityRule(namespace=("namespace",), pod=("pod",), workload=("workload",))
    """For `promql`: which labels name the entity."""

    @property
    def instrument(self) -> str:
        """The instrument it reads first; empty for a row with its own expression."""
        return self.reads[0].instrument if self.reads else ""


class RowsFile(Strict, frozen=True, kw_only=True):
    """A file of `rows/`: rows of one group."""

    group: str = ""
    """Group of those rows that name none."""
    row: tuple[Row, ...] = ()
