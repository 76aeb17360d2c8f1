"""What a session does for the engineer: reading cases, acting on them, telling others, measuring, exporting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.cases import read_case
from app.snapshot import ActResult
from app.sources.base import SourceError
from app.workload_coverage import by_workload

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from app.baselines.lines import Said
    from app.baselines.shown import Baselines, Chart
    from app.clock import Clock
    from app.notify.shown import Draft, Outbox
    from app.quality.proposals import Proposal
    from app.quality.report import Report
    from app.quality.silence import Foreseen, Silence, Wish
    from app.runs import Run
    from app.settings.loading import LoadedSettings
    from app.snapshot import Case, Face, Snapshot
    from app.snapshots import Inbox
    from app.triage import Triage
    from app.workload_coverage import WorkloadCoverage
    from detectors.catalog import Catalogue
    from storage.database import Store
    from storage.records import Label


class Acting:
    """The acts and questions of `app.snapshot.Session`; the cycles and the settings are `EngineSession`'s."""

    _loaded: LoadedSettings
    _store: Store
    _catalogue: Catalogue
    _clock: Clock
    _run: Run
    _inbox: Inbox
    _triage: Triage
    _wake: threading.Event
    _seen: WorkloadCoverage
    _said: Said
    _snapshot: Snapshot

    def _publish(self, change: Callable[[Snapshot], Snapshot], *, tell: bool = True) -> Snapshot:
        """Change the newest snapshot, and tell the listener."""
        raise NotImplementedError

    def case(self, investigation: int) -> Case | None:
        """One investigation with all that is known of it."""
        return read_case(self._store, investigation)

    def label(self, ids: Sequence[int], label: Label, reason: str = "") -> ActResult:
        """Judge investigations."""
        return self._learnt(self._triage.label(ids, label, reason))

    def acknowledge(self, ids: Sequence[int]) -> ActResult:
        """Take investigations, or give them back."""
        return self._acted(self._triage.acknowledge(ids))

    def snooze(self, ids: Sequence[int], seconds: float) -> ActResult:
        """Hide investigations for a while."""
        return self._acted(self._triage.snooze(ids, seconds))

    def snooze_until_rollout(self, ids: Sequence[int]) -> ActResult:
        """Hide investigations until their workloads are rolled out."""
        return self._acted(self._triage.snooze_until_rollout(ids))

    def close_cases(self, ids: Sequence[int]) -> ActResult:
        """Close investigations."""
        return self._acted(self._triage.close(ids))

    def pin(self, ids: Sequence[int]) -> ActResult:
        """Pin or unpin."""
        return self._acted(self._triage.pin(ids))

    def mark_seen(self, investigation: int) -> None:
        """No longer new."""
        self._triage.seen(investigation)
        self._shown_again()

    def mutes(self, investigation: int) -> tuple[Proposal, ...]:
        """The ways to mute an investigation's pattern, replayed on what is stored."""
        from app.quality.measures import stored_past
        from app.quality.proposals import mutes

        case = self._store.investigations.get(investigation)
        if case is None:
            return ()
        settings, now = self._loaded.settings, self._snapshot.now
        return mutes(case, stored_past(self._store, self._run.cluster, settings, now, case.onset))

    def accept(self, proposal: Proposal) -> ActResult:
        """Put a proposed rule in force; the next cycle, which comes at once, applies it."""
        result = self._acted(self._triage.accept(self._run.cluster, proposal))
        self._wake.set()
        return result

    def foresee(self, wish: Wish) -> Foreseen:
        """What a silence would hide, or what is wrong with it."""
        from app.quality.measures import stored_past
        from app.quality.silence import Foreseen, SilenceError, foreseen

        settings, now = self._loaded.settings, self._clock.now()
        try:
            wanted = self._silence(wish)
        except SilenceError as error:
            return Foreseen(str(error), ok=False)
        return foreseen(wanted, stored_past(self._store, self._run.cluster, settings, now), settings.quality.days)

    def silence(self, wish: Wish) -> ActResult:
        """Put a silence in force; the next cycle, which comes at once, applies it."""
        from app.quality.silence import SilenceError

        try:
            wanted = self._silence(wish)
        except SilenceError as error:
            return ActResult(False, str(error))
        result = self._acted(self._triage.silence(self._run.cluster, wanted))
        self._wake.set()
        return result

    def _silence(self, wish: Wish) -> Silence:
        from app.quality.silence import silence

        return silence(wish, self._clock.now(), {row.id for row in self._catalogue.rows})

    def switch_rule(self, rule: int) -> ActResult:
        """Put a rule out of force, or in force again."""
        result = self._acted(self._triage.switch_rule(rule))
        self._wake.set()
        return result

    def drafts(self, ids: Sequence[int]) -> tuple[Draft, ...]:
        """What would be sent of investigations, and where it could go."""
        from app.notify.sending import draft

        notify, now = self._loaded.settings.notify, self._clock.now()
        cases = self._store.investigations.many(ids)
        return tuple(draft(self._store, notify, self._catalogue, case, now) for case in cases)

    def send(self, ids: Sequence[int], destinations: Sequence[str]) -> ActResult:
        """Put messages into the outbox."""
        from app.notify.sending import UNFINISHED, told_by_hand

        notify = self._loaded.settings.notify
        wanted = tuple(name for name in destinations if name in notify.destinations)
        cases = self._store.investigations.many(ids)
        told = {case.id: told_by_hand(self._store, notify, self._catalogue, case, wanted) for case in cases}
        known = {number: announcement for number, announcement in told.items() if announcement is not None}
        if not known:
            return ActResult(False, f"not sent: {UNFINISHED}")
        return self._acted(self._triage.send(known))

    def outbox(self) -> Outbox:
        """What was sent and what was not."""
        from app.notify.outbox import read_outbox

        return read_outbox(self._store, self._loaded.settings.notify, self._clock.now())

    def drop_messages(self, ids: Sequence[int]) -> ActResult:
        """Take messages out of the outbox."""
        return self._acted(self._triage.drop(ids))

    def retry_messages(self, ids: Sequence[int]) -> ActResult:
        """Send them again."""
        return self._acted(self._triage.retry(ids))

    def undo(self) -> ActResult:
        """Take back the last act."""
        return self._learnt(self._triage.undo())

    def redo(self) -> ActResult:
        """Do it again."""
        return self._learnt(self._triage.redo())

    def _learnt(self, result: ActResult) -> ActResult:
        self._learn()
        return self._acted(result)

    def _learn(self) -> None:
        """Train on the labels as they are now."""
        self._inbox.learn(self._run.cluster)

    def _acted(self, result: ActResult) -> ActResult:
        self._shown_again()
        return result

    def _shown_again(self) -> None:
        """The rows as the store has them now, without waiting for a cycle."""

        def renewed(known: Snapshot) -> Snapshot:
            rows = self._inbox.rows(self._run.cluster, known.now)
            return replace(known, rows=rows, stuck=self._store.outbox.stuck())

        self._publish(renewed)

    def narrate(self, investigation: int) -> ActResult:
        """Let a model put a ledger into words."""
        from app.investigation.narrative import narrated

        case = self.case(investigation)
        if case is None:
            return ActResult(False, "there is no such investigation")
        try:
            return ActResult(True, narrated(case, self._loaded.settings.narrative))
        except SourceError as error:
            return ActResult(False, f"{error.message}. {error.hint}")

    def export(self, investigation: int) -> ActResult:
        """Write an investigation to a file as Markdown."""
        from app.export.files import write_new
        from app.export.markdown import markdown
        from app.export.sections import case_document
        from app.notify.runbooks import runbook_of

        case, now = self.case(investigation), self._snapshot.now
        if case is None:
            return ActResult(False, "there is no such investigation")
        runbook = runbook_of(self._loaded.settings.notify.runbooks, case.investigation, case.conclusion)
        text = markdown(case_document(case, self._store.outbox.of(investigation), now, runbook))
        try:
            path = write_new(f"tocsin-{investigation}.md", text, self._clock.now())
        except OSError as error:
            return ActResult(False, f"not written: {error.filename}: {error.strerror}")
        return ActResult(True, f"written to {path}")

    def workloads(self) -> Face:
        """The coverage matrix by workload."""
        return by_workload(self._seen, self._run.cluster, {row.id: row.group for row in self._catalogue.rows})

    def baselines(self) -> Baselines:
        """How every workload is doing."""
        from app.baselines.lines import baselines

        return baselines(self._said, self._seen, self._run.cluster)

    def charts(self, workload: int) -> tuple[Chart, ...]:
        """The headline signals of one workload."""
        from app.baselines.lines import charts

        return charts(self._said, self._seen, self._run.cluster, workload)

    def advise(self) -> ActResult:
        """Let the advisor look with the next cycle."""
        if self._run.advisor is None or not self._run.advisor.want():
            return ActResult(False, "the advisor rests: it needs a cluster that is connected and is not being recorded")
        self._wake.set()
        return ActResult(True, "comparing requests and limits with what was used")

    def quality(self) -> Report:
        """How good findings are."""
        from app.quality.measures import report

        settings, now = self._loaded.settings, self._snapshot.now
        return report(self._store, self._catalogue, settings, self._run.cluster, now, settings.quality.days)
