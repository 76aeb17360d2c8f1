"""The advisor: once a day, every request and limit against what its container used; apart from cycles and anomalies.

The heavy questions are asked in a thread of their own, what they gave is kept, and nothing of it opens an
investigation.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from app.advising import SAID, coverage_of, ranked, recorded
from app.past_usage import Asking, rightsizing_rows
from app.study import Study
from app.tuning import in_scope
from app.usage import UsageRecorder
from detectors.model import Coverage
from detectors.usage import DAY
from storage.errors import StoreError
from storage.records import AdviceRun, CoverageRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.looking import MetricsLook
    from app.settings.schema import Settings
    from app.sources.base import MetricsSource, SourceError
    from detectors.catalog import Catalogue
    from detectors.cluster import ClusterState
    from storage.database import Store

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0 * DAY
UNTIL_FIRST_SECONDS = 3_600.0
"""How long until it looks again while there is no verdict yet, or after a failure."""
_STOP_SECONDS = 0.5
_SETTLING_SECONDS = 60.0


def pause_after(run: AdviceRun) -> float:
    """Seconds from one look to the next: an hour while nothing could be judged."""
    return EVERY_SECONDS if any(each.live for each in run.coverage) else UNTIL_FIRST_SECONDS


class Advisor:
    """One cluster's advisor.

    Args:
        cluster: the cluster.
        store: where history is kept and advice goes.
        catalogue: for its rows.
        settings: for their scope, and what is switched off.
        metrics: the metrics server; None where there is none.
    """

    def __init__(
        self, cluster: str, store: Store, catalogue: Catalogue, settings: Settings, metrics: MetricsSource | None
    ) -> None:
        self._cluster, self._store, self._catalogue, self._metrics = cluster, store, catalogue, metrics
        self._scope = settings.scope
        self._rows = rightsizing_rows(catalogue, settings.detection.disabled_signals)
        self._recorder = UsageRecorder(cluster, store)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._next: float | None = None
        self.background = False
        """Whether it runs by itself, daily, in a thread of its own."""
        self.doing = ""
        """What a run is at; empty between runs."""

    def observe(self, state: ClusterState | None, look: MetricsLook | None, now: float) -> None:
        """Take what a cycle saw; begins a run when one is due."""
        if state is not None:
            self._recorder.observe(state, now)
        if self.busy or not (self.background and self._rows):
            return
        self._next = self._due(now) if self._next is None else self._next
        if now >= self._next:
            self._next = now + UNTIL_FIRST_SECONDS
            self._recorder.flush()
            self._thread = threading.Thread(target=self._work, args=(state, look, now), name="advisor", daemon=True)
            self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a run goes on."""
        return self._thread is not None and self._thread.is_alive()

    def want(self) -> bool:
        """Run with the next cycle, whenever the last run was; returns whether it can."""
        self._next = 0.0
        return self.background

    def close(self) -> None:
        """Keep what was seen, and end a run between two queries."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        try:
            self._recorder.flush()
        except StoreError as error:
            log.warning("advisor: %s", error)

    def coverage(self, trouble: SourceError | None = None) -> dict[str, CoverageRecord]:
        """What its rows could see when it last looked, by signal.

        Args:
            trouble: what is the matter with the metrics server: before the first look, what does not answer teaches
                nothing.
        """
        run = self._store.advice.last(self._cluster)
        told = {each.signal: each for each in run.coverage} if run is not None else {}
        unseen = Coverage.LEARNING, "the advisor has not looked yet; it looks once a day"
        if trouble is not None:
            unseen = Coverage.QUERY_ERROR, trouble.message
        found = {}
        for row in self._rows:
            each = told.get(row.id)
            found[row.id] = CoverageRecord(
                cluster=self._cluster,
                signal=row.id,
                status=each.status if each is not None else unseen[0],
                conventions=each.conventions if each is not None else (),
                live=each.live if each is not None else 0,
                learning=each.learning if each is not None else 0,
                silent=0,
                last_fired=None,
                detail=each.detail if each is not None else unseen[1],
                query_seconds=None,
            )
        return found

    def run(
        self,
        state: ClusterState | None,
        look: MetricsLook | None,
        now: float,
        progress: Callable[[str], None] = lambda _: None,
    ) -> AdviceRun:
        """Look at every request and limit; blocks for as long as the questions take.

        Raises:
            StoreError: nothing was stored of the advice.
        """
        began = time.perf_counter()
        study = Study(self._cluster, self._store, self._catalogue, self._rows, state, now, self._stop)
        if self._metrics is not None and look is not None and look.discovery is not None:
            study.ask(Asking(self._metrics, look.discovery, look.frame), self._scope.environment_of, progress)
        progress("comparing requests and limits with what was used")
        found = [each for row in self._rows for each in study.judged(row, lambda e: in_scope(e, self._scope))]
        records = ranked(recorded(e, self._cluster, study.query(e)) for e in found if e.advice.outcome in SAID)
        coverage = tuple(
            coverage_of(row, [each for each in found if each.row is row], *study.missing(row), now)
            for row in self._rows
        )
        run = AdviceRun(self._cluster, now, time.perf_counter() - began, coverage)
        if not self._stop.is_set():
            self._store.advice.replace(run, records)
        return run

    def _due(self, now: float) -> float:
        """When to look next: not in the first minute, when everything else begins."""
        last = self._store.advice.last(self._cluster)
        if last is None:
            return now + _SETTLING_SECONDS
        pause = pause_after(last)
        return max(last.at + pause, now + _SETTLING_SECONDS)

    def _work(self, state: ClusterState | None, look: MetricsLook | None, now: float) -> None:
        try:
            run = self.run(state, look, now, self._report)
        except Exception:
            # Advice can wait: whatever is wrong with it must not end the cycles.
            log.exception("the advisor failed; it tries again in an hour")
            return
        finally:
            self.doing = ""
        self._next = now + pause_after(run)

    def _report(self, text: str) -> None:
        self.doing = text
