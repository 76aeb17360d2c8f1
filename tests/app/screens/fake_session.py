"""A session in memory with a bad night in it: for the tests of the screens, the screenshots, and to look at by hand.

`python -m tests.app.screens.fake_session [inbox|empty|down|connecting|refused]` opens the console on it.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from app.notify.shown import Outbox
from app.quality.rules import names, told
from app.quality.silence import Foreseen, SilenceError, lasting, silence
from app.snapshot import ActResult, Snapshot
from app.workload_coverage import WorkloadCoverage, by_workload
from detectors.catalog import load
from detectors.words import counted
from storage.records import HistoryRecord, Label, Lifecycle, MessageState
from tests.app.screens.measured import PROPOSALS, quality_report
from tests.app.screens.night import (
    ADVICE,
    ADVISED,
    CHECKS,
    CLUSTER,
    DOWN,
    FAULTS,
    NOW,
    SETTINGS,
    SOURCES,
    TOO_YOUNG,
    case,
    coverage,
    inbox_row,
)
from tests.app.screens.posted import MESSAGES, WHERE, draft, outbox
from tests.app.screens.usual import BASELINES, charts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.baselines.shown import Baselines, Chart
    from app.notify.shown import Draft
    from app.quality.proposals import Proposal
    from app.quality.report import Report
    from app.quality.silence import Wish
    from app.snapshot import Case, CheckResult, Face, InboxRow, SettingValue, SourceStatus
    from storage.records import InvestigationRecord
    from tests.app.screens.night import Fault


NO_DESTINATION = "no destination is named in config.toml (docs/notify.md)"


class FakeSession:
    """`app.snapshot.Session` in memory; every act publishes a snapshot, as the engine's does."""

    def __init__(
        self,
        faults: Sequence[Fault] = FAULTS,
        sources: tuple[SourceStatus, ...] = SOURCES,
        signals: Sequence[str] = (),
        memory: dict[str, str] | None = None,
    ) -> None:
        self.faults = {fault.id: fault for fault in faults}
        self.memory = {} if memory is None else memory
        self.calls: list[tuple[Any, ...]] = []
        """What the console asked for, in order."""
        self.gate = threading.Event()
        """Cleared, calls hang as on a server that does not answer."""
        self.gate.set()
        self.listener: Callable[[Snapshot], None] | None = None
        self.edited: dict[str, str] = {}
        self.history: list[HistoryRecord] = []
        self.undone: list[tuple[str, dict[int, InboxRow]]] = []
        self.done: list[tuple[str, dict[int, InboxRow]]] = []
        self.messages = {posted.record.id: posted.record.state for posted in MESSAGES}
        self.usual = BASELINES
        self.seen = WorkloadCoverage()
        """What the matrix by workload is made of."""
        self.snapshot = Snapshot(
            cycle=7, now=NOW, cluster=CLUSTER, mode="live", rows=tuple(inbox_row(fault) for fault in faults),
            coverage=coverage(signals), sources=sources, namespaces=("infra", "jobs", "ml", "platform", "shop"),
            environments=("production",), workloads=212, series=8134, interval=15.0,
            advice=ADVICE, advised=ADVISED, stuck=3,
        )  # fmt: skip

    def start(self, listener: Callable[[Snapshot], None]) -> None:
        self.listener = listener
        self.publish()

    def stop(self) -> None:
        self.calls.append(("stop",))
        self.gate.wait()

    def restored(self) -> Snapshot:
        return replace(self.snapshot, cycle=0, sources=(), now=NOW - 4 * 3600)

    def refresh(self) -> None:
        self.calls.append(("refresh",))
        self.publish(cycle=self.snapshot.cycle + 1)

    def publish(self, **changes: Any) -> None:
        """Hand the listener a snapshot with these fields changed."""
        self.snapshot = replace(self.snapshot, **changes)
        if self.listener is not None:
            self.listener(self.snapshot)

    def case(self, investigation: int) -> Case | None:
        self.calls.append(("case", investigation))
        self.gate.wait()
        row = next((row for row in self.snapshot.rows if row.investigation.id == investigation), None)
        history = tuple(line for line in self.history if line.investigation == investigation)
        return None if row is None else case(self.faults[investigation], row, history)

    def label(self, ids: Sequence[int], label: Label, reason: str = "") -> ActResult:
        return self._act(f"labelled {label}", ids, lambda _: {"label": label, "label_reason": reason})

    def acknowledge(self, ids: Sequence[int]) -> ActResult:
        def toggle(record: InvestigationRecord) -> dict[str, Any]:
            taken = record.acknowledged_at is None
            return {"acknowledged_at": NOW if taken else None, "acknowledged_by": "me" if taken else ""}

        return self._act("acknowledged", ids, toggle)

    def snooze(self, ids: Sequence[int], seconds: float) -> ActResult:
        return self._act(f"snoozed for {seconds / 60:.0f} min", ids, lambda _: {"snoozed_until": NOW + seconds})

    def snooze_until_rollout(self, ids: Sequence[int]) -> ActResult:
        change = {"snoozed_until": NOW + 2_592_000.0, "awaits_rollout": NOW}
        return self._act("snoozed until the next rollout", ids, lambda _: change)

    def close_cases(self, ids: Sequence[int]) -> ActResult:
        return self._act("closed", ids, lambda _: {"lifecycle": Lifecycle.CLOSED, "ended": NOW})

    def pin(self, ids: Sequence[int]) -> ActResult:
        return self._act("pinned", ids, lambda record: {"pinned": not record.pinned})

    def mark_seen(self, investigation: int) -> None:
        self.calls.append(("mark_seen", investigation))
        self._change([investigation], lambda record: {"seen_at": record.seen_at or NOW})
        self.publish()

    def mutes(self, investigation: int) -> tuple[Proposal, ...]:
        self.calls.append(("mutes", investigation))
        return PROPOSALS

    def accept(self, proposal: Proposal) -> ActResult:
        self.calls.append(("accept", proposal.pattern))
        return ActResult(True, "muted from now on")

    def foresee(self, wish: Wish) -> Foreseen:
        try:
            wanted = silence(wish, NOW, signal_ids())
        except SilenceError as error:
            return Foreseen(str(error), ok=False)
        rows = [row for row in self.snapshot.rows if names(wanted.pattern, row.investigation.entity)]
        return Foreseen(f"{told(wanted.pattern)}, {lasting(wanted)}: hides {counted(len(rows), 'open cases')}")

    def silence(self, wish: Wish) -> ActResult:
        self.calls.append(("silence", wish))
        return ActResult(True, "silenced")

    def switch_rule(self, rule: int) -> ActResult:
        self.calls.append(("switch_rule", rule))
        return ActResult(True, f"rule {rule} is out of force")

    def drafts(self, ids: Sequence[int]) -> tuple[Draft, ...]:
        known = (self.case(number) for number in ids)
        return tuple(draft(each) for each in known if each is not None)

    def send(self, ids: Sequence[int], destinations: Sequence[str]) -> ActResult:
        self.calls.append(("send", tuple(ids), tuple(destinations)))
        return ActResult(True, f"in the outbox for {', '.join(destinations)}", tuple(ids))

    def outbox(self) -> Outbox:
        return outbox(self.messages) if self.messages else Outbox(NOW, (), tuple(WHERE))

    def drop_messages(self, ids: Sequence[int]) -> ActResult:
        return self._moved("drop", ids, MessageState.DROPPED)

    def retry_messages(self, ids: Sequence[int]) -> ActResult:
        return self._moved("retry", ids, MessageState.WAITING)

    def _moved(self, what: str, ids: Sequence[int], state: MessageState) -> ActResult:
        self.calls.append((what, *ids))
        self.messages |= dict.fromkeys(ids, state)
        self.publish()
        return ActResult(True, f"{what}: {len(ids)}")

    def undo(self) -> ActResult:
        return self._swap(self.done, self.undone, "took back")

    def redo(self) -> ActResult:
        return self._swap(self.undone, self.done, "did again")

    def narrate(self, investigation: int) -> ActResult:
        self.calls.append(("narrate", investigation))
        return ActResult(False, "narrative.url is not set")

    def export(self, investigation: int) -> ActResult:
        self.calls.append(("export", investigation))
        return ActResult(True, f"written to /home/me/tocsin-{investigation}.md")

    def workloads(self) -> Face:
        return by_workload(self.seen, CLUSTER, {row.id: row.group for row in load().rows})

    def baselines(self) -> Baselines:
        self.calls.append(("baselines",))
        return self.usual

    def charts(self, workload: int) -> tuple[Chart, ...]:
        return charts(workload)

    def advise(self) -> ActResult:
        self.calls.append(("advise",))
        return ActResult(True, "comparing requests and limits with what was used")

    def quality(self) -> Report:
        self.gate.wait()
        rows = (row.investigation for row in self.snapshot.rows)
        return quality_report({record.id: record.label for record in rows})

    def settings(self) -> tuple[SettingValue, ...]:
        self.gate.wait()
        return tuple(replace(value, value=self.edited.get(value.key, value.value)) for value in SETTINGS)

    def change_setting(self, key: str, value: str) -> ActResult:
        self.calls.append(("change_setting", key, value))
        if key == "engine.interval" and not (value.isdigit() and 5 <= int(value) <= 600):
            return ActResult(False, f"engine.interval: {value!r} is not allowed: seconds, 5 to 600")
        self.edited[key] = value
        return ActResult(True, f"set {key} to {value}")

    def reread_settings(self) -> ActResult:
        self.calls.append(("reread_settings",))
        return ActResult(False, "config.toml:3: engine.interval: 'x' is not allowed")

    def settings_path(self) -> str:
        return "config.toml"

    def test_connections(self) -> tuple[CheckResult, ...]:
        self.gate.wait()
        return CHECKS

    def recall(self, key: str) -> str:
        return self.memory.get(key, "")

    def remember(self, key: str, value: str) -> None:
        json.loads(value)
        self.memory[key] = value

    def _rows(self) -> dict[int, InboxRow]:
        return {row.investigation.id: row for row in self.snapshot.rows}

    def _change(
        self, ids: Sequence[int], change: Callable[[InvestigationRecord], dict[str, Any]]
    ) -> dict[int, InboxRow]:
        rows, before = self._rows(), {}
        for number in ids:
            before[number] = rows[number]
            record = rows[number].investigation
            changed = msgspec.structs.replace(record, **change(record))
            rows[number] = replace(rows[number], investigation=changed, state=changed.state(self.snapshot.now))
        self.snapshot = replace(self.snapshot, rows=tuple(rows.values()))
        return before

    def _act(self, what: str, ids: Sequence[int], change: Callable[[InvestigationRecord], dict[str, Any]]) -> ActResult:
        self.calls.append((what, *ids))
        self.gate.wait()
        before = self._change(ids, change)
        self.done.append((what, before))
        self.undone.clear()
        self.history += [HistoryRecord(len(self.history), NOW, "me", what, number, {}, {}) for number in ids]
        self.publish()
        names = ", ".join(row.investigation.entity.title for row in before.values())
        return ActResult(True, f"{what}: {names}", tuple(ids))

    def _swap(self, source: list[Any], target: list[Any], verb: str) -> ActResult:
        if not source:
            return ActResult(
                False, "there is nothing to take back" if verb == "took back" else "there is nothing to redo"
            )
        what, before = source.pop()
        rows = self._rows()
        target.append((what, {number: rows[number] for number in before}))
        self.snapshot = replace(self.snapshot, rows=tuple((rows | before).values()))
        self.publish()
        return ActResult(True, f"{verb}: {what}", tuple(before))


def signal_ids() -> tuple[str, ...]:
    """The rows of the packaged catalogue."""
    return tuple(row.id for row in load().rows)


def session_of(scene: str) -> FakeSession:
    """The session of a scene: `inbox`, `empty`, `down`, `connecting`."""
    signals = signal_ids()
    if scene == "empty":
        session = FakeSession((), signals=signals)
        session.messages = {}
        session.publish(advice=(), advised=TOO_YOUNG, unsendable=NO_DESTINATION, stuck=0)
        return session
    session = FakeSession(sources=DOWN if scene == "down" else SOURCES, signals=signals)
    if scene == "connecting":
        session.publish(cycle=0, rows=(), coverage=(), sources=(), progress="reading 64 signals, 12 done")
    return session


def main() -> int:
    """Open the console on a scene."""
    from app.console import run_console
    from app.sources.base import SourceError, Trouble

    scene = sys.argv[1] if len(sys.argv) > 1 else "inbox"

    def open_session(choice: object) -> FakeSession:
        if scene == "refused" and choice is None:
            raise SourceError(Trouble.UNREACHABLE, "connection refused by localhost:9090", "start it, or type its URL")
        return session_of(scene)

    return run_console(open_session)


if __name__ == "__main__":
    raise SystemExit(main())
