"""What the store keeps, as typed records: the shapes that repositories return and widgets read.

Times are unix seconds (UTC). Every record that belongs to a cluster names it. Those of which an inbox has thousands are
no business of the garbage collector's (`gc=False`): they hold nothing that could point back at them.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from detectors.model import Confidence, Coverage, Entity, FieldRef, Severity, Sizing, SourceRef


class RestartRecord(msgspec.Struct, frozen=True, gc=False):
    """A container's restart counter went up while it was watched."""

    at: float
    """Unix seconds: when its last run ended, by the kubelet's clock."""
    pod: str
    """UID."""
    container: str
    delta: int
    reason: str
    exit_code: int


class AnomalyState(StrEnum):
    """Where an anomaly is in its life."""

    OPEN = "open"
    HELD = "held"
    """What it was seen by cannot be seen now, a source or a node: neither confirmed nor resolved."""
    CLOSED = "closed"


class Lifecycle(StrEnum):
    """Where an investigation is in its life, apart from what the engineer did with it."""

    OPEN = "open"
    RECOVERED = "recovered"
    """Every anomaly of it is over."""
    CLOSED = "closed"
    """Closed by the engineer."""


class Label(StrEnum):
    """The engineer's judgement."""

    TRUE = "true"
    FALSE = "false"
    UNSURE = "unsure"


class Reason(StrEnum):
    """Why the engineer judges so."""

    REAL = "real"
    EXPECTED = "expected change"
    """It happened, and was meant to: a rollout, a load test, maintenance."""
    NOISE = "noise"
    DUPLICATE = "duplicate"
    """Another case tells the same."""
    THRESHOLD = "wrong threshold"
    """It is so, and it is too little to tell."""


class Stance(StrEnum):
    """What a piece of evidence says about the suspected cause."""

    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    SILENT = "silent"
    UNKNOWN = "unknown"
    """The source was missing or refused: this is no evidence of health."""


class Verdict(StrEnum):
    """What an investigation came to."""

    REAL = "real"
    """Something is wrong, now."""
    RECOVERED = "recovered"
    """Something was wrong, and healed."""
    NOISE = "noise"
    """Nothing is wrong: what was seen was expected, or too little to matter."""
    INCONCLUSIVE = "inconclusive"
    """What could be seen does not decide it."""


