"""The session: settings, sources, store and engine of one console, and everything its screens may ask."""

from __future__ import annotations

import gc
import getpass
import logging
import os
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from app.acting import Acting
from app.baselines.lines import Said, said
from app.coverage import with_origin
from app.quality.naming import detectors_of
from app.snapshot import ENDED, FAILED, REPLAY, ActResult, Health, Snapshot, SourceStatus
from app.snapshots import Inbox
from app.sources.base import SourceError
from app.sources.recording import RecordingError
from app.triage import Triage
from app.workload_coverage import WorkloadCoverage, seen
from storage.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.clock import Clock
    from app.engine import Outcome
    from app.runs import Run
    from app.settings.loading import LoadedSettings
    from app.snapshot import CheckResult, SettingValue
    from detectors.catalog import Catalogue
    from storage.database import Store

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0


class EngineSession(Acting):
    """A session over an engine (`app.snapshot.Session`).

    Args:
        loaded: the settings.
        store: opened; closed with the session.
        catalogue: the rows.
        clock: of the engine.
        run: what makes the cycles.
        reload: builds a run anew after settings have changed; None where they cannot (a replay).
        keep: what has to live as long as the session does (the folder of a temporary store).
    """

    def __init__(
        self,
        loaded: LoadedSettings,
        store: Store,
        catalogue: Catalogue,
        clock: Clock,
        run: Run,
        reload: Callable[[LoadedSettings], Run] | None = None,
        keep: object = None,
    ) -> None:
        self._loaded = loaded
        self._store = store
        self._catalogue = catalogue
        self._inbox = Inbox(store, catalogue)
        self._clock = clock
        self._run = run
        self._reload = reload
        self._keep = keep
        self._actor = getpass.getuser() or "unknown"
        self._triage = Triage(store, clock, self._actor, uuid.uuid4().hex, detectors_of(catalogue))
        self._listener: Callable[[Snapshot], None] = lambda _: None
        self._thread: threading.Thread | None = None
        self._leave, self._wake = threading.Event(), threading.Event()
        self._closing = False
        self._next: Run | None = None
        """What takes over after a change of settings."""
        self._lock = threading.Lock()
        self._telling = threading.RLock()
        """Snapshots are told in the order in which they were made, whichever thread makes them: what they are made of
        is read under it, too."""
        self._snapshot = Snapshot(0, clock.now(), run.cluster, run.mode, interval=run.interval)
        self._seen, self._said = WorkloadCoverage(), Said()
        self._file = stamp_of(loaded.path)
        """The settings file as it was read last."""
        self._refused: SourceStatus | None = None
        """What is wrong with the settings file, as long as it is."""
        self._setting = threading.RLock()
        """Held while the settings file is written or read, so that our own change is not found as somebody else's."""
        self._unlearnt = True
        """The labels of the run's cluster have not been learnt from."""

    # The cycles

    def start(self, listener: Callable[[Snapshot], None]) -> None:
        """Begin to run cycles in the background."""
        self._listener = listener
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End soon; the running cycle's transaction is finished or not begun."""
        if self._closing:
            return
        self._closing = True
        self._leave.set()
        self._wake.set()
        if (unused := self._handed_over(None)) is not None:
            unused.close()
        self._run.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(STOP_SECONDS)
        self._store.close()

    @property
    def newest(self) -> Snapshot:
        """What was told last."""
        return self._snapshot

    def refresh(self) -> None:
        """Run a cycle now."""
        self._wake.set()

    def restored(self) -> Snapshot:
        """What the store remembers."""
        last = self._store.cycles.last(self._run.cluster)
        now = last.at if last is not None else self._clock.now()
        sources = self._run.statuses(None)
        return self._publish(lambda known: replace(known, **self._composed(now), cycle=0, sources=sources), tell=False)

    def _work(self) -> None:
        while not self._closing:
            self._run.progress = self._report
            self._run.told = self._shown_again
            ending = ENDED
            try:
                self._run.run(self._leave, self._wake, self._done)
                over = not self._leave.is_set()
            except Exception as error:
                # The console must outlive any fault of a cycle: it says so, keeps what it has, and tries again.
                log.exception("the cycle failed")
                self._failed(error)
                # A recording cannot be taken up again in the middle.
                over, ending = self._reload is None, FAILED
                if not over:
                    self._clock.wait(self._run.interval, self._wake)
            self._wake.clear()
            if over:
                self._publish(partial(replace, mode=ending))
                return
            # In this order: a change or an end that comes in between is noticed in the next round.
            self._leave.clear()
            if (fresh := self._handed_over(None)) is not None:
                self._run.close()
                self._run, self._unlearnt = fresh, True

    def _handed_over(self, run: Run | None) -> Run | None:
        """Leave a run to be taken, or nothing; returns the one that was left there before."""
        with self._lock:
            before, self._next = self._next, run
        return before

    def _done(self, outcome: Outcome) -> None:
        state, self._said = outcome.state, said(outcome)
        self._seen = seen(outcome, self._catalogue, self._loaded)
        fields = {
            "sources": (*self._run.statuses(outcome), self._store_status(), *self._settings_status()),
            "warnings": outcome.warnings,
            "namespaces": tuple(sorted(state.namespaces)) if state is not None else (),
            "workloads": len(self._seen.workloads) if state is not None else _workloads(outcome),
            "series": outcome.series,
        }
        self._publish(lambda known: replace(known, **self._composed(outcome.at) | fields, cycle=known.cycle + 1))
        if self._unlearnt:
            self._unlearnt = False
            self._learn()
            # What the first cycle learnt stays: a full collection that walks it holds up the interface for 40 ms.
            gc.freeze()

    def _failed(self, error: Exception) -> None:
        name = "store" if isinstance(error, StoreError) else "engine"
        hint = "The next cycle tries again; --log-file keeps the details."
        if self._reload is None:
            name, hint = REPLAY, "It cannot go on from here; --log-file keeps the details."
        status = SourceStatus(name, Health.DOWN, _said(error), getattr(error, "hint", "") or hint, self._clock.now())

        def with_trouble(known: Snapshot) -> Snapshot:
            others = tuple(source for source in known.sources if source.name != name)
            return replace(known, sources=(*others, status), progress="")

        self._publish(with_trouble)

    def _report(self, text: str) -> None:
        if text != self._snapshot.progress and self._snapshot.cycle == 0:
            self._publish(lambda known: replace(known, progress=text))

    def _composed(self, now: float) -> dict[str, Any]:
        """The fields of a snapshot that follow from the store."""
        rows = self._inbox.rows(self._run.cluster, now)
        return {
            "now": now,
            "cluster": self._run.cluster,
            "interval": self._run.interval,
            "rows": rows,
            "coverage": with_origin(self._store.cycles.coverage(self._run.cluster), self._loaded),
            "advice": self._store.advice.of(self._run.cluster),
            "advised": self._store.advice.last(self._run.cluster),
            "advising": self._run.advisor.doing if self._run.advisor is not None else "",
            "environments": tuple(sorted({row.investigation.entity.environment for row in rows} - {""})),
            "progress": "",
            "kubeconfig": self._loaded.settings.kubernetes.kubeconfig if self._reload is not None else "",
            "unsendable": self._unsendable(),
            "stuck": self._store.outbox.stuck(),
        }

    def _unsendable(self) -> str:
        if self._reload is None:
            return "a replay sends nothing"
        if not self._loaded.settings.notify.destinations:
            return f"no destination is named in {self._loaded.path} (docs/notify.md)"
        return ""

    def _publish(self, change: Callable[[Snapshot], Snapshot], *, tell: bool = True) -> Snapshot:
        """Change the newest snapshot, whoever made it, and tell the listener."""
        with self._telling:
            self._snapshot = changed = change(self._snapshot)
            if tell:
                self._listener(changed)
        return changed

    def _store_status(self) -> SourceStatus:
        where = str(self._store.path) if self._keep is None else "forgotten when the replay ends"
        return SourceStatus("store", Health.OK, where)

    def _settings_status(self) -> tuple[SourceStatus, ...]:
        """Use the settings file where somebody has written it; what is wrong with it, the old settings going on."""
        with self._setting:
            if self._reload is not None and (file := stamp_of(self._loaded.path)) != self._file:
                self._file = file
                result = self.reread_settings()
                hint = "Mend it, or take the change back."
                self._refused = None if result.ok else SourceStatus("settings", Health.DEGRADED, result.message, hint)
            return () if self._refused is None else (self._refused,)

    # Settings and screen state

    def settings(self) -> tuple[SettingValue, ...]:
        """Every setting with its origin."""
        from app.settings.editing import list_settings

        return list_settings(self._loaded)

    def change_setting(self, key: str, value: str) -> ActResult:
        """Validate, write, and use from the next cycle on."""
        from app.settings.editing import change_settings
        from app.settings.loading import SettingsError, load_settings

        if self._reload is None:
            return ActResult(False, "a replay runs with the settings of its recording")
        try:
            with self._setting:
                change_settings(self._loaded.path, {key: value})
                trouble = self._use(load_settings(self._loaded.path, overrides=self._loaded.overrides))
        except SettingsError as error:
            return ActResult(False, str(error))
        if trouble:
            return ActResult(False, f"{key} written to {self._loaded.path}, but not in use: {trouble}")
        origin = self._loaded.origin(key)
        covered = "" if origin.startswith(str(self._loaded.path)) else f"; {origin} still wins over it"
        return ActResult(True, f"{key} written to {self._loaded.path}{covered}")

    def reread_settings(self) -> ActResult:
        """Use what an editor made of the settings file; a wrong one changes nothing."""
        from app.settings.loading import SettingsError, load_settings

        path = self._loaded.path
        if self._reload is None:
            return ActResult(False, "a replay runs with the settings of its recording")
        if not path.exists():
            return ActResult(True, f"{path} was not written")
        try:
            with self._setting:
                fresh = load_settings(path, overrides=self._loaded.overrides)
                if fresh.settings == self._loaded.settings:
                    self._loaded = fresh
                    return ActResult(True, f"{path} says the same as before")
                trouble = self._use(fresh)
        except SettingsError as error:
            return ActResult(False, f"{error}; the settings of before stay in use")
        return ActResult(not trouble, f"{path} is not in use: {trouble}" if trouble else f"{path} is in use")

    def _use(self, loaded: LoadedSettings) -> str:
        """Let a run with these settings take over; returns what prevents it, empty when nothing does."""
        assert self._reload is not None
        self._loaded, self._file, self._refused = loaded, stamp_of(loaded.path), None
        try:
            fresh = self._reload(loaded)
        except SourceError as error:
            return f"{error.message} {error.hint}".strip()
        if (unused := self._handed_over(fresh)) is not None:
            unused.close()
        self._leave.set()
        self._wake.set()
        return ""

    def settings_path(self) -> str:
        """The settings file."""
        return str(self._loaded.path)

    def test_connections(self) -> tuple[CheckResult, ...]:
        """What `tocsin doctor` would say."""
        return self._run.checks()

    def recall(self, key: str) -> str:
        """Remembered screen state."""
        return self._store.screen.recall(key)

    def remember(self, key: str, value: str) -> None:
        """Keep screen state."""
        self._store.screen.remember(key, value)


def stamp_of(path: Path) -> tuple[int, int] | None:
    """What tells one version of a file from another; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _workloads(outcome: Outcome) -> int:
    return len({key for result in outcome.results.values() for key in result.coverage})


def _said(error: Exception) -> str:
    """What an error of ours says; of any other its type too, whose words alone may say nothing."""
    match error:
        case SourceError():
            return error.message
        case StoreError():
            return f"{error.path}: {error.what}"
        case RecordingError():
            return str(error)
        case _:
            return f"{type(error).__name__}: {error}"


def owner_name() -> str:
    """A name for this process's lease on a cluster."""
    return f"{getpass.getuser()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
