"""The cluster of a recording: a cache that lines feed instead of watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.sources.kubernetes.cache import ClusterCache
from app.sources.recorder import log_question

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.sources.base import LogTail
    from app.sources.replay import RecordedLogs
    from detectors.cluster import ClusterState


class ReplayCluster:
    """A recorded cluster (`app.sources.base.ClusterSource`), as far as the replay has come."""

    def __init__(self, cluster: str, logs: RecordedLogs) -> None:
        self.cache = ClusterCache(cluster)
        self._logs = logs

    @property
    def cluster(self) -> str:
        """The recorded cluster's name."""
        return self.cache.cluster

    def start(self) -> None:
        """Nothing to begin: the recording's lines come with the cycles."""

    def wait_ready(self, timeout: float) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def state(self, now: float) -> ClusterState:
        """What had been seen at that point of the recording."""
        return self.cache.state(now)

    def follow_kubelets(self, wanted: Collection[str], timeout: float = 0.0) -> None:
        """Nothing to begin or to end: the recording holds what they told, for as long as somebody asked them."""

    def log(self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 100) -> LogTail:
        """The recorded tail. Raises SourceError when none was recorded."""
        tail = self._logs.tail(log_question(namespace, pod, container, previous=previous))
        return type(tail)(tail.lines[-lines:], tail.refusal)

    def close(self) -> None:
        """Nothing to release."""
