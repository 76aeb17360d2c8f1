"""From settings to sources: which cluster, which metrics server, and what is missing."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.clock import SystemClock
from app.sources.base import SourceError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.clock import Clock
    from app.settings.schema import Settings
    from app.sources.base import ClusterSource, MetricsSource
    from app.sources.kubernetes.cache import Observer
    from app.sources.kubernetes.client import KubernetesClient

log = logging.getLogger(__name__)

LISTING_SECONDS = 30.0
"""How long the first cycle waits for the cluster's objects before it goes on with what there is."""

KUBELETS_SECONDS = 10.0
"""How long it waits for what the kubelets tell, where there is nothing else."""


@dataclass
class Sources:
    """What a session reads from."""

    cluster: str
    """The name that everything found here carries."""
    objects: ClusterSource | None
    metrics: MetricsSource | None
    client: KubernetesClient | None = None
    notes: dict[str, SourceError] = field(default_factory=dict)
    """Source name -> why it is missing."""

    def close(self) -> None:
        """Release connections."""
        if self.metrics is not None:
            self.metrics.close()
        if self.objects is not None:
            self.objects.close()


def connect(settings: Settings, clock: Clock, observer: Observer | None = None) -> Sources:
    """The sources that the settings name; nothing is asked yet, but that there is something to ask is made sure.

    Raises:
        SourceError: neither a cluster nor a metrics server is configured, or one is configured wrongly.
    """
    notes: dict[str, SourceError] = {}
    client = objects = metrics = None
    if settings.prometheus.url:
        from app.sources.prometheus.client import PrometheusClient

        metrics = PrometheusClient(settings.prometheus.checked())
    if settings.kubernetes.enabled:
        try:
            client, objects = _cluster(settings, clock, observer)
        except SourceError as error:
            if settings.kubernetes.kubeconfig or settings.kubernetes.context:
                raise
            if metrics is None:
                what = f"no Prometheus is named, and {error.message}"
                raise SourceError(error.trouble, what, f"{error.hint} Or give --prometheus URL.") from None
            notes["kubernetes"] = error
    if metrics is None and objects is None:
        raise SourceError(
            Trouble.CONFIGURATION,
            "no cluster and no Prometheus is configured",
            "Give --prometheus URL, or a kubeconfig with --kubeconfig FILE or KUBECONFIG.",
        )
    name = objects.cluster if objects is not None else urlsplit(settings.prometheus.url).netloc.rpartition("@")[2]
    return Sources(name, objects, metrics, client, notes)


def _cluster(settings: Settings, clock: Clock, observer: Observer | None) -> tuple[KubernetesClient, ClusterSource]:
    # The official client takes a third of a second to import: not before a cluster is wanted.
    from app.sources.kubernetes.client import KubernetesClient
    from app.sources.kubernetes.source import KubernetesSource

    client = KubernetesClient(settings.kubernetes.kubeconfig, settings.kubernetes.context)
    named = settings.kubernetes.namespaces or settings.scope.namespaces
    namespaces = [name for name in named if not set(name) & set("*?[")]
    return client, KubernetesSource(client, namespaces, clock, observer)


def cluster_name(settings: Settings) -> str:
    """What findings of these settings' cluster carry, without connecting. Raises SourceError."""
    sources = connect(settings, SystemClock())
    try:
        return sources.cluster
    finally:
        sources.close()


@contextmanager
def metrics_of(
    settings: Settings, clock: Clock, progress: Callable[[str], None]
) -> Iterator[tuple[str, MetricsSource]]:
    """The cluster's name and its metrics server, for what asks nothing else; the cluster is asked where it is.

    Raises:
        SourceError: there is none, or it is configured wrongly.
    """
    sources = connect(settings, clock)
    try:
        if sources.metrics is None:
            settle(sources, settings, clock, progress)
        if sources.metrics is None:
            raise sources.notes.get("prometheus") or SourceError(
                Trouble.CONFIGURATION, "no Prometheus is configured", "Give --prometheus URL."
            )
        yield sources.cluster, sources.metrics
    finally:
        sources.close()


def settle(sources: Sources, settings: Settings, clock: Clock, progress: Callable[[str], None]) -> None:
    """Wait for the first view of the cluster's objects, and find the metrics server among them when none is named."""
    from app.sources.kubernetes.resources import KUBELETS

    if sources.objects is not None:
        progress("listing the cluster's objects")
        sources.objects.start()
        sources.objects.wait_ready(LISTING_SECONDS)
    if sources.metrics is None and sources.objects is not None and sources.client is not None:
        progress("looking for Prometheus in the cluster")
        sources.metrics = _located(sources, settings, clock)
    if sources.metrics is None and sources.objects is not None and settings.kubernetes.kubelets:
        progress("asking the kubelets")
        sources.objects.follow_kubelets(KUBELETS, KUBELETS_SECONDS)


def _located(sources: Sources, settings: Settings, clock: Clock) -> MetricsSource | None:
    """The first metrics server in the cluster that answers through the API server's service proxy."""
    from app.sources.prometheus.locate import locate
    from app.sources.prometheus.service_proxy import proxied

    assert sources.objects is not None
    assert sources.client is not None
    state = sources.objects.state(clock.now())
    last: SourceError | None = None
    for location in locate(state.services.values()):
        found = proxied(location, settings.prometheus, sources.client.get)
        try:
            found.info()
        except SourceError as error:
            log.info("%s: %s", location.title, error.message)
            last = error
            continue
        return found
    sources.notes["prometheus"] = last or SourceError(
        Trouble.CONFIGURATION,
        "no Prometheus is named, and none was found among the cluster's Services",
        "Give --prometheus URL; without it only Kubernetes objects are watched.",
    )
    return None