class Priority(StrEnum):
    """How soon somebody has to look, from a service that is down to information."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"

    def lowered(self, steps: int = 1) -> Priority:
        """The priority that many steps further down, clamped to the scale."""
        scale = list(Priority)
        return scale[min(scale.index(self) + steps, len(scale) - 1)]


class AnomalyRecord(msgspec.Struct, frozen=True, gc=False):
    """One signal of one entity outside its band, from onset until it is over."""

    id: int
    cluster: str
    investigation: int
    signal: str
    entity: Entity
    state: AnomalyState
    severity: Severity
    score: float
    peak_score: float
    observed: float
    low: float
    high: float
    unit: str
    onset: float
    opened: float
    last_seen: float
    """The data time at which it was last out of band."""
    closed: float | None
    confidence: float
    views: int
    source: SourceRef
    clean_passes: int = 0
    """Consecutive cycles back in band; it closes after a few."""
    reopened: int = 0
    """How often it came back after it had closed."""
    band: bytes = b""
    """`detectors.series.Band.to_bytes()` of its recent values; empty for object states."""

    @property
    def present(self) -> bool:
        """Whether the newest evaluation saw it out of band; else its numbers are those of the last that did."""
        return self.state is AnomalyState.OPEN and not self.clean_passes

    @property
    def easing(self) -> bool:
        """Whether it is back in band, but not yet for long enough to be over."""
        return self.state is AnomalyState.OPEN and self.clean_passes > 0


class InvestigationRecord(msgspec.Struct, frozen=True, gc=False):
    """A case: one or more anomalies with one suspected cause, and what was done about it."""

    id: int
    cluster: str
    entity: Entity
    title: str
    """What is wrong, in a few words: the title of its worst signal."""
    severity: Severity
    score: float
    lifecycle: Lifecycle
    onset: float
    opened: float
    updated: float
    ended: float | None
    signals: tuple[str, ...]
    """Signal ids of its anomalies, worst first."""
    anomalies: int
    held: bool = False
    """At least one anomaly cannot be seen at the moment."""
    seen_at: float | None = None
    """When the engineer first opened it; None is `new`."""
    acknowledged_at: float | None = None
    acknowledged_by: str = ""
    snoozed_until: float | None = None
    awaits_rollout: float | None = None
    """Snoozed until its workload has a revision that is newer than this; None: a rollout ends no snooze."""
    label: Label | None = None
    label_reason: str = ""
    pinned: bool = False
    muted: int | None = None
    """The rule that hides it."""
    verdict: Verdict | None = None
    """None until it has been investigated."""
    priority: Priority | None = None
    cause: str = ""
    """The likely cause in a few words; empty where none stands out."""
    part_of: int = 0
    """The case that this one is a consequence of, and is shown with; 0 where it stands for itself."""

    def state(self, now: float) -> str:
        """The one word a list shows: closed, snoozed, muted, recovered, held, ack, new or open."""
        if self.lifecycle is Lifecycle.CLOSED:
            return "closed"
        if self.snoozed_until is not None and self.snoozed_until > now:
            return "snoozed"
        if self.muted is not None:
            return "muted"
        if self.lifecycle is Lifecycle.RECOVERED:
            return "recovered"
        if self.held:
            return "held"
        if self.acknowledged_at is not None:
            return "ack"
        return "new" if self.seen_at is None else "open"


COMPARED = "compare"
"""The step of lines that say what a convention did not judge, but can tell."""

UNSEEN = "does not see it"
"""What the ledger says of a convention that tells of others, and not of this entity."""


class EvidenceRecord(msgspec.Struct, frozen=True):
    """One line of an investigation's ledger."""

    id: int
    investigation: int
    anomaly: int | None
    step: str
    text: str
    source: str
    """The PromQL or kubectl command that reproduces it."""
    value: str
    at: float | None
    """When it happened in the cluster."""
    recorded: float
    stance: Stance = Stance.SUPPORTS
    convention: str = ""
    """Who measured it: a convention id, or `kubernetes-api`."""
    field: FieldRef | None = None
    """The object's field that holds the value; None where no object's state is told."""

    clue: str = ""
    """What the investigation calls it; empty for what the anomalies themselves rest on."""

    @property
    def held(self) -> str:
        """The field with its value: `Pod shop/cart-7c9 .status.phase = Pending`; empty where there is none."""
        return f"{self.field.title} = {self.value}" if self.field is not None else ""

    @property
    def unseen(self) -> bool:
        """Whether a convention says no more than that it tells of others."""
        return self.text == f"{self.convention} {UNSEEN}"


class CauseRecord(msgspec.Struct, frozen=True):
    """One candidate for what caused a case, with what it scored and why."""

    id: str
    title: str
    points: int
    confidence: Confidence
    sum: tuple[tuple[str, int], ...]
    """What the points are made of."""
    supports: tuple[str, ...]
    """Lines of the ledger that speak for it."""
    contradicts: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """What would have told, and could not be seen."""


class GateRecord(msgspec.Struct, frozen=True):
    """One gate of the investigation: a reason to call a case noise or real."""

    id: str
    """`N1` to `N11`, `R1` to `R5`."""
    title: str
    passed: bool | None
    """Whether it applied; None: it could not be told."""
    text: str


class Urgency(msgspec.Struct, frozen=True):
    """How urgent a case was at one look, and why."""

    at: float
    """Unix seconds."""
    priority: Priority
    reason: str


class Conclusion(msgspec.Struct, frozen=True):
    """What the last investigation of a case came to; the ledger holds what it rests on."""

    investigation: int
    at: float
    """Unix seconds by the engine's clock."""
    playbook: str
    """The class: `C4`."""
    verdict: Verdict
    reason: str
    """One sentence: why this verdict."""
    confidence: Confidence
    priority: Priority
    priority_reason: str
    scope: str
    """How wide it is, in words: `one pod`, `the newest revision`, `node worker-3`."""
    impact: tuple[str, ...]
    causes: tuple[CauseRecord, ...]
    """Likely first."""
    ruled_out: tuple[CauseRecord, ...]
    """What was considered and does not hold, with what speaks against it."""
    gates: tuple[GateRecord, ...]
    """Those that applied or could not be told, in the order in which they were asked."""
    commands: tuple[str, ...]
    """What to run next."""
    unknown: tuple[str, ...]
    """Sources that were refused or missing."""
    seconds: float
    """How long it took."""
    urgency: tuple[Urgency, ...] = ()
    """What the looks of the last minutes found, oldest first: the priority falls only once none was more urgent."""


class Outcome(StrEnum):
    """What the verification of a rollout came to."""

    UNDECIDED = "under way"
    PASS = "pass"
    FAIL = "fail"
    INSUFFICIENT = "insufficient traffic"
    """Too few requests on either side for a verdict."""


