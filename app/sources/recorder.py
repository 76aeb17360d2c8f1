"""Sources that write down every answer they pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from app.sources.base import SourceError
from app.sources.recording import InfoAnswer, InstantAnswer, LogAnswer, NamesAnswer, RangeAnswer, Refusal, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from app.sources.base import ClusterSource, LogTail, MetricsSource, ServerInfo
    from app.sources.recording import RecordingWriter
    from detectors.cluster import ClusterState
    from detectors.series import Grid, SeriesBlock

T = TypeVar("T")


def range_question(promql: str) -> str:
    """How a refused range query is found again."""
    return f"range {promql}"


def instant_question(promql: str, at: float) -> str:
    """How the answer to an instant query, or its refusal, is found again: what was asked, and for when."""
    return f"instant {int(at)} {promql}"


def names_question(label: str, matchers: Sequence[str]) -> str:
    """How a refused question for names is found again."""
    return f"names {label} {sorted(matchers)}"


def log_question(namespace: str, pod: str, container: str, *, previous: bool) -> str:
    """How a container's log is found again: `namespace/pod/container[/previous]`."""
    return "/".join((namespace, pod, container, *(["previous"] if previous else [])))


class RecordingMetrics:
    """A metrics source whose answers and refusals are recorded."""

    def __init__(self, inner: MetricsSource, writer: RecordingWriter) -> None:
        self._inner = inner
        self._writer = writer

    def info(self) -> ServerInfo:
        """As the inner source's."""
        info = self._passed("info", self._inner.info)
        self._writer.write(InfoAnswer(info.product, info.version, info.clock))
        return info

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """As the inner source's."""
        block = self._passed(range_question(promql), lambda: self._inner.range(promql, grid))
        self._writer.write(
            RangeAnswer(
                promql,
                grid.start,
                grid.step,
                grid.points,
                [dict(labels) for labels in block.labels],
                [[pack(value) for value in row] for row in block.values.tolist()],
                list(block.warnings),
            )
        )
        return block

    def instant(self, promql: str, at: float) -> SeriesBlock:
        """As the inner source's."""
        block = self._passed(instant_question(promql, at), lambda: self._inner.instant(promql, at))
        values = [pack(value) for value in block.values[:, -1].tolist()]
        self._writer.write(InstantAnswer(promql, int(at), [dict(labels) for labels in block.labels], values))
        return block

    def label_values(self, label: str, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """As the inner source's."""
        question = names_question(label, matchers)
        names = self._passed(question, lambda: self._inner.label_values(label, matchers, start, end))
        self._writer.write(NamesAnswer(label, sorted(matchers), list(names)))
        return names

    def label_names(self, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """As the inner source's."""
        names = self._passed(names_question("", matchers), lambda: self._inner.label_names(matchers, start, end))
        self._writer.write(NamesAnswer("", sorted(matchers), list(names)))
        return names

    def close(self) -> None:
        """As the inner source's; the recording stays open."""
        self._inner.close()

    def _passed(self, question: str, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except SourceError as error:
            self._writer.write(Refusal(question, error.trouble, error.message, error.hint))
            raise


class RecordingCluster:
    """A cluster whose logs are recorded; all else that it tells goes through its own observer."""

    def __init__(self, inner: ClusterSource, writer: RecordingWriter) -> None:
        self._inner = inner
        self._writer = writer

    @property
    def cluster(self) -> str:
        """As the inner source's."""
        return self._inner.cluster

    def start(self) -> None:
        """As the inner source's."""
        self._inner.start()

    def wait_ready(self, timeout: float) -> bool:
        """As the inner source's."""
        return self._inner.wait_ready(timeout)

    def state(self, now: float) -> ClusterState:
        """As the inner source's."""
        return self._inner.state(now)

    def follow_kubelets(self, wanted: Collection[str], timeout: float = 0.0) -> None:
        """As the inner source's."""
        self._inner.follow_kubelets(wanted, timeout)

    def log(self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 100) -> LogTail:
        """As the inner source's."""
        question = log_question(namespace, pod, container, previous=previous)
        try:
            tail = self._inner.log(namespace, pod, container, previous=previous, lines=lines)
        except SourceError as error:
            self._writer.write(LogAnswer(question, [], error.message, error.trouble, error.hint))
            raise
        self._writer.write(LogAnswer(question, list(tail.lines), tail.refusal))
        return tail

    def close(self) -> None:
        """As the inner source's; the recording stays open."""
        self._inner.close()
