"""A recording played back as the sources of a run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.sources.base import LogTail, ServerInfo, SourceError, Trouble
from app.sources.recorder import instant_question, names_question, range_question
from app.sources.recording import (
    ClusterInput,
    CycleMark,
    Header,
    InfoAnswer,
    InstantAnswer,
    LogAnswer,
    NamesAnswer,
    RangeAnswer,
    Refusal,
    unpack,
)
from detectors.series import Grid, SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.sources.recording import AnyLine
    from detectors.series import FloatArray, Labels


class RecordedQuery:
    """All answers to one range query, merged by instant; a later answer to the same instant replaces the earlier."""

    def __init__(self) -> None:
        self._rows: dict[Labels, int] = {}
        self._columns: dict[int, tuple[list[int], list[float]]] = {}
        self.warnings: tuple[str, ...] = ()

    def add(self, answer: RangeAnswer) -> None:
        """Take in one answer."""
        rows = [self._rows.setdefault(tuple(sorted(l.items())), len(self._rows)) for l in answer.labels]  # noqa: E741
        for index in range(answer.points):
            column = [unpack(values[index]) for values in answer.values]
            self._columns[answer.start + index * answer.step] = (rows, column)
        self.warnings = tuple(answer.warnings)

    def block(self, grid: Grid) -> SeriesBlock | None:
        """What was answered on a grid; None when nothing on it was ever asked."""
        values: FloatArray = np.full((len(self._rows), grid.points), np.nan)
        known = False
        for index, at in enumerate(grid.times.tolist()):
            if (column := self._columns.get(at)) is not None:
                known = True
                values[column[0], index] = column[1]
        if not known:
            return None
        present = np.asarray(~np.isnan(values).all(axis=1))
        labels = tuple(label for label, keep in zip(self._rows, present.tolist(), strict=True) if keep)
        return SeriesBlock(grid.times, values[present], labels, self.warnings)


class ReplayMetrics:
    """The recorded answers of a metrics server, as far as the replay has come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ranges: dict[str, RecordedQuery] = {}
        self._instants: dict[str, InstantAnswer] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._refusals: dict[str, Refusal] = {}
        self._info = InfoAnswer("unknown", "")

    def feed(self, line: AnyLine) -> None:
        """Take in one line of the recording."""
        with self._lock:
            match line:
                case RangeAnswer():
                    self._refusals.pop(range_question(line.query), None)
                    self._ranges.setdefault(line.query, RecordedQuery()).add(line)
                case InstantAnswer():
                    question = instant_question(line.query, line.at)
                    self._refusals.pop(question, None)
                    self._instants[question] = line
                case NamesAnswer():
                    self._refusals.pop(names_question(line.label, line.matchers), None)
                    self._names[names_question(line.label, line.matchers)] = tuple(line.names)
                case Refusal():
                    self._refusals[line.question] = line
                case InfoAnswer():
                    self._info = line
                case _:
                    pass

    def info(self) -> ServerInfo:
        """What was recorded of the server."""
        return ServerInfo(self._info.product, self._info.version, "recording", self._info.clock)

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """The recorded values on a grid."""
        with self._lock:
            self._refuse(range_question(promql))
            recorded = self._ranges.get(promql)
            block = recorded.block(grid) if recorded else None
        if block is None:
            raise _missing(promql)
        return block

    def instant(self, promql: str, at: float) -> SeriesBlock:
        """The recorded answer."""
        question = instant_question(promql, at)
        with self._lock:
            self._refuse(question)
            answer = self._instants.get(question)
        if answer is None:
            raise _missing(question)
        values = np.array([[unpack(value)] for value in answer.values], dtype=float).reshape(-1, 1)
        labels = tuple(tuple(sorted(item.items())) for item in answer.labels)
        return SeriesBlock(np.array([int(at)], dtype=np.int64), values, labels)

    def label_values(self, label: str, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:  # noqa: ARG002
        """The latest recorded answer."""
        return self._named(names_question(label, matchers))

    def label_names(self, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:  # noqa: ARG002
        """The latest recorded answer."""
        return self._named(names_question("", matchers))

    def close(self) -> None:
        """Nothing to release."""

    def _named(self, question: str) -> tuple[str, ...]:
        with self._lock:
            self._refuse(question)
            if question not in self._names:
                raise _missing(question)
            return self._names[question]

    def _refuse(self, question: str) -> None:
        if refusal := self._refusals.get(question):
            raise SourceError(Trouble(refusal.trouble), refusal.message, refusal.hint)


def _missing(question: str) -> SourceError:
    return SourceError(
        Trouble.NOT_FOUND,
        f"the recording holds no answer to: {question}",
        "The recording was made with other settings or an older catalogue; record again.",
    )


class RecordedLogs:
    """The container logs of a recording."""

    def __init__(self) -> None:
        self._answers: dict[str, LogAnswer] = {}

    def feed(self, line: AnyLine) -> None:
        """Take in one line of the recording."""
        if isinstance(line, LogAnswer):
            self._answers[line.container] = line

    def tail(self, container: str) -> LogTail:
        """The recorded tail of `namespace/pod/container[/previous]`. Raises SourceError."""
        answer = self._answers.get(container)
        if answer is None:
            raise _missing(f"log of {container}")
        if answer.trouble:
            raise SourceError(Trouble(answer.trouble), answer.refusal, answer.hint)
        return LogTail(tuple(answer.lines), answer.refusal)


class Recorded(NamedTuple):
    """Which sources a recording has."""

    objects: bool
    metrics: bool


def sources_of(lines: Iterable[AnyLine]) -> Recorded:
    """Which sources were there; the first cycle asks all of them."""
    objects = metrics = False
    cycles = 0
    for line in lines:
        cycles += isinstance(line, CycleMark)
        if cycles == 2:
            break
        objects |= isinstance(line, ClusterInput)
        metrics |= isinstance(line, RangeAnswer | InstantAnswer | NamesAnswer | InfoAnswer | Refusal)
    return Recorded(objects, metrics)


def steps(lines: Iterable[AnyLine]) -> Iterator[tuple[list[ClusterInput], CycleMark, list[AnyLine]]]:
    """A recording cut into cycles: what the cluster told before, the mark, and the answers of the cycle.

    What the cluster tells while a cycle runs belongs to the next: the engine had taken its view already.
    """
    before: list[ClusterInput] = []
    pending: list[ClusterInput] = []
    answers: list[AnyLine] = []
    mark: CycleMark | None = None
    for line in lines:
        match line:
            case Header():
                pass
            case CycleMark():
                if mark is not None:
                    yield before, mark, answers
                    answers = []
                before, pending, mark = pending, [], line
            case ClusterInput():
                pending.append(line)
            case _:
                answers.append(line)
    if mark is not None:
        yield before, mark, answers
