"""How a cycle looks at the metrics server: what it has, how new its samples are, and whether it answers at all."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from app.budget import Budget
from app.measuring import Measurer
from app.planning import frame, live_rows, presence
from app.sources.base import SourceError, Trouble
from app.sources.prometheus.discovery import discover
from app.sources.prometheus.probes import by_job, newest_sample
from app.sources.prometheus.rediscovery import INTERVAL, Rediscovery
from app.sources.prometheus.sharding import restricted
from app.sources.prometheus.window import WindowCache
from detectors.catalog import evidence, matchers
from detectors.model import EntityType

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.planning import Plan
    from app.settings.schema import Settings
    from app.sources.base import MetricsSource
    from app.sources.prometheus.discovery import Discovery
    from detectors.catalog import Catalogue

log = logging.getLogger(__name__)

STALE_SECONDS = 300.0
"""A server whose newest sample is older than this has stopped scraping: windows then end without samples."""


class MetricsLook:
    """Keeps what is known of a metrics server between cycles.

    Args:
        metrics: the server.
        catalogue: whose rows are to be fed.
        settings: for the step, the rows switched off and the concurrency.
        cluster: the name of the cluster whose objects are seen; empty where there are none.
        live: whether the engine's clock shows the present, so that the server's can be compared with it.
        rediscovery_seconds: between two looks at what the server has.
    """

    def __init__(
        self,
        metrics: MetricsSource,
        catalogue: Catalogue,
        settings: Settings,
        cluster: str = "",
        *,
        live: bool = True,
        rediscovery_seconds: float = INTERVAL,
    ) -> None:
        self.metrics = metrics
        self._detection = settings.detection
        self._cluster, self._named = cluster, settings.scope.cluster
        self.evidence = evidence(catalogue)
        """Rows that are asked for when something is investigated, and never judged."""
        wanted = presence(catalogue, live_rows(catalogue, settings.detection))
        look = partial(discover, metrics, wanted, live=live, at_once=settings.budget.part_series)
        self._rediscovery = Rediscovery(lambda at: look(at, earlier=self.discovery), rediscovery_seconds)
        whole = {row.id for row in catalogue.rows if row.entity is EntityType.CLUSTER}
        self.budget = Budget(metrics, settings.budget, whole)
        asked = self.budget.metrics
        self.measurer = Measurer(WindowCache(asked), asked, settings.prometheus.concurrency)
        self._counts: tuple[Discovery | None, dict[str, float]] = None, {}
        """Series by selector, and what discovery knew when they were counted."""
        self.discovery: Discovery | None = None
        self.frame = self.measurer.frame
        self.since: float | None = None
        """Unix seconds: how long the server has been answering, or not."""
        self._answers: bool | None = None

    def refresh(self, now: float, progress: Callable[[str], None]) -> SourceError | None:
        """Prepare a cycle at `now`; returns what is the matter when the server does not answer."""
        try:
            progress("finding out what Prometheus has")
            self.discovery = self._rediscovery.current(now)
            skew = self.discovery.skew or 0.0
            match = ",".join(filter(None, (self._match(self.discovery), self.discovery.match)))
            newest = newest_sample(self.metrics, now + skew, match)
            if self.discovery.match and now + skew - (newest or 0.0) > STALE_SECONDS:
                # Of several that scrape the same, the one that is believed has stopped.
                self._rediscovery.hurry()
        except SourceError as error:
            log.warning("metrics: %s", error.message)
            self._note(False, now)
            return error
        self._note(True, now)
        newest = max(newest or 0.0, now + skew - STALE_SECONDS)
        self.frame = frame(self.discovery, newest, self._detection, match)
        return None

    def affordable(self, planned: Plan) -> Plan:
        """The plan with its sources fitted into the budget."""
        if not planned.sources or self.discovery is None:
            return planned
        return replace(planned, sources=self.budget.fit(planned.sources, self.discovery, self.frame))

    def count(self, selector: str) -> float:
        """The series of a selector that discovery does not look for; remembered until it looks again.

        Raises:
            SourceError: the server does not say.
        """
        if self._counts[0] is not self.discovery:
            self._counts = self.discovery, {}
        counts = self._counts[1]
        if selector not in counts:
            scoped = restricted(selector, self.frame.match)
            counts[selector] = sum(by_job(self.metrics, f"count by (job) ({scoped})", self.frame.grid.end).values())
        return counts[selector]

    def _match(self, discovery: Discovery) -> str:
        """The matcher that keeps other clusters' series out where the server holds several."""
        label, clusters = discovery.cluster_label, discovery.clusters
        wanted = self._named or self._cluster
        if not wanted or (len(clusters) < 2 and not self._named):
            return ""
        if wanted not in clusters:
            held = ", ".join(clusters[:8]) or "none"
            raise SourceError(
                Trouble.CONFIGURATION,
                f"Prometheus holds the clusters {held}, and none is called {wanted}",
                "Set scope.cluster to this cluster's name there.",
            )
        return matchers({label: wanted}, [label])

    def _note(self, answers: bool, now: float) -> None:
        if answers is not self._answers:
            self._answers, self.since = answers, now

    def close(self) -> None:
        """Stop fetching."""
        self.measurer.close()
