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
    """Fewer events than usual, now and at this time of day."""
    RATE_SURGE = "rate-surge"
    """More events than usual, now and at this time of day."""
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
    Z_SCORE = "z-score"
    """Distance from the mean of the last hour."""
    EMA = "ema"
    """Distance from an exponential moving average."""
    SEASONAL = "seasonal"
    """Distance from the usual value at this time of day."""
    HOLT_WINTERS = "holt-winters"
    """Distance from a forecast: level and daily season."""
    ISOLATION_FOREST = "isolation-forest"
    """How easily the last three values are told from those of the hours before."""
    ENSEMBLE = "ensemble"
    """Local level, time of day, time of week and forecast, which must agree."""


class Statistic(StrEnum):
    """What a row computes from an instrument."""

    ERROR_SHARE = "error-share"
    """Failed of all events."""
    RATE = "rate"
    """Per second."""
    QUANTILE = "quantile"
    """Of a histogram, over the window."""
    COUNT = "count"
    """Occurrences within the window."""
    LEVEL = "level"
    """The value as it is."""
    STATE = "state"
    """0 or 1 per object, or the number of affected ones."""
    SHARE_OF_LIMIT = "share-of-limit"
    """Used of what there is."""
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
    """Goes up and down; asked as it is."""
    STATE = "state"
    """1 while something is so; the maximum of the window counts, since it may be short."""
    AGE = "age"
    """Unix seconds of when something began; asked as seconds since then."""
    EXPRESSION = "expression"
    """PromQL of its own, where composition does not reach."""


class Absence(StrEnum):
    """What it means that a series is not there."""

    UNKNOWN = "unknown"
    """Nothing is known then."""
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
    """All of it."""
    PARTIAL = "partial"
    """Approximations, or only with further rights."""
    SURROGATE = "surrogate"
    """Symptoms only."""
    NONE = "none"
    """Nothing."""


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
    """The label that is cut."""
    pattern: str
    """Regular expression, matched from the start; its named groups are identity fields, filled where still empty."""
    kind: str = ""
    """The workload's kind when the pattern matches."""


class IdentityRule(Strict, frozen=True, kw_only=True):
    """Which labels say what a series is about. Every list is tried in order, the first label with a value wins."""

    like: str = ""
    """Another rule of the same convention that this one completes."""
    namespace: tuple[str, ...] = ()
    """Labels with the entity's namespace."""
    workload: tuple[str, ...] = ()
    """Labels with a workload's own name."""
    workload_of_kind: dict[str, str] = {}
    """Label to Kubernetes kind: the label holds a workload's name and its presence tells the kind."""
    kind: tuple[str, ...] = ()
    """Labels with its Kubernetes kind, in any spelling."""
    pod: tuple[str, ...] = ()
    """Labels with a pod's name."""
    service: tuple[str, ...] = ()
    """A name that may be a workload's, a Service's or an `app` label's."""
    node: tuple[str, ...] = ()
    """Labels with a node's name."""
    address: tuple[str, ...] = ()
    """Labels with the `ip` or `ip:port` of the entity."""
    peer: tuple[str, ...] = ()
    """Labels with the far end of a call: host, `host:port` or service."""
    peer_port: tuple[str, ...] = ()
    """Appended to the peer as `:port`."""
    claim: tuple[str, ...] = ()
    """Labels with a persistent volume claim."""
    cluster: tuple[str, ...] = ()
    """Labels with the cluster; default: the usual ones."""
    environment: tuple[str, ...] = ()
    """Labels with the environment; default: the usual ones."""
    object_kind: str = ""
    """Label with the kind of an arbitrary Kubernetes object, which decides what `object_name` names."""
    object_name: str = ""
    """Label with its name."""
    split: tuple[Split, ...] = ()
    """Fields that stand inside a label, tried after all lists."""
    ignore: tuple[str, ...] = ()
    """Values that mean the exporter does not know."""


class Term(Strict, frozen=True, kw_only=True):
    """One metric with its matchers."""

    metric: str
    """The metric's name."""
    match: str = ""
    """PromQL label matchers, comma separated."""


class Inner(Strict, frozen=True, kw_only=True):
    """An aggregation below the outer one, for example to count an object once that two exporters report."""

    by: tuple[str, ...]
    """Labels of the objects."""
    op: Aggregate = Aggregate.MAX
    """How the series of one object are combined."""
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
    """Aggregation to objects, below the one to entities."""
    aggregate: Aggregate = Aggregate.SUM
    """Aggregation to entities."""
    where: str = ""
    """Comparison for display; in queries it becomes 0/1 for states and is left out otherwise. In `per`: which samples
    count (`> 0`)."""