class VerifiedMetric(msgspec.Struct, frozen=True):
    """One number of a rollout, before and after, or of the old revision's pods and the new one's."""

    name: str
    unit: str
    before: float | None
    """None where there is no such number."""
    after: float | None
    change: float | None
    """Relative to before."""
    p_value: float | None
    """Of a one-sided test that it became worse; None where none was made."""
    failed: bool
    notable: bool
    """The change is worth a word."""
    samples: tuple[float, float]
    """Requests on both sides; 0 where none are counted."""
    source: str
    """The PromQL that gives the number."""


class VerificationRecord(msgspec.Struct, frozen=True):
    """One rollout, followed from ten minutes after it began for twenty minutes."""

    cluster: str
    entity: Entity
    revision: str
    change: str
    """What it changed, in words."""
    began: float
    at: float
    """Unix seconds of the newest look."""
    outcome: Outcome
    reason: str
    compared: str
    """What was compared with what, in words; empty while nothing was."""
    metrics: tuple[VerifiedMetric, ...] = ()


class MessageState(StrEnum):
    """Where a message to the outside is."""

    WAITING = "waiting"
    """To be sent, for the first time or as an edit."""
    SENT = "sent"
    """Its destination has the newest version."""
    FAILED = "failed"
    """Given up; somebody has to do something before it can be sent."""
    UNSURE = "unsure"
    """May have been sent or not, and is not sent twice: somebody has to look."""
    HELD = "held"
    """Held back, and not to be sent for now: see what by."""
    DROPPED = "dropped"
    """Taken out by an engineer before it was sent."""


BY_HAND = "by hand"
"""In place of a rule's name: nothing withdraws or holds back what an engineer sends."""


class HeldBy(StrEnum):
    """What holds a message back."""

    LIMIT = "limit"
    """More than the destination gets in an hour: a summary tells of it."""
    QUIET = "quiet hours"
    """A summary tells of it when they end."""
    DIGEST = "digest"
    """It is told together with others."""
    SILENCE = "silence"
    """One of an Alertmanager; it is posted when that ends, if it is not over by then."""
    TRIAGE = "triage"
    """Snoozed, closed, labelled false, ... before it was posted; it is posted when that ends."""
    DRY_RUN = "dry run"


class Hold(msgspec.Struct, frozen=True):
    """Why a message is not sent now."""

    by: HeldBy
    error: str
    """In words."""
    hint: str
    """What becomes of it, or what to do."""
    until: float | None = None
    """Unix seconds at which it is looked at again, or a summary is due; None is as soon as it may be, or never."""


class Announcement(msgspec.Struct, frozen=True):
    """What the destinations shall be told of a case from now on."""

    headline: str
    """What it comes to in one line; where it changes, that is news."""
    priority: Priority
    body: bytes
    """The whole message, as JSON."""
    to: tuple[tuple[str, str], ...]
    """Destinations, each with the rule that chose it. Elsewhere a message that was posted is brought up to date, and
    one that was not is withdrawn."""


class MessageRecord(msgspec.Struct, frozen=True):
    """One message to one destination, as it shall be and as it is there."""

    id: int
    investigation: int | None
    """None for the summary of messages that were held back."""
    destination: str
    rule: str
    state: MessageState
    priority: Priority
    headline: str
    body: bytes
    """JSON."""
    wanted: int
    """The version that the destination shall have."""
    sent: int
    """The version that it has; 0 where it has none."""
    told: str
    """The headline of that version."""
    channel: str
    ts: str
    """Names the message in its channel; empty where it cannot be edited."""
    attempts: int
    """Since the last success."""
    next_at: float
    """Not tried before, by the clock of who delivers it; 0 is at once."""
    owner: str
    """Who is delivering it; empty where nobody is."""
    until: float | None
    error: str
    hint: str
    """What to do about it."""
    created: float
    posted: float | None
    """When its first version was sent."""
    summary: int | None
    """The message that tells of it because it was held back."""
    held_by: HeldBy | None = None
    """What holds it back; while it waits, what did until somebody sent it by hand. None where nothing does."""
    again: float | None = None
    """When it is looked at although nothing is new: what was sent is told again, what is held is judged anew."""

    @property
    def by_hand(self) -> bool:
        """Whether an engineer wants it sent, whatever holds it back."""
        return self.rule == BY_HAND or (self.state is MessageState.WAITING and self.held_by is not None)


