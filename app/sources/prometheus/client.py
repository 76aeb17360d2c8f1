"""A Prometheus-compatible server as a metrics source."""

from __future__ import annotations

import email.utils
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from app.sources.base import ServerInfo, SourceError, Trouble
from app.sources.prometheus.decode import (
    AnswerError,
    LabelCache,
    decode_instant,
    decode_matrix,
    decode_strings,
    parse_envelope,
)
from app.sources.prometheus.http import Answer, Parameters, Requester
from app.sources.prometheus.splitting import Splitter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import httpx

    from app.sources.prometheus.connection import PrometheusConnection
    from detectors.series import Grid, SeriesBlock

QUERY = "/api/v1/query"
QUERY_RANGE = "/api/v1/query_range"
LABELS = "/api/v1/labels"
BUILD_INFO = "/api/v1/status/buildinfo"

_THANOS: Parameters = [("dedup", "true"), ("partial_response", "true"), ("max_source_resolution", "0s")]
"""One series of two replicas; what answers, with a warning; and no downsampled blocks."""


class PrometheusClient:
    """Implements `MetricsSource`; thread-safe, all calls block.

    Args:
        connection: where the server is and how to log in.
        transport: another way to it than the network (see `locate.ServiceProxyTransport`).
        get_only: never POST: through the Kubernetes service proxy that would need the right to create.
        sleep: how to wait between retries.
    """

    def __init__(
        self,
        connection: PrometheusConnection,
        *,
        transport: httpx.BaseTransport | None = None,
        get_only: bool = False,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.address = connection.address
        self._requester = Requester(connection, transport, get_only=get_only, sleep=sleep)
        self._cache = LabelCache()
        self._timeout = f"{connection.timeout:g}s"
        self._product_parameters: Parameters = []
        self._splitter = Splitter(self._range_once, self.label_values)

    def info(self) -> ServerInfo:
        """What server this is; also the connection test."""
        try:
            answer = self._requester.ask(BUILD_INFO, [])
        except SourceError as trouble:
            if trouble.trouble not in (Trouble.NOT_FOUND, Trouble.REJECTED, Trouble.FORBIDDEN):
                raise
            answer = self._requester.ask(QUERY, [("query", "1")])
        product, version = _product(answer)
        self._product_parameters = _THANOS if product == "thanos" else []
        return ServerInfo(product, version, self.address, _clock(answer))

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """The values of an expression on a grid; what is too big for the server is asked in parts."""
        return self._splitter.range(promql, grid)

    def instant(self, promql: str, at: float) -> SeriesBlock:
        """The values of an expression at one instant: a block with T = 1."""
        parameters: Parameters = [("query", promql), ("time", f"{at:.3f}"), ("timeout", self._timeout)]
        answer = self._requester.ask(QUERY, parameters + self._product_parameters)
        with self._decoding():
            return decode_instant(answer.body, at)

    def label_values(self, label: str, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """Values of a label over the series that the matchers select, sorted."""
        return self._strings(f"/api/v1/label/{quote(label, safe='')}/values", matchers, start, end)

    def label_names(self, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """Label names over the series that the matchers select, sorted."""
        return self._strings(LABELS, matchers, start, end)

    def close(self) -> None:
        """Release connections; running calls fail soon."""
        self._requester.close()

    def _range_once(self, promql: str, grid: Grid) -> SeriesBlock:
        parameters: Parameters = [
            ("query", promql),
            ("start", str(grid.start)),
            ("end", str(grid.end)),
            ("step", str(grid.step)),
            ("timeout", self._timeout),
        ]
        answer = self._requester.ask(QUERY_RANGE, parameters + self._product_parameters)
        with self._decoding():
            return decode_matrix(answer.body, grid, self._cache)

    def _strings(self, path: str, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        parameters: Parameters = [("match[]", matcher) for matcher in matchers]
        parameters += [("start", f"{start:.3f}"), ("end", f"{end:.3f}")]
        answer = self._requester.ask(path, parameters)
        with self._decoding():
            return tuple(sorted(decode_strings(answer.body)[0]))

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except AnswerError as error:
            hint = "Check that prometheus.url is a Prometheus, and what stands in front of it."
            raise SourceError(Trouble.PROTOCOL, f"{self.address}: {error}", hint) from None


class _BuildInfo(msgspec.Struct):
    version: str = ""
    application: str = ""
    features: dict[str, object] | None = None


def _product(answer: Answer) -> tuple[str, str]:
    """Product and version, by what each server is known to answer to the build information request."""
    build = _BuildInfo()
    with suppress(AnswerError, msgspec.DecodeError):
        build = msgspec.json.decode(parse_envelope(answer.body).data, type=_BuildInfo)
    if "x-server-hostname" in answer.headers:
        # Where VictoriaMetrics gives a version at all, it is that of the Prometheus it imitates.
        return "victoria-metrics", ""
    if "mimir" in build.application.lower() or build.features is not None:
        return "mimir", build.version
    if build.version.startswith("0."):
        return "thanos", build.version
    return ("prometheus", build.version) if build.version else ("unknown", "")


def _clock(answer: Answer) -> float | None:
    with suppress(ValueError, TypeError):
        return email.utils.parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    return None
