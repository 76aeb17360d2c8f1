"""From the text of a query answer to a series block.

The body is cut between series into pieces of about 1 MB and a pause is made after each, so that the thread that paints
the screen never waits for the interpreter lock. Pieces in the form that every known server writes go through the
scanner; anything else that is valid JSON goes through msgspec, with the same result.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from operator import methodcaller
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from app.sources.prometheus.histograms import NativeHistogram, expand
from app.sources.prometheus.scan import UnusualError, place, scan_values
from detectors.series import FloatArray, Grid, Labels, SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PIECE = 1_000_000
"""Bytes decoded at a time: 5 ms of work; larger pieces are not faster, and hold the interpreter lock longer."""
PAUSE = 1e-4
"""Seconds between pieces. Without it the waiting thread's turn is put off each time the lock is given up briefly."""

_ONE_AT_A_TIME = threading.Lock()
"""Several pieces at once would not be decoded any sooner, and would all contend with the interface."""

_RESULT = b'"result":['
_SERIES = b'{"metric":'
_NEXT = b"," + _SERIES
_VALUES = b',"values":'
_END = b"]}"
_PARTED = methodcaller("partition", _VALUES)


class AnswerError(ValueError):
    """A body that is not an answer of the query API, or one that says it failed."""


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class Envelope(msgspec.Struct, rename="camel"):
    """What surrounds every answer's data."""

    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    error_type: str = ""
    error: str = ""
    warnings: list[str] | None = None
    infos: list[str] | None = None
    is_partial: bool = False
    """VictoriaMetrics: some of its storage nodes did not answer."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Everything the server wants to have said about its answer."""
        partial = ("partial answer: some storage nodes did not respond",) if self.is_partial else ()
        return (*partial, *(self.warnings or ()), *(self.infos or ()))


class Failure(msgspec.Struct):
    """The body of a refusal: by the query API, or (`message`) by the Kubernetes API in front of it."""

    error: str = ""
    message: str = ""


class _Series(msgspec.Struct):
    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []
    histogram: tuple[float, NativeHistogram] | None = None
    histograms: list[tuple[float, NativeHistogram]] = []


_ENVELOPE = msgspec.json.Decoder(Envelope)
_DATA = msgspec.json.Decoder(_Data)
_SCALAR = msgspec.json.Decoder(tuple[float, str])
_STRINGS = msgspec.json.Decoder(list[str] | None)
_LIST = msgspec.json.Decoder(list[_Series] | None)


class LabelCache:
    """Labels by their JSON text, so that each is parsed once in the life of the process; thread-safe."""

    def __init__(self, limit: int = 200_000) -> None:
        self._known: dict[bytes, Labels] = {}
        self._limit = limit
        self._decoder = msgspec.json.Decoder(dict[str, str])

    def labels_of(self, texts: Sequence[bytes]) -> list[Labels]:
        """The labels that JSON objects hold."""
        found = zip(texts, map(self._known.get, texts), strict=True)
        return [labels or self._learn(text) for text, labels in found]

    def _learn(self, text: bytes) -> Labels:
        if len(self._known) >= self._limit:
            self._known = {}
        found = self._known[text] = tuple(sorted(self._decoder.decode(text).items()))
        return found


def parse_envelope(body: bytes) -> Envelope:
    """The parts of any answer; raises AnswerError where it is none, or failed."""
    with _expected():
        envelope = _ENVELOPE.decode(body)
    if envelope.status != "success":
        raise AnswerError(envelope.error or f"status {envelope.status!r}")
    return envelope


def decode_matrix(
    body: bytes, grid: Grid, cache: LabelCache | None = None, pause: Callable[[float], None] = time.sleep
) -> SeriesBlock:
    """A range query's answer on a grid.

    Args:
        body: the JSON text.
        grid: the grid that was asked for; samples are moved to its nearest instant.
        cache: where labels that were seen before are remembered.
        pause: how to let other threads run between pieces.

    Raises:
        AnswerError: not such an answer, or a failure.
    """
    cache = cache or LabelCache()
    labels: list[Labels] = []
    blocks: list[FloatArray] = []
    envelope, start, end = _cut_out_result(body)
    for piece in _pieces(body, start, end):
        with _ONE_AT_A_TIME:
            try:
                piece_labels, values = _scan(piece, grid, cache)
            except UnusualError:
                piece_labels, values = _decode(b"[" + piece + b"]", grid)
        labels += piece_labels
        blocks.append(values)
        pause(PAUSE)
    if len(blocks) != 1:
        blocks = [np.concatenate(blocks) if blocks else np.empty((0, grid.points))]
    return SeriesBlock(grid.times, blocks[0], tuple(labels), envelope.remarks)


