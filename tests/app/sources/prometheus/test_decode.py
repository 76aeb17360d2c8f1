from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sources.prometheus import decode
from app.sources.prometheus.decode import AnswerError, LabelCache, decode_instant, decode_matrix, decode_strings
from app.sources.prometheus.scan import UnusualError, scan_values
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

GRID = Grid(1_700_000_040 + 9 * 60, 60, 10)
Series = tuple[dict[str, str], list[tuple[int, str]]]


def matrix(series: Sequence[Series], **envelope: object) -> bytes:
    """A body exactly as Prometheus and VictoriaMetrics write it: compact, `metric` before `values`."""
    result = [{"metric": labels, "values": [list(sample) for sample in samples]} for labels, samples in series]
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}, **envelope}
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def expected(series: Sequence[Series], grid: Grid = GRID) -> np.ndarray[Any, Any]:
    values = np.full((len(series), grid.points), np.nan)
    for row, (_, samples) in zip(values, series, strict=True):
        for at, text in samples:
            column = math.floor((at - grid.start) / grid.step + 0.5)
            if 0 <= column < grid.points:
                row[column] = float(text)
    return values


def go_float(value: float) -> str:
    """As Go's shortest 'f' format, which servers use between 1e-6 and 1e21."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)), "f")


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(go_float),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**25), 10**25).map(str),
    st.decimals(0, 1, places=18).map(str),
    st.sampled_from(["0", "-0", "1e-07", "1E+21", "0.0033333333333333335", "123456789.12345678", ".5", "5."]),
)
label_values = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            ':[[1,"2"]]',
            '","values":[[',
            '{"metric":{',
            'a"b\\c',
            '"]]},{"metric":{}',
            "}]",
            '"histogram',
            "日本語🔥",
            "\n",
        ]
    ),
)
label_names = st.sampled_from(["__name__", "namespace", "metric", "values", "value", "le", "histograms", "a"])
samples = st.dictionaries(st.integers(-3, 12), numbers, max_size=10)
labelled = st.dictionaries(label_names, label_values, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(labelled, samples), max_size=8), st.integers(0, 59))
def test_any_answer_decodes_to_what_json_says(drawn: list[tuple[dict[str, str], dict[int, str]]], shift: int) -> None:
    series = [
        (labels, [(GRID.start + 60 * step + shift, text) for step, text in sorted(points.items())])
        for labels, points in drawn
    ]
    block = decode_matrix(matrix(series), GRID, pause=lambda _: None)
    assert [dict(labels) for labels in block.labels] == [labels for labels, _ in series]
    np.testing.assert_allclose(block.values, expected(series), rtol=4.5e-16, atol=0)


@settings(max_examples=100, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=10))
def test_the_scanner_itself_reads_numbers_to_one_unit_in_the_last_place(texts: list[str]) -> None:
    points = [(GRID.start + 60 * step, text) for step, text in enumerate(texts)]
    raw = json.dumps([list(point) for point in points], separators=(",", ":")).encode()
    found = scan_values([raw + b"},"], GRID)
    np.testing.assert_array_max_ulp(found[0][: len(texts)], expected([({}, points)])[0][: len(texts)], maxulp=1)


def test_short_numbers_are_exact() -> None:
    texts = ["0.1", "12.34", "1700000000", "0.30000000000000004"[:17], "999999999999999", "0.000001"]
    raw = json.dumps([[GRID.start + 60 * step, text] for step, text in enumerate(texts)], separators=(",", ":"))
    assert scan_values([raw.encode()], GRID)[0][: len(texts)].tolist() == [float(text) for text in texts]


@pytest.mark.parametrize(
    "text", ['[1700000040.5,"1"]', '[999,"1"]', '[1700000040,"1.2.3"]', '[1700000040,""]', '[1700000040,"1]']
)
def test_the_scanner_refuses_what_it_does_not_read(text: str) -> None:
    with pytest.raises(UnusualError):
        scan_values([text.encode()], GRID)


def test_usual_answers_do_not_need_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded by msgspec")

    monkeypatch.setattr(decode, "_decode", never)
    series: list[Series] = [
        ({"namespace": "shop", "code": "200", "path": ':[[ ]]}, {"'}, [(GRID.start, "1.5"), (GRID.end, "NaN")]),
        ({}, [(GRID.start + 60, "+Inf")]),
    ]
    for body in (matrix(series), matrix(series, warnings=["one store is down"]), matrix(series, isPartial=True)):
        np.testing.assert_array_equal(decode_matrix(body, GRID).values, expected(series))


def test_pieces_are_cut_between_series_and_each_is_followed_by_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "PIECE", 500)
    series: list[Series] = [
        ({"pod": f"pod-{i}", "note": ',{"metric":'}, [(GRID.start + 60 * step, str(i + step)) for step in range(10)])
        for i in range(50)
    ]
    pauses: list[float] = []
    block = decode_matrix(matrix(series), GRID, pause=pauses.append)
    np.testing.assert_array_equal(block.values, expected(series))
    assert [dict(labels) for labels in block.labels] == [labels for labels, _ in series]
    assert len(pauses) > 10
    assert set(pauses) == {decode.PAUSE}


def test_unaligned_and_subsecond_samples_go_to_the_nearest_instant() -> None:
    body = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[%s,"1"],[%s,"2"]]}]}}'
    block = decode_matrix(body % (b"1700000069.4", b"1700000070.6"), GRID)
    assert block.values[0, :3].tolist()[:2] == [1.0, 2.0]
    assert np.isnan(block.values[0, 2:]).all()


@pytest.mark.parametrize("text", [b'{"status": "success", "data": {"resultType": "matrix", "result": []}}'])
def test_no_series(text: bytes) -> None:
    for body in (text, text.replace(b" ", b""), text.replace(b"[]", b"[ ]")):
        block = decode_matrix(body, GRID)
        assert block.values.shape == (0, 10)
        assert block.labels == ()


def test_spaced_out_json_is_read_too() -> None:
    series: list[Series] = [({"a": "b"}, [(GRID.start, "1"), (GRID.end, "-2.5")])]
    spaced = json.dumps(json.loads(matrix(series)), indent=2).encode()
    np.testing.assert_array_equal(decode_matrix(spaced, GRID).values, expected(series))


def test_remarks_of_the_server_are_kept() -> None:
    body = matrix([({}, [(GRID.start, "1")])], warnings=["store x is down"], infos=["PromQL info: ..."], isPartial=True)
    assert decode_matrix(body, GRID).warnings == (
        "partial answer: some storage nodes did not respond",
        "store x is down",
        "PromQL info: ...",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1700000040,"1"',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1700000040,"x"]]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":1},"values":[]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"\xff"},"values":[]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[]}}',
        b'{"status":"error","errorType":"execution","error":"no"}',
        b'{"status":"success"}',
        b"[]",
    ],
)
def test_anything_else_is_an_answer_error(body: bytes) -> None:
    with pytest.raises(AnswerError):
        decode_matrix(body, GRID)


HISTOGRAMS = b"""{"status":"success","data":{"resultType":"matrix","result":[
 {"metric":{"service":"shop"},"values":[[1700000040,"7"]],"histograms":[
  [1700000100,{"count":"10","sum":"3.5","buckets":[[3,"-0.001","0.001","1"],[0,"0.5","1","4"],[0,"1","2","5"]]}],
  [1700000160,{"count":"4.5","sum":"1","buckets":[[0,"0.25","0.5","1.5"],[0,"1","2","3"]]}]]}]}}"""


def test_native_histograms_become_cumulative_buckets() -> None:
    block = decode_matrix(HISTOGRAMS, GRID)
    rows = {
        dict(labels).get("le"): values[:3].tolist() for labels, values in zip(block.labels, block.values, strict=True)
    }
    assert rows.pop(None)[0] == 7.0
    assert {le: values[1:] for le, values in rows.items()} == {
        "0.001": [1.0, 0.0],
        "0.5": [1.0, 1.5],
        "1": [5.0, 1.5],
        "2": [10.0, 4.5],
        "+Inf": [10.0, 4.5],
    }
    assert all(dict(labels)["service"] == "shop" for labels in block.labels)
    assert [dict(labels)["le"] for labels in block.labels[1:]] == ["0.001", "0.5", "1", "2", "+Inf"]


def instant(series: str) -> bytes:
    return ('{"status":"success","data":{"resultType":"vector","result":[' + series + "]}}").encode()


def test_instant_answers() -> None:
    vector = instant('{"metric":{"job":"a"},"value":[1700000041.25,"+Inf"]}')
    block = decode_instant(vector, 1_700_000_041.25)
    assert (block.times.tolist(), block.values.tolist(), block.labels) == (
        [1_700_000_041],
        [[math.inf]],
        ((("job", "a"),),),
    )
    scalar = b'{"status":"success","data":{"resultType":"scalar","result":[1700000041,"2.5"]}}'
    assert decode_instant(scalar, 1_700_000_041).values.tolist() == [[2.5]]
    for other in (b'"string","result":[1700000041,"x"]', b'"matrix","result":[]'):
        with pytest.raises(AnswerError, match="where numbers"):
            decode_instant(b'{"status":"success","data":{"resultType":' + other + b"}}", 0)


def test_instant_histograms_become_buckets() -> None:
    histogram = '{"count":"3","sum":"1","buckets":[[0,"1","2","3"]]}'
    body = instant('{"metric":{},"histogram":[1700000041,' + histogram + "]}")
    block = decode_instant(body, 1_700_000_041)
    assert [dict(labels)["le"] for labels in block.labels] == ["2", "+Inf"]
    assert block.values.tolist() == [[3.0], [3.0]]


def test_label_requests() -> None:
    assert decode_strings(b'{"status":"success","data":["b","a"],"warnings":["w"]}') == (("b", "a"), ("w",))
    assert decode_strings(b'{"status":"success","data":null}') == ((), ())
    with pytest.raises(AnswerError):
        decode_strings(b'{"status":"success","data":[1]}')


def test_the_label_cache_gives_the_same_object_again_and_stays_small() -> None:
    cache = LabelCache(limit=10)
    (first,) = cache.labels_of([b'{"b":"1","a":"2"}'])
    assert first == (("a", "2"), ("b", "1"))
    assert cache.labels_of([b'{"b":"1","a":"2"}'])[0] is first
    for i in range(100):
        cache.labels_of([b'{"i":"%d"}' % i])
    assert len(cache._known) <= 10
