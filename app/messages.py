"""What reaches the console from other threads: past-tense facts, each whole in itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from app.baselines.shown import Baselines, Chart, Line
    from app.connection import Choice
    from app.notify.shown import Draft, Outbox
    from app.quality.proposals import Proposal
    from app.quality.report import Report
    from app.quality.silence import Foreseen, Wish
    from app.snapshot import ActResult, Case, CheckResult, Face, Session, SettingValue, Snapshot
    from detectors.catalog import Catalogue


DATABASE = "database"
"""The trouble of a session whose store cannot be used: no other connection would help."""


class SnapshotArrived(Message):
    """A cycle is done, or an act has changed something."""

    def __init__(self, number: int, snapshot: Snapshot) -> None:
        self.number = number
        """Of the session it comes from."""
        self.snapshot = snapshot
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest snapshot is worth painting."""
        return isinstance(message, SnapshotArrived)


class Narrated(Message):
    """A model has put a ledger into words, or could not."""

    def __init__(self, number: int, result: ActResult) -> None:
        self.number = number
        """Of the case."""
        self.result = result
        super().__init__()


class SessionOpened(Message):
    """There is a session, and what its store remembered."""

    def __init__(self, number: int, session: Session, restored: Snapshot, memory: str) -> None:
        self.number = number
        self.session = session
        self.restored = restored
        self.memory = memory
        super().__init__()


class SessionRefused(Message):
    """The session could not be opened."""

    def __init__(self, number: int, trouble: str, message: str, hint: str) -> None:
        self.number = number
        self.trouble = trouble
        self.message = message
        self.hint = hint
        super().__init__()


class Acted(Message):
    """An act of the engineer's was carried out, or refused."""

    def __init__(self, result: ActResult, way_back: str, marks: frozenset[int] = frozenset()) -> None:
        self.result = result
        self.marks = marks
        """The rows that were marked for it."""
        self.way_back = way_back
        """How to take it back, for the toast."""
        super().__init__()


class CallFailed(Message):
    """A call of the session raised."""

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__()


class CaseLoaded(Message):
    """One investigation with all that is known of it."""

    def __init__(self, number: int, generation: int, case: Case | None) -> None:
        self.number = number
        self.generation = generation
        self.case = case
        super().__init__()


class ChoiceKept(Message):
    """What was chosen on the connection screen was written to the settings file, or not."""

    def __init__(self, choice: Choice, result: ActResult) -> None:
        self.choice = choice
        self.result = result
        super().__init__()


class CatalogueLoaded(Message):
    """The rows of the coverage matrix: titles and groups."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        super().__init__()


class WorkloadsSeen(Message):
    """The matrix by workload, as the newest cycle saw it."""

    def __init__(self, face: Face) -> None:
        self.face = face
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest is worth showing."""
        return isinstance(message, WorkloadsSeen)


class BaselinesTold(Message):
    """How every workload is doing, as the newest cycle judged it."""

    def __init__(self, baselines: Baselines) -> None:
        self.baselines = baselines
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest is worth showing."""
        return isinstance(message, BaselinesTold)


class ChartsTold(Message):
    """The headline signals of one workload."""

    def __init__(self, line: Line, charts: tuple[Chart, ...]) -> None:
        self.line = line
        self.charts = charts
        super().__init__()


class MutesTold(Message):
    """The ways to mute an investigation's pattern."""

    def __init__(self, case: int, proposals: tuple[Proposal, ...]) -> None:
        self.case = case
        self.proposals = proposals
        super().__init__()


class Drafted(Message):
    """What would be sent of investigations."""

    def __init__(self, drafts: tuple[Draft, ...]) -> None:
        self.drafts = drafts
        super().__init__()


class OutboxTold(Message):
    """What was sent and what was not."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest is worth showing."""
        return isinstance(message, OutboxTold)


class SilenceForeseen(Message):
    """What would come of a silence as it was typed."""

    def __init__(self, wish: Wish, foreseen: Foreseen) -> None:
        self.wish = wish
        self.foreseen = foreseen
        super().__init__()


class QualityTold(Message):
    """How good findings are."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest is worth showing."""
        return isinstance(message, QualityTold)


class SettingsLoaded(Message):
    """Every setting with its origin."""

    def __init__(self, values: tuple[SettingValue, ...], path: str) -> None:
        self.values = values
        self.path = path
        super().__init__()


class SettingChanged(Message):
    """A setting was changed, or its value refused."""

    def __init__(self, key: str, result: ActResult) -> None:
        self.key = key
        self.result = result
        super().__init__()


class ConnectionsTested(Message):
    """What the connections and rights look like."""

    def __init__(self, results: tuple[CheckResult, ...]) -> None:
        self.results = results
        super().__init__()


class AddressFound(Message):
    """The web address that shows a query, or why there is none."""

    def __init__(self, url: str, reason: str = "") -> None:
        self.url = url
        self.reason = reason
        super().__init__()


class ContextsFound(Message):
    """The contexts of the kubeconfig, for choosing one."""

    def __init__(self, contexts: tuple[str, ...]) -> None:
        self.contexts = contexts
        super().__init__()