class TimelineEntry(msgspec.Struct, frozen=True):
    """One dated thing that happened around an investigation, whatever its origin."""

    at: float
    kind: str
    """`anomaly`, `event`, `rollout`, `label`, `ack`, ..."""
    text: str


class HistoryRecord(msgspec.Struct, frozen=True):
    """One append-only line of what was done, by whom: the source of undo and of the audit trail."""

    id: int
    at: float
    actor: str
    action: str
    investigation: int | None
    before: dict[str, object]
    after: dict[str, object]
    undoes: int | None = None
    """The history line that this one takes back."""
    session: str = ""
    """The run of the program in which it was done."""
    step: int = 0
    """The id of the first line of the same act: a bulk act is undone as a whole."""


class EventRecord(msgspec.Struct, frozen=True):
    """A Kubernetes event, kept because the API server forgets it in an hour."""

    cluster: str
    uid: str
    namespace: str
    kind: str
    name: str
    object_uid: str
    type: str
    reason: str
    message: str
    count: int
    first_seen: float
    last_seen: float
    component: str
    owner_kind: str = ""
    """The workload that the object belonged to when the event was stored; empty where it has none."""
    owner_name: str = ""


class CycleRecord(msgspec.Struct, frozen=True):
    """One evaluation of everything."""

    cluster: str
    at: float
    seconds: float
    series: int
    observations: int
    errors: int


class CoverageRecord(msgspec.Struct, frozen=True):
    """What one row of the coverage matrix sees in one cluster."""

    cluster: str
    signal: str
    status: Coverage
    conventions: tuple[str, ...]
    """Those that feed it here, preferred first."""
    live: int
    learning: int
    silent: int
    """Entities without data or traffic."""
    last_fired: float | None
    detail: str
    """The error, the missing right, or what to install."""
    query_seconds: float | None
    query: str = ""
    query_series: int | None = None
    """Series that its queries touch on the server, at most."""
    query_samples: int | None = None
    """Samples of these over the whole window."""
    thinned: str = ""
    """What was left out of its queries to keep them within the budget, and why."""


class Spell(msgspec.Struct, frozen=True):
    """How long the series of one selector have been there; unix seconds by the server's clock."""

    since: float
    last: float
    """When they were seen last."""
    absent: float | None = None
    """The first look that did not find them."""

    def seen(self, at: float, hold: float) -> Spell:
        """They are there; after an absence of more than `hold` seconds they are new."""
        returned = self.absent is not None and at - self.absent >= hold
        return Spell(at if returned else self.since, at)

    def unseen(self, at: float) -> Spell:
        """They are not there."""
        return self if self.absent is not None else Spell(self.since, self.last, at)

    def missed(self, at: float, hold: float, lasting: float) -> bool:
        """Whether they had been there for `lasting` seconds and have been gone for `hold`."""
        return self.absent is not None and at - self.absent >= hold and self.last - self.since >= lasting


class LostWorkload(msgspec.Struct, frozen=True):
    """A workload, or a node, of which a convention tells no more while it goes on telling of others."""

    entity: Entity
    rows: tuple[str, ...]
    """The rows that it fed, by id."""
    until: float
    """Unix seconds of its last sample."""
    rate: float | None
    """Events per second until then; None for what counts nothing."""
    query: str
    """What gave its numbers."""


class ConventionRecord(msgspec.Struct, frozen=True):
    """One metric convention as a cluster's server has it, or had it until lately."""

    cluster: str
    convention: str
    jobs: tuple[str, ...]
    """Its scrape jobs; empty where it is pushed."""
    aliases: dict[str, str]
    """Labels that are called otherwise there."""
    match: str
    """A matcher in every query over it."""
    interval: float
    """Seconds between its samples."""
    selectors: dict[str, Spell]
    """By presence selector."""
    lost: tuple[LostWorkload, ...] = ()


class UsageRecord(msgspec.Struct, frozen=True):
    """What one container of a workload used of one resource on one day: always the pod that used most."""

    entity: Entity
    container: str
    resource: str
    """`cpu` in cores, `memory` in bytes."""
    source: str
    """A convention id, or `metrics.k8s.io`."""
    day: int
    """Unix seconds at which the day begins (UTC)."""
    first: float
    last: float
    points: int
    peak: float
    peak_at: float
    peak_pod: str
    hours: bytes
    """`detectors.usage`: 24 hourly maxima, float32."""
    sketch: bytes
    """`detectors.usage.Sketch.to_bytes()`."""


