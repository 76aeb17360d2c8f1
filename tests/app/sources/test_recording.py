from __future__ import annotations

import gzip
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.base import ServerInfo, SourceError, Trouble
from app.sources.recorder import RecordingMetrics
from app.sources.recording import (
    ClusterInput,
    CycleMark,
    Header,
    RangeAnswer,
    RecordingError,
    RecordingWriter,
    pack,
    read_header,
    read_recording,
    unpack,
)
from app.sources.replay import ReplayMetrics, steps
from detectors.series import Grid, SeriesBlock

HEADER = Header(1, "lab", "0.1.0", 60, 15.0)
CART, CHECKOUT = (("job", "cart"),), (("job", "checkout"),)


class Server:
    """A metrics source whose values are its own clock."""

    def __init__(self) -> None:
        self.failing = ""

    def info(self):
        return ServerInfo("prometheus", "2.42.0", "http://somewhere", 1.0)

    def range(self, promql, grid):
        if self.failing:
            raise SourceError(Trouble.LIMITED, self.failing, "Ask for less.")
        values = np.vstack([grid.times.astype(float), np.full(grid.points, np.nan)])
        values[1, -1] = np.inf
        return SeriesBlock(grid.times, values, (CART, CHECKOUT), ("partial",))

    def instant(self, promql, at):
        return SeriesBlock(np.array([int(at)]), np.array([[at]]), (CART,))

    def label_values(self, label, matchers, start, end):
        return ("a", "b")

    def label_names(self, matchers, start, end):
        return ("job",)

    def close(self):
        pass


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "run.tocsin.gz"
    writer = RecordingWriter(path, HEADER)
    yield path, writer
    writer.close()


def replayed(path):
    metrics = ReplayMetrics()
    for line in read_recording(path):
        metrics.feed(line)
    return metrics


def test_answers_come_back_as_they_were(recording):
    path, writer = recording
    source = RecordingMetrics(Server(), writer)
    grid = Grid(600, 60, 5)
    asked = source.range("up", grid)
    source.instant("vector(1)", 600)
    source.label_values("__name__", ["{b}", "{a}"], 0, 1)
    source.info()
    writer.flush()
    metrics = replayed(path)
    block = metrics.range("up", grid)
    np.testing.assert_array_equal(block.values, asked.values)
    assert block.labels == asked.labels
    assert block.warnings == ("partial",)
    assert metrics.instant("vector(1)", 600).values[0, 0] == 600
    assert metrics.label_values("__name__", ["{a}", "{b}"], 5, 6) == ("a", "b")
    assert metrics.info().version == "2.42.0"


def test_refusals_are_replayed_until_an_answer_comes(recording):
    path, writer = recording
    server = Server()
    source = RecordingMetrics(server, writer)
    server.failing = "too many samples"
    with pytest.raises(SourceError):
        source.range("up", Grid(600, 60, 5))
    writer.flush()
    with pytest.raises(SourceError) as caught:
        replayed(path).range("up", Grid(600, 60, 5))
    assert (caught.value.trouble, caught.value.hint) == (Trouble.LIMITED, "Ask for less.")
    server.failing = ""
    source.range("up", Grid(660, 60, 5))
    writer.flush()
    assert replayed(path).range("up", Grid(660, 60, 5)).values.shape == (2, 5)


def test_what_was_never_asked_is_an_error_and_not_an_empty_answer(recording):
    path, writer = recording
    RecordingMetrics(Server(), writer).range("up", Grid(600, 60, 5))
    writer.flush()
    with pytest.raises(SourceError) as caught:
        replayed(path).range("down", Grid(600, 60, 5))
    assert caught.value.trouble is Trouble.NOT_FOUND
    with pytest.raises(SourceError):
        replayed(path).range("up", Grid(60000, 60, 5))


def test_a_series_that_ended_stays_ended_when_its_last_steps_were_asked_again():
    metrics = ReplayMetrics()
    metrics.feed(RangeAnswer("up", 60, 60, 3, [dict(CART), dict(CHECKOUT)], [[1, 1, 1], [2, 2, 2]]))
    metrics.feed(RangeAnswer("up", 180, 60, 2, [dict(CART)], [[1, 1]]))
    block = metrics.range("up", Grid(240, 60, 4))
    checkout = block.values[block.labels.index(CHECKOUT)]
    np.testing.assert_array_equal(checkout, [2, 2, np.nan, np.nan])


def test_secrets_are_masked_and_queries_are_not(recording):
    path, writer = recording
    writer.write(ClusterInput("event", {"message": "password=hunter2", "nested": [{"x": "Bearer abcdefghijk"}]}))
    writer.write(RangeAnswer('up{token="kept"}', 0, 60, 1, [{"url": "http://u:hunter2@h"}], [[1.0]]))
    writer.close()
    text = gzip.decompress(path.read_bytes()).decode()
    assert "hunter2" not in text
    assert "abcdefghijk" not in text
    assert [line.query for line in read_recording(path) if isinstance(line, RangeAnswer)] == ['up{token="kept"}']


def test_a_recording_cut_off_anywhere_reads_up_to_there(recording):
    path, writer = recording
    for at in range(50):
        writer.write(CycleMark(float(at)))
        writer.flush()
    writer.close()
    whole = path.read_bytes()
    for cut in range(40, len(whole), 97):
        path.write_bytes(whole[:cut])
        lines = list(read_recording(path))
        assert [line.at for line in lines[1:]] == [float(n) for n in range(len(lines) - 1)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"not gzip", "not a recording"),
        (gzip.compress(b'{"k":"cycle","at":1}\n', mtime=0), "does not begin with the header"),
        (gzip.compress(b"nonsense\n", mtime=0), "line 1"),
        (
            gzip.compress(b'{"k":"header","format":99,"cluster":"c","version":"9","step":60,"interval":15}\n', mtime=0),
            "format 99",
        ),
    ],
)
def test_what_is_no_recording_says_so(tmp_path, content, complaint):
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=complaint) as caught:
        read_header(path)
    assert str(path) in str(caught.value)


def test_cluster_inputs_during_a_cycle_belong_to_the_next():
    told = [ClusterInput("x", n) for n in range(4)]
    answer = RangeAnswer("up", 0, 60, 1, [], [])
    lines = [HEADER, told[0], CycleMark(1.0), told[1], answer, CycleMark(2.0), told[2], CycleMark(3.0), told[3]]
    cut = [(before, mark.at, answers) for before, mark, answers in steps(lines)]
    assert cut == [([told[0]], 1.0, [answer]), ([told[1]], 2.0, []), ([told[2]], 3.0, [])]


def test_lines_from_many_threads_stay_whole(recording):
    path, writer = recording
    threads = [
        threading.Thread(target=lambda: [writer.write(CycleMark(float(n))) for n in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert sum(isinstance(line, CycleMark) for line in read_recording(path)) == 800


@given(st.floats())
def test_every_float_survives(value):
    assert unpack(pack(value)) == value or np.isnan(value)
