"""What the engine hands to the screens after each cycle, and what screens may ask of the session.

A snapshot is immutable: screens keep it, compare it, and never see it change under them. All of it may travel from the
engine's process to the console's (`app.engine_process`), so what annotations name is imported at run time too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct, field

from app.baselines.shown import Baselines, Chart
from app.notify.shown import Draft, Outbox
from app.quality.proposals import Proposal
from app.quality.report import Report
from app.quality.silence import Foreseen, Wish
from detectors.model import Coverage
from storage.records import (
    AdviceRecord,
    AdviceRun,
    AnomalyRecord,
    Conclusion,
    CoverageRecord,
    EvidenceRecord,
    HistoryRecord,
    InvestigationRecord,
    Label,
    TimelineEntry,
)

DEMO = "demo"
"""The mode of the bundled recording."""
ENDED = "ended"
"""The mode of a recording that has been replayed to its end."""
FAILED = "failed"
"""The mode of a recording whose replay broke off: the source `REPLAY` is down and says why."""
REPLAY = "replay"
"""The name of a recording among the sources, where it has broken off."""


class Health(StrEnum):
    """How a source is doing."""

    OK = "ok"
    DEGRADED = "degraded"
    """Some of it answers, some does not (a forbidden kind, a failed query)."""
    DOWN = "down"
    CONNECTING = "connecting"
    OFF = "off"
    """Not configured."""


class SourceStatus(Struct, frozen=True):
    """One source, as the header and the settings screen show it."""

    name: str
    """`prometheus`, `kubernetes`, `store`; `engine` or `replay` where it broke off."""
    health: Health
    detail: str
    """One line: version and latency, or what is the matter."""
    hint: str = ""
    """What to do about it."""
    since: float | None = None
    """Unix seconds: how long it has been so."""
    answered: bool = True
    """Whether it ever answered; what never did has nothing that could be held."""


class InboxRow(Struct, frozen=True, gc=False):
    """One investigation as the inbox shows it, with its worst anomaly's numbers."""

    investigation: InvestigationRecord
    worst: AnomalyRecord
    """Its band (`detectors.series.Band.from_bytes(worst.band)`) is the sparkline and the preview chart."""
    reason: str
    """One line: why it is here."""
    last_seen: float
    """The data time at which any of its anomalies was last out of band."""
    also: tuple[str, ...] = ()
    """Titles of the other signals that are out of band there, in the investigation's order."""
    state: str = ""
    """`investigation.state` at the snapshot's time: a case whose snooze has run out has another row."""
    likely: float | None = None
    """How likely it is true by the labels so far; None while they are too few, or do not help."""
    consequences: int = 0
    """How many other cases are consequences of this one, and shown with it."""