class AdviceRecord(msgspec.Struct, frozen=True):
    """What right-sizing says of one request or limit of one container."""

    cluster: str
    signal: str
    entity: Entity
    container: str
    resource: str
    """`cpu` in cores, `memory` in bytes: the unit of the numbers below."""
    bound: str
    """`request` or `limit`."""
    outcome: Sizing
    severity: Severity
    confidence: Confidence
    current: float
    """NaN where none is set."""
    observed: float
    statistic: str
    """What `observed` is: `p95`, `maximum`."""
    peak: float
    peak_at: float
    worst_pod: str
    """Who used that much."""
    suggestion: float
    """NaN where there is none."""
    saving: float
    """Over all replicas; negative where it costs more."""
    replicas: int
    span: float
    """Seconds of history."""
    points: int
    reason: str
    """Why it says that, or why it says nothing."""
    source: SourceRef


class AdviceCoverage(msgspec.Struct, frozen=True):
    """What one right-sizing row could see."""

    signal: str
    status: Coverage
    conventions: tuple[str, ...]
    live: int
    """Containers judged."""
    learning: int
    detail: str
    """What is missing, or when the first verdict can be expected."""


class AdviceRun(msgspec.Struct, frozen=True):
    """One look of the advisor at a cluster."""

    cluster: str
    at: float
    seconds: float
    coverage: tuple[AdviceCoverage, ...]


class LabelRecord(msgspec.Struct, frozen=True):
    """One anomaly that the engineer has judged, with what was known of it then."""

    id: int
    investigation: int
    anomaly: int
    at: float
    actor: str
    """Empty where the label is older than this record of it."""
    label: Label
    reason: str
    """A `Reason`, or words of the engineer's own; empty where none was given."""
    signal: str
    detector: str
    """The detector kind, or the state detector of what objects told; empty where that was not known."""
    entity: Entity
    convention: str
    severity: Severity
    score: float
    peak_score: float
    observed: float
    low: float
    high: float
    confidence: float
    views: int
    onset: float
    opened: float
    last_seen: float
    reopened: int
    verdict: str = ""
    """What the investigation had come to; empty where there was no verdict."""


class Pattern(msgspec.Struct, frozen=True):
    """Which findings a rule hides."""

    signal: str = ""
    """A signal's id; empty for every signal."""
    workload: str = "*"
    """`namespace/name`, or a name alone in any namespace; shell patterns are allowed."""
    below: float | None = None
    """Only those whose score never reached this; None whatever their score."""
    hours: tuple[int, int] | None = None
    """Only those that began in these hours of the day (UTC), the last one excluded; they may pass midnight."""
    environment: str = ""
    """A shell pattern; empty for every environment."""


class RuleRecord(msgspec.Struct, frozen=True):
    """A pattern of findings that are kept and counted, and ask for nobody."""

    id: int
    cluster: str
    pattern: Pattern
    owner: str
    reason: str
    created: float
    expires: float | None
    """Unix seconds; None for as long as it is in force."""
    active: bool
    """Whether it is in force, unless it has expired or has not begun."""
    starts: float | None = None
    """Unix seconds before which it hides nothing; None: it hides from the moment it was made."""

    def holds(self, now: float) -> bool:
        """Whether it hides anything at a time."""
        return self.active and not self.expired(now) and not self.ahead(now)

    def expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires is not None and now >= self.expires

    def ahead(self, now: float) -> bool:
        """Whether its time has not begun."""
        return self.starts is not None and now < self.starts

    def standing(self, now: float) -> str:
        """Where it is, in words."""
        if not self.active:
            return "out of force"
        return "run out" if self.expired(now) else "to begin" if self.ahead(now) else "in force"


class IncidentRecord(msgspec.Struct, frozen=True):
    """Something that went wrong, as a person wrote it down: what detection is measured against."""

    id: int
    cluster: str
    workload: str
    """`namespace/name`, or a name alone."""
    since: float
    until: float
    note: str
    actor: str
    recorded: float


class WatchRecord(msgspec.Struct, frozen=True):
    """How much of a time was watched; by the cycles that are stored."""

    since: float
    """Unix seconds of the first cycle."""
    until: float
    """Unix seconds of the last cycle."""
    cycles: int
    watched: float
    """Seconds between cycles that followed upon each other."""
    errors: int
    """Cycles in which at least one row could not be asked."""


class ProfileRecord(msgspec.Struct, frozen=True):
    """What is usual for one series of a signal."""

    entity: Entity
    part: str
    """Which of the entity's parts (`container="app"`); empty where it has one."""
    until: float
    """Unix seconds of the newest sample that it has learnt from."""
    learnt: bytes
    """As `detectors.scoring.compact` packs it: some 2.8 KB."""