class Instrument(Part, frozen=True, kw_only=True):
    """One thing a convention can tell, in the way it tells it."""

    name: str
    """What rows ask for: `http-server`, `container-restarts`, ... The same name in every convention."""
    metric: str = ""
    """The metric's name; `{family}` in it is replaced by each of `families`."""
    kind: Kind = Kind.COUNTER
    """How its samples behave."""
    convention: str = ""
    """Sub-convention, where presence or reliability differs from the family's; default: the family."""
    identity: str = "default"
    """Name of the convention's identity rule; its labels are what results are grouped by."""
    by: tuple[str, ...] = ()
    """Further labels to group by: counts are added up over them; of levels each is judged alone, the worst speaks."""
    members: tuple[str, ...] = ()
    """Labels of what an entity's level is made of (pods, nodes): asked for, so that it is known how many report."""
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
    """Label that tells the families apart in results."""
    buckets: str = ""
    """The histogram of the same events (its `_bucket` metric); an instrument may have this and no `metric`."""
    bucket_unit: str = ""
    """`s`, `ms` or `us`; default: the convention's time unit."""
    scale: float = 1.0
    """Factor from the metric's unit to the row's."""
    unit: str = ""
    """Where it is not the row's: such a source is shown beside the row, and judged only with `guards` of its own."""
    guards: dict[str, float | bool] = {}
    """Instead of the row's, where those are in another unit."""
    role: Role = Role.PRIMARY
    """The most that sources of this instrument may do for a row."""
    absence: Absence = Absence.UNKNOWN
    """What it means that a series is not there."""
    promql: str = ""
    """For kind `expression`: the whole of it. With `owners`, `$entity` is what it groups by and `$join` the join."""
    presence: str = ""
    """Selector that proves the data is there, where it is not the metric with its matchers."""
    note: str = ""
    """What is peculiar about it."""


class Sampled(Strict, frozen=True, kw_only=True):
    """Where the numbers of a convention are asked from when no metrics server has them: the Kubernetes API itself."""

    resource: str
    """What has to be readable, as the API names it: `nodes/proxy`."""
    path: str
    """Of the request that gives the numbers; `{node}` in it stands for a node's name."""


class Convention(Strict, frozen=True, kw_only=True):
    """How one family of exporters names things."""

    id: str
    """Lower case letters, digits and dashes; unique over all files."""
    title: str
    """The exporters' own name."""
    detect: tuple[str, ...]
    """Selectors; a sample of any of them proves that the family is there."""
    time_unit: str = "s"
    """Unit of its durations: `s`, `ms` or `us`."""
    identity: dict[str, IdentityRule] = {}
    """Rules by name; an instrument names one, `default` if it does not."""
    instrument: tuple[Instrument, ...] = ()
    """What it can tell."""
    sampled: Sampled | None = None
    """For what no metrics server has: Tocsin samples it itself, under the metric names that the instruments give."""
    notes: str = ""
    """What is peculiar about it."""


class Read(Strict, frozen=True, kw_only=True):
    """What a row reads of one instrument."""

    instrument: str
    """Name of the instrument; every convention that has one of that name feeds the row."""
    select: str = ""
    """Value, or alternatives separated by `|`, of the instrument's `select` label."""
    role: Role = Role.PRIMARY
    """What these sources may do for the row, unless the instrument itself may do less."""
    statistic: Statistic | None = None
    """Where it is not the row's."""
    quantile: float | None = None
    """Where it is not the row's `quantile` parameter."""


class Fallback(Strict, frozen=True, kw_only=True):
    """What remains of a row when there is only the Kubernetes API."""

    availability: Availability = Availability.NONE
    """How much of the row the Kubernetes API alone gives."""
    how: str = ""
    """From which objects and fields, in a sentence."""
    rights: tuple[str, ...] = ()
    """`resource` or `group/resource`; list and watch unless said otherwise."""
    state_detector: str = ""
    """Name in `detectors.states.STATE_DETECTORS`."""


class Row(Strict, frozen=True, kw_only=True):
    """One signal: what is judged, by which test, from which instruments."""

    id: str
    """Lower case letters, digits and dashes; unique over all files."""
    title: str
    """What lists and messages call it."""
    detector: DetectorKind
    """The test."""
    unit: str
    """What the judged number counts, as shown after it."""
    group: str = "Own signals"
    """Heading under which it is listed; default: the file's `group`."""
    entity: EntityType = EntityType.WORKLOAD
    """What it is about."""
    direction: Direction = Direction.UP
    """On which side of the expected band it is abnormal."""
    severity: Severity = Severity.MEDIUM
    """Where a finding starts; environment and breadth shift it."""
    statistic: Statistic | None = None
    """Default: what the detector judges."""
    params: dict[str, float | bool] = {}
    """The test's parameters; the detector's defaults fill in the rest."""
    guards: dict[str, float | bool] = {}
    """Below these there is no verdict."""
    reads: tuple[Read, ...] = ()
    """The instruments it is measured by."""
    preference: str = ""
    """Name of the list that orders conventions."""
    fallback: Fallback = Fallback()
    """What remains without metrics: a table, or the name of one under `[fallback.NAME]` in the same file."""
    planned: bool = False
    """Declared, but nothing judges it yet."""
    look_alikes: tuple[str, ...] = ()
    """What looks like this and is not."""
    notes: str = ""
    """What else the engineer should know."""
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