def decode_instant(body: bytes, at: float) -> SeriesBlock:
    """An instant query's answer, vector or scalar: a block with T = 1 whose instant is `at` in whole seconds.

    Raises:
        AnswerError: not such an answer, or a failure.
    """
    envelope = parse_envelope(body)
    grid = Grid(round(at), 1, 1)
    with _expected():
        data = _DATA.decode(envelope.data)
        number = _SCALAR.decode(data.result)[1] if data.result_type == "scalar" else None
    if number is not None:
        return SeriesBlock(grid.times, np.array([[_number(number)]]), ((),), envelope.remarks)
    if data.result_type != "vector":
        raise AnswerError(f"a {data.result_type} where numbers were asked for")
    # Servers stamp a vector with the time of the query, so the grid need not be looked at.
    labels, values = _decode(bytes(data.result), Grid(grid.end, 1 << 40, 1))
    return SeriesBlock(grid.times, values, tuple(labels), envelope.remarks)


def decode_strings(body: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The answer of a label request: the strings, and what the server remarks about them.

    Raises:
        AnswerError: not such an answer, or a failure.
    """
    envelope = parse_envelope(body)
    with _expected():
        return tuple(_STRINGS.decode(envelope.data) or ()), envelope.remarks


def _cut_out_result(body: bytes) -> tuple[Envelope, int, int]:
    """The envelope, and where in the body the series begin and end (equal when there is none)."""
    start = body.find(_RESULT, 0, 4096) + len(_RESULT)
    end = body.rfind(b"]}]") + 2
    if start >= len(_RESULT) and end > start:
        with suppress(AnswerError, msgspec.DecodeError):
            envelope = parse_envelope(body[:start] + body[end:])
            if _DATA.decode(envelope.data).result_type == "matrix":
                return envelope, start, end
    envelope = parse_envelope(body)
    with _expected():
        data = _DATA.decode(envelope.data)
    if data.result_type != "matrix":
        raise AnswerError(f"a {data.result_type} where a matrix was asked for")
    result = bytes(data.result)
    start = body.find(result) + 1
    return envelope, start, start + len(result) - 2


def _pieces(body: bytes, start: int, end: int) -> Iterator[bytes]:
    """The text between two positions, cut before series about every `PIECE` bytes."""
    while start < end:
        # Quotes inside of strings are escaped: these bytes can be nothing but the beginning of a series.
        cut = body.find(_NEXT, start + PIECE, end) if end - start > PIECE else -1
        stop = end if cut < 0 else cut
        yield body[start:stop]
        start = stop + 1


def _scan(piece: bytes, grid: Grid, cache: LabelCache) -> tuple[list[Labels], FloatArray]:
    """The series of a piece; raises UnusualError for a form that only msgspec reads."""
    if b'"histogram' in piece:
        raise UnusualError("histograms")
    if not piece.startswith(_SERIES):
        raise UnusualError("not a list of series")
    # Quotes inside of strings are escaped: these bytes can be nothing but the beginnings of series, and of values.
    series = piece[len(_SERIES) :].split(_NEXT)
    # No loops over the series in Python: a later cycle has thousands of them with one value each.
    texts, found, values = zip(*map(_PARTED, series), strict=True)
    if b"" in found or piece.count(_END + _NEXT) != len(series) - 1 or not piece.endswith(_END):
        raise UnusualError("not a series with values alone")
    try:
        labels = cache.labels_of(texts)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnusualError("labels") from error
    return labels, scan_values(values, grid)


def _decode(text: bytes, grid: Grid) -> tuple[list[Labels], FloatArray]:
    """The series of a JSON list, by msgspec."""
    labels: list[Labels] = []
    rows: list[int] = []
    times: list[float] = []
    numbers: list[float] = []
    with _expected():
        answer = _LIST.decode(text)
    for series in answer or ():
        own: Labels = tuple(sorted(series.metric.items()))
        samples = [(at, _number(text)) for at, text in ([series.value] if series.value else series.values)]
        histograms = [series.histogram] if series.histogram else series.histograms
        expanded = [(own, samples)] if samples or not histograms else []
        for row_labels, row in [*expanded, *expand(own, histograms)]:
            rows += [len(labels)] * len(row)
            times += [at for at, _ in row]
            numbers += [number for _, number in row]
            labels.append(row_labels)
    instants = np.rint(np.array(times, dtype=np.float64)).astype(np.int64)
    return labels, place(np.array(rows, dtype=np.intp), instants, np.array(numbers), len(labels), grid)


@contextmanager
def _expected() -> Iterator[None]:
    """Turn what msgspec says about other JSON, or none, into AnswerError."""
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnswerError(f"not an answer of the query API: {error}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise AnswerError("a value that is not a number") from None