class WorkloadLine(Struct, frozen=True):
    """One workload's line of the coverage matrix."""

    number: int
    """Follows from its name, so that it is the same in every cycle."""
    kind: str
    namespace: str
    name: str
    worst: Mapping[str, Coverage]
    """By group."""
    answers: bytes
    """For each of the face's signals the place of its answer in `app.workload_coverage.WORST`."""
    listed: bool = True
    """Whether the Kubernetes API lists it; else only metrics name it."""
    excluded: str = ""
    """Why it is not watched, by whom; empty when it is."""

    @property
    def title(self) -> str:
        """What a list shows."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Face(Struct, frozen=True):
    """The coverage matrix by workload."""

    groups: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    lines: tuple[WorkloadLine, ...] = ()


class Snapshot(Struct, frozen=True):
    """Everything the screens show, as of one cycle."""

    cycle: int
    """0 before the first cycle: what the store remembered."""
    now: float
    """Unix seconds by the session's clock."""
    cluster: str
    mode: str
    """`live`, `replay`, `demo`, `ended`, `failed`."""
    rows: tuple[InboxRow, ...] = ()
    """Ranked: pinned first, then by severity, what labels make of it, score and onset."""
    coverage: tuple[CoverageRecord, ...] = ()
    advice: tuple[AdviceRecord, ...] = ()
    """On requests and limits, worst first; apart from the cases."""
    advised: AdviceRun | None = None
    """When the advisor last looked, and what it could see; None: not yet."""
    advising: str = ""
    """What it is doing; empty between its looks."""
    sources: tuple[SourceStatus, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the engineer should know about this cycle: ignored annotations, partial answers, clock skew."""
    namespaces: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    workloads: int = 0
    series: int = 0
    """How many series were judged."""
    interval: float = 15.0
    progress: str = ""
    """What a long first cycle is doing, empty when idle."""
    kubeconfig: str = ""
    """The file that the settings name; empty where kubectl finds it by itself."""
    unsendable: str = ""
    """Why no case can be sent anywhere; empty where one can."""
    stuck: int = 0
    """Messages that wait for somebody: held back, given up, or not known to have arrived."""


class Case(Struct, frozen=True):
    """One investigation with all that is known of it."""

    investigation: InvestigationRecord
    anomalies: tuple[AnomalyRecord, ...]
    evidence: tuple[EvidenceRecord, ...]
    timeline: tuple[TimelineEntry, ...]
    history: tuple[HistoryRecord, ...]
    conclusion: Conclusion | None = None
    """What the last investigation came to; None while there has been none."""


class SettingValue(Struct, frozen=True):
    """One setting with where it came from."""

    key: str
    """`prometheus.url`"""
    value: str
    """As shown: a secret is only `set (environment TOKEN)` or `not set`."""
    origin: str
    """`default`, `--prometheus`, `environment PROMETHEUS_URL`, `FILE:LINE`."""
    doc: str
    allowed: str = ""
    """What the schema allows: type, range, choices."""


class CheckResult(Struct, frozen=True):
    """One line of `tocsin doctor` and of the settings screen's test."""

    name: str
    ok: bool | None
    """None: could not be checked."""
    detail: str
    hint: str = ""


class ActResult(Struct, frozen=True):
    """What came of a wish of the engineer's."""

    ok: bool
    message: str
    """Past tense, for a toast: `labelled true: shop/checkout`."""
    ids: tuple[int, ...] = field(default=())


class Session(Protocol):
    """What screens may ask. Reading and acting block on SQLite: call them from worker threads only."""

    def start(self, listener: Callable[[Snapshot], None]) -> None:
        """Begin to run cycles in the background; the listener is called from the engine's thread."""
        ...

    def stop(self) -> None:
        """End soon and wait for the running cycle's transaction; safe to call twice."""
        ...

    def restored(self) -> Snapshot:
        """What the store remembers, before the first cycle."""
        ...

    def refresh(self) -> None:
        """Run a cycle now rather than at the next interval."""
        ...

    def case(self, investigation: int) -> Case | None:
        """One investigation with all that is known of it."""
        ...

    def label(self, ids: Sequence[int], label: Label, reason: str = "") -> ActResult:
        """Judge investigations; undoable."""
        ...

    def acknowledge(self, ids: Sequence[int]) -> ActResult:
        """Take investigations; a second time gives them back. Undoable."""
        ...

    def snooze(self, ids: Sequence[int], seconds: float) -> ActResult:
        """Hide investigations for a while; undoable."""
        ...

    def snooze_until_rollout(self, ids: Sequence[int]) -> ActResult:
        """Hide investigations until their workloads are rolled out; undoable."""
        ...

    def close_cases(self, ids: Sequence[int]) -> ActResult:
        """Close investigations; undoable."""
        ...

    def pin(self, ids: Sequence[int]) -> ActResult:
        """Pin or unpin; undoable."""
        ...

    def mark_seen(self, investigation: int) -> None:
        """The engineer opened it: no longer `new`. Not undoable."""
        ...

    def mutes(self, investigation: int) -> tuple[Proposal, ...]:
        """The ways to mute an investigation's pattern, the narrowest first, each with what it would have hidden."""
        ...

    def accept(self, proposal: Proposal) -> ActResult:
        """Put a proposed rule in force from the next cycle on; undoable."""
        ...

    def foresee(self, wish: Wish) -> Foreseen:
        """What a silence would hide, or what is wrong with it."""
        ...

    def silence(self, wish: Wish) -> ActResult:
        """Put a silence in force from the next cycle on, or from its begin; undoable."""
        ...

    def switch_rule(self, rule: int) -> ActResult:
        """Put a rule out of force, or in force again; undoable."""
        ...

    def drafts(self, ids: Sequence[int]) -> tuple[Draft, ...]:
        """What would be sent of investigations, and where it could go."""
        ...

    def send(self, ids: Sequence[int], destinations: Sequence[str]) -> ActResult:
        """Put the messages of investigations into the outbox; undoable while they are there."""
        ...

    def outbox(self) -> Outbox:
        """What was sent and what was not."""
        ...

    def drop_messages(self, ids: Sequence[int]) -> ActResult:
        """Take messages out of the outbox that have not arrived; undoable."""
        ...

    def retry_messages(self, ids: Sequence[int]) -> ActResult:
        """Send again what was not sent."""
        ...

    def undo(self) -> ActResult:
        """Take back this session's last act."""
        ...

    def redo(self) -> ActResult:
        """Do again what was last taken back."""
        ...

    def narrate(self, investigation: int) -> ActResult:
        """Let the model that the settings name put a ledger into words; asks over the network."""
        ...

    def export(self, investigation: int) -> ActResult:
        """Write an investigation to a file as Markdown; says where."""
        ...

    def workloads(self) -> Face:
        """The coverage matrix by workload, as the newest cycle saw it; empty before there was one."""
        ...

    def baselines(self) -> Baselines:
        """How every workload is doing against what is usual for it; empty before this process's first cycle."""
        ...

    def charts(self, workload: int) -> tuple[Chart, ...]:
        """The headline signals of one workload, by its line's number, as the newest cycle judged them."""
        ...

    def advise(self) -> ActResult:
        """Let the advisor look with the next cycle, whenever it last did."""
        ...

    def quality(self) -> Report:
        """How good findings are by labels and recorded incidents, over `quality.days`."""
        ...

    def settings(self) -> tuple[SettingValue, ...]:
        """Every setting with its origin."""
        ...

    def change_setting(self, key: str, value: str) -> ActResult:
        """Validate a value, write it to the settings file, and use it from the next cycle on."""
        ...

    def reread_settings(self) -> ActResult:
        """Use what an editor made of the settings file, from the next cycle on; a wrong one changes nothing."""
        ...

    def settings_path(self) -> str:
        """The settings file, for opening it in an editor."""
        ...

    def test_connections(self) -> tuple[CheckResult, ...]:
        """What `tocsin doctor` would say."""
        ...

    def recall(self, key: str) -> str:
        """A piece of remembered screen state (JSON text), empty when there is none."""
        ...

    def remember(self, key: str, value: str) -> None:
        """Keep a piece of screen state across restarts."""
        ...
