"""A recording: every input of a run, one JSON line each, gzipped.

The lines stand in the order in which the engine got them: what the cluster said before a cycle, the cycle's mark, the
answers to the cycle's queries. Replaying feeds them back in that order, so that the same engine gives the same rows.
"""

from __future__ import annotations

import gzip
import math
import threading
import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from app.redaction import redact_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

FORMAT = 1

VERBATIM = ("query", "values")
"""Parts of a line that hold no text of the cluster's: numbers, and the question by which the answer is found again."""


class RecordingError(Exception):
    """A recording that cannot be read or written; the message names the file and what is wrong."""


class Line(msgspec.Struct, frozen=True, tag_field="k"):
    """One line of a recording."""


class Header(Line, frozen=True, tag="header"):
    """The first line: what was recorded."""

    format: int
    cluster: str
    version: str
    """Of Tocsin."""
    step: int
    interval: float
    title: str = ""
    live: bool = True
    """Whether the engine's clock showed the present; else the server's own clock said nothing."""


class RangeAnswer(Line, frozen=True, tag="range"):
    """The answer to a range query: `values[s][t]`, None for no sample, `inf`/`-inf` as text."""

    query: str
    start: int
    step: int
    points: int
    labels: list[dict[str, str]]
    values: list[list[float | str | None]]
    warnings: list[str] = []


class InstantAnswer(Line, frozen=True, tag="instant"):
    """The answer to an instant query."""

    query: str
    at: int
    labels: list[dict[str, str]]
    values: list[float | str | None]


class NamesAnswer(Line, frozen=True, tag="names"):
    """The values of a label, or the label names where `label` is empty."""

    label: str
    matchers: list[str]
    names: list[str]


class InfoAnswer(Line, frozen=True, tag="info"):
    """What the server said it is."""

    product: str
    version: str
    clock: float | None = None


class Refusal(Line, frozen=True, tag="refusal"):
    """A question that the source could not answer."""

    question: str
    trouble: str
    message: str
    hint: str = ""


class ClusterInput(Line, frozen=True, tag="cluster"):
    """Something that the Kubernetes API told: applied to the cache as it was."""

    operation: str
    payload: Any


class LogAnswer(Line, frozen=True, tag="log"):
    """The tail of a container's log."""

    container: str
    """`namespace/pod/container[/previous]`"""
    lines: list[str]
    refusal: str = ""
    trouble: str = ""
    """The `Trouble` of a question that failed; its message is the refusal."""
    hint: str = ""


class CycleMark(Line, frozen=True, tag="cycle"):
    """A cycle began at this instant of the engine's clock."""

    at: float


AnyLine = (
    Header | RangeAnswer | InstantAnswer | NamesAnswer | InfoAnswer | Refusal | ClusterInput | LogAnswer | CycleMark
)


class RecordingWriter:
    """Appends lines to a recording; safe to call from any thread."""

    def __init__(self, path: Path, header: Header) -> None:
        """Begin a file.

        Raises:
            RecordingError: the file cannot be written.
        """
        self.path = path
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        try:
            # No file name and no time in the gzip header: equal runs give equal files.
            self._raw = path.open("wb")
            self._file: Any = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be written: {error.strerror}") from None
        self.write(header)

    def write(self, line: Line) -> None:
        """Append one line, with credentials and addresses masked."""
        tree = msgspec.to_builtins(line)
        verbatim = {key: tree.pop(key) for key in VERBATIM if key in tree}
        data = self._encoder.encode(redact_tree(tree) | verbatim)
        with self._lock:
            if not self._file.closed:
                self._file.write(data + b"\n")

    def flush(self) -> None:
        """Make everything so far readable, whatever happens next."""
        with self._lock:
            if not self._file.closed:
                self._file.flush(zlib.Z_SYNC_FLUSH)
                self._raw.flush()

    def close(self) -> None:
        """Finish the file."""
        with self._lock:
            self._file.close()
            self._raw.close()


def read_recording(path: Path) -> Iterator[AnyLine]:
    """The lines of a recording; one that was cut off in the middle of a line ends before it.

    Raises:
        RecordingError: not a recording, of a newer format, or a line that cannot be read (named by number).
    """
    decoder = msgspec.json.Decoder(AnyLine)
    try:
        with path.open("rb") as raw:
            for number, data in enumerate(_lines(raw), 1):
                try:
                    line = decoder.decode(data)
                except msgspec.DecodeError as error:
                    raise RecordingError(f"{path}: line {number} is no line of a recording: {error}") from None
                if number == 1:
                    _check_header(path, line)
                yield line
    except (OSError, zlib.error) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise RecordingError(f"{path}: not a recording that can be read: {what}") from None


def read_header(path: Path) -> Header:
    """The first line of a recording. Raises RecordingError."""
    for line in read_recording(path):
        if isinstance(line, Header):
            return line
    raise RecordingError(f"{path}: the recording is empty")


def _check_header(path: Path, line: AnyLine) -> None:
    if not isinstance(line, Header):
        raise RecordingError(f"{path}: does not begin with the header of a recording")
    if line.format > FORMAT:
        raise RecordingError(
            f"{path}: written in format {line.format} by Tocsin {line.version}; this version reads up to {FORMAT}"
        )


def _lines(raw: BinaryIO) -> Iterator[bytes]:
    """Whole lines of the gzipped file, up to where it was cut off."""
    with gzip.GzipFile(fileobj=raw, mode="rb") as file:
        while True:
            try:
                line = file.readline()
            except EOFError:
                return
            if not line.endswith(b"\n"):
                return
            yield line


def pack(value: float) -> float | str | None:
    """A sample as JSON can hold it."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def unpack(value: float | str | None) -> float:
    """The inverse of `pack`."""
    return math.nan if value is None else float(value)
