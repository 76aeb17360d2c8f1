"""How fast a large answer becomes a series block, against the usual ways: `python -m benchmarks.decode`.

Goals (G2): at most 8 memcpys of the body, at least 3 times as fast as json and loops with the collector off, and at
most 3 times the body in memory. (G3): nobody waits longer than 10 ms for the interpreter lock.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from app.sources.prometheus.decode import LabelCache, decode_matrix
from benchmarks.measure import Goal, goals_table, interleaved, lateness, table
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STEP, POINTS, START = 60, 36, 1_700_000_040
GRID = Grid(START + STEP * (POINTS - 1), STEP, POINTS)
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")


def body(series: int, seed: int = 1) -> bytes:
    """What `rate(http_request_duration_seconds_bucket[5m])` of that many series is answered with."""
    random = np.random.default_rng(seed)
    times = [str(at) for at in GRID.times.tolist()]
    parts = []
    for i in range(series):
        service = f"service-{i // 12 % 300:03d}"
        labels = {
            "cluster": "prod-eu-1",
            "instance": f"10.0.{i // 250 % 250}.{i % 250}:8080",
            "job": f"shop/{service}",
            "le": BOUNDS[i % 12],
            "method": "GET",
            "namespace": f"team-{i % 17}",
            "pod": f"{service}-7c9d8f7b6d-{i:05d}",
            "route": f"/api/v1/resource-{i % 40}/items",
            "service": service,
        }
        increases = random.poisson(random.exponential(30), POINTS)
        values = increases / (285.0 if i % 3 else 300.0)
        texts = (repr(value).removesuffix(".0") for value in values.tolist())
        samples = ",".join(f'[{at},"{text}"]' for at, text in zip(times, texts, strict=True))
        parts.append('{"metric":' + json.dumps(labels, separators=(",", ":")) + ',"values":[' + samples + "]}")
    return ('{"status":"success","data":{"resultType":"matrix","result":[' + ",".join(parts) + "]}}").encode()


@contextmanager
def collector_off() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def json_and_loops(text: bytes) -> tuple[list[dict[str, str]], np.ndarray]:
    series = json.loads(text)["data"]["result"]
    values = np.full((len(series), POINTS), np.nan)
    for row, one in zip(values, series, strict=True):
        for at, number in one["values"]:
            row[(at - START) // STEP] = float(number)
    return [one["metric"] for one in series], values


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(msgspec.Struct):
    result: list[_Series]


class _Answer(msgspec.Struct):
    data: _Data


def msgspec_and_loops(text: bytes) -> tuple[list[dict[str, str]], np.ndarray]:
    series = msgspec.json.decode(text, type=_Answer).data.result
    values = np.full((len(series), POINTS), np.nan)
    for row, one in zip(values, series, strict=True):
        for at, number in one.values:
            row[(int(at) - START) // STEP] = float(number)
    return [one.metric for one in series], values


def peak_memory(work: Callable[[], object]) -> int:
    """Bytes that the work held at its worst, besides its input."""
    gc.collect()
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=43_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    text = body(options.series)
    cache = LabelCache()
    block = decode_matrix(text, GRID, cache)
    np.testing.assert_allclose(block.values, json_and_loops(text)[1], rtol=4.5e-16)

    def without_collector(decode: Callable[[bytes], object]) -> Callable[[], None]:
        def run() -> None:
            with collector_off():
                decode(text)

        return run

    cases: dict[str, Callable[[], object]] = {
        "memcpy": lambda: bytearray(text),
        "ours, labels known": lambda: decode_matrix(text, GRID, cache),
        "ours, labels new": lambda: decode_matrix(text, GRID, LabelCache()),
        "msgspec + loops, collector off": without_collector(msgspec_and_loops),
        "json + loops, collector off": without_collector(json_and_loops),
    }
    taken = interleaved(cases, options.rounds, time.process_time)
    ours, points = taken["ours, labels known"], block.values.size
    title = f"Decoding {len(text) / 1e6:.1f} MB, {options.series} series x {POINTS}, processor time"
    rows = [
        (name, f"{s * 1e3:.0f}", f"{s / points * 1e9:.0f}", f"{s / taken['memcpy']:.1f}", f"{s / ours:.2f}")
        for name, s in taken.items()
    ]
    print(table(title, ("way", "ms", "ns/point", "x memcpy", "x ours"), rows))
    peak = peak_memory(lambda: decode_matrix(text, GRID, cache)) + len(text)
    fresh = peak_memory(lambda: decode_matrix(text, GRID, LabelCache())) + len(text)
    late = lateness(cases["ours, labels known"], 5)
    found = [
        Goal("G2", "decode / memcpy of the body", ours / taken["memcpy"], 8),
        Goal("G2", "json + loops / decode", taken["json + loops, collector off"] / ours, 3, at_least=True),
        Goal("G2", "memory with the body / body, labels known", peak / len(text), 3),
        Goal("G2", "memory with the body / body, labels new", fresh / len(text), 3),
        Goal("G3", "event loop late while decoding one body, longest", float(late.own.max()) * 1e3, 10, "ms"),
    ]
    print(goals_table(found))
    return found


if __name__ == "__main__":
    main()
