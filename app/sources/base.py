"""What the engine asks of a source, and how a source says no.

The engine sees only these protocols; servers, recordings and the lab implement them alike.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from detectors.cluster import ClusterState
    from detectors.series import Grid, SeriesBlock


class Trouble(StrEnum):
    """Why a source could not answer: each word has its own advice."""

    UNREACHABLE = "unreachable"
    """No route, connection refused, or the name does not resolve."""
    TIMEOUT = "timeout"
    TLS = "tls"
    """An expired or untrusted certificate, or a client certificate that was refused."""
    UNAUTHENTICATED = "unauthenticated"
    """401: the credential is missing, wrong or expired."""
    FORBIDDEN = "forbidden"
    """403: the credential is good, the right is missing."""
    NOT_FOUND = "not found"
    """404: the path prefix, or a resource this server does not serve."""
    LIMITED = "limited"
    """429, or a limit on samples, series or points that splitting could not get under."""
    REJECTED = "rejected"
    """400/422: the server does not accept the query."""
    UNAVAILABLE = "unavailable"
    """5xx after retries."""
    PROTOCOL = "protocol"
    """An answer that is not what this API says, for example a login page."""
    CONFIGURATION = "configuration"
    """Nothing was asked: a file, variable or setting is missing or wrong."""


class SourceError(Exception):
    """A source that could not answer.

    Attributes:
        trouble: the kind, for program logic.
        message: one sentence that says what is the matter, safe to show (no secrets).
        hint: one sentence that says what to do.
    """

    def __init__(self, trouble: Trouble, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.trouble = trouble
        self.message = message
        self.hint = hint


class UnusableSettingError(SourceError):
    """A source that could not even be asked: what the settings say of it is wrong or points nowhere."""


class ServerInfo(msgspec.Struct, frozen=True):
    """What a metrics server says it is."""

    product: str
    """`prometheus`, `victoria-metrics`, `thanos`, `mimir`, `unknown`."""
    version: str
    url: str
    """Without credentials."""
    clock: float | None
    """Unix seconds of its own clock (the `Date` header), for skew."""


class RangeSource(Protocol):
    """Whoever can tell the values of an expression over time."""

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """The values of an expression on a grid. Raises SourceError."""
        ...


class MetricsSource(RangeSource, Protocol):
    """A Prometheus-compatible server, or a recording of one. All calls block; call them from worker threads.

    Every method raises SourceError.
    """

    def info(self) -> ServerInfo:
        """What server this is; cheap, also the connection test."""
        ...

    def instant(self, promql: str, at: float) -> SeriesBlock:
        """The values of an expression at one instant: a block with T = 1."""
        ...

    def label_values(self, label: str, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """Values of a label over the series that the matchers select (all when empty)."""
        ...

    def label_names(self, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """Label names over the series that the matchers select."""
        ...

    def close(self) -> None:
        """Release connections; running calls fail soon."""
        ...


class LogTail(msgspec.Struct, frozen=True):
    """The end of a container's log, or why there is none."""

    lines: tuple[str, ...]
    refusal: str = ""
    """What the API answered when it has no log (container waiting, no previous one): an answer, not a failure."""


class ClusterSource(Protocol):
    """A Kubernetes API, or a recording of one."""

    @property
    def cluster(self) -> str:
        """The name every record of this cluster carries (the kubeconfig context)."""
        ...

    def start(self) -> None:
        """Begin to list and watch in the background; returns at once."""
        ...

    def wait_ready(self, timeout: float) -> bool:
        """Wait until every kind was listed once or refused; False on timeout."""
        ...

    def state(self, now: float) -> ClusterState:
        """An immutable view of everything known at this moment."""
        ...

    def follow_kubelets(self, wanted: Collection[str], timeout: float = 0.0) -> None:
        """Ask the kubelets for these from now on, and for nothing else; waits so long for the first answers.

        Args:
            wanted: names of resources, of `app.sources.kubernetes.resources.KUBELETS`; what they told of others is
                forgotten.
            timeout: seconds.
        """
        ...

    def log(self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 100) -> LogTail:
        """The tail of a container's log. Raises SourceError."""
        ...

    def close(self) -> None:
        """Stop watching; running requests end soon."""
        ...
