"""Suspects of recorded faults, ranked by the production code: `python -m benchmarks.rootcause DATA_DIR --out FILE`.

DATA_DIR (or its folder `rootcause`) has `cases.csv`, `edges.csv` and an .npz for each scenario. Of a case only its
times and the failing metric (`target=node|metric`) are read, never the fault or the truth. The result has a row for
each node of each case: case_id, rank, service, metric, points, visible.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detectors.causes import Failing, Metric, Observed, Ranking, Signal, rank
from detectors.causes.change import changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from detectors.series import BoolArray, FloatArray

WORDS: tuple[tuple[Signal | None, str], ...] = (
    (None, r"node .*|.*\b(client|in client|host)\b.*"),
    (Signal.LATENCY, r".*\b(latency|duration|response time|edge)\b.*"),
    (Signal.ERRORS, r".*\b(availability|success|errors?|failures?|failed|5xx)\b.*"),
    (Signal.RESOURCE, r".*\b(cpu|mem|memory|throttl\w*|disk\w*|fs|filesystem|heap|swap)\b.*"),
    (Signal.TRAFFIC, r".*\b(workload|requests?|ops|qps|rps|traffic)\b.*"),
)
"""What a metric's name says of it, first match; none: left out. Host metrics are shared by all on the host, a
client's latency is its callees'."""
HEALTHY = re.compile(r"availability|success", re.IGNORECASE)
PER_SECOND = re.compile(r"ops|qps|rps|workload|per.?sec", re.IGNORECASE)
ENTRY = "_"
"""Begins the name of what stands for the users' view."""
ENTRY_SPREADS = 3.0
"""How far the users' view must have moved to say which signal fails."""


def words(name: str) -> str:
    """A metric's name in small words: "PodServerLatencyP90(s)" is "pod server latency p90 s"."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return re.sub(r"[^a-z0-9]+", " ", apart.lower()).strip()


def signal_of(name: str) -> Signal | None:
    said = words(name)
    return next((signal for signal, pattern in WORDS if re.fullmatch(pattern, said)), None)


def metric_of(column: str) -> tuple[Metric | None, tuple[str, str] | None]:
    """What "node|name" or "caller>callee|name" measures, and the call that it shows."""
    node, _, name = column.partition("|")
    caller, _, callee = node.partition(">")
    signal = signal_of(name)
    if callee:
        return (Metric(callee, name, signal, "source" in words(name).split()) if signal else None), (caller, callee)
    return (Metric(node, name, signal) if signal else None), None


def as_meant(rows: FloatArray, metrics: Sequence[Metric], step: float) -> FloatArray:
    """Availability and percentages as shares of errors, rates as requests per sample; infinities as missing."""
    meant = np.where(np.isfinite(rows), rows, np.nan)
    for column, metric in enumerate(metrics):
        values = meant[:, column]
        if metric.signal is Signal.ERRORS:
            share = values / (100 if np.nanmax(values, initial=0) > 1 else 1)
            meant[:, column] = np.clip(1 - share if HEALTHY.search(metric.name) else share, 0, 1)
        elif metric.signal is Signal.TRAFFIC and PER_SECOND.search(metric.name):
            meant[:, column] = values * step
    return meant


def sides(case: Mapping[str, str], times: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Which samples lie just before the onset and which after it.

    Where the case's baseline belongs to another time, the samples before the detection are all there is; the one
    during which it was detected is left out: it may be of both kinds.
    """
    at = {key: float(case[key]) for key in ("base_start", "base_end", "anom_start", "anom_end", "detect_time")}
    if at["base_start"] <= times[-1] and at["base_end"] >= times[0]:
        return (times >= at["base_start"]) & (times <= at["base_end"]), (times >= at["anom_start"]) & (
            times <= at["anom_end"]
        )
    return times + float(case["step_s"]) <= at["detect_time"], (times >= at["detect_time"]) & (times <= at["anom_end"])


def failing_of(case: Mapping[str, str], entry: Observed, root: str | None) -> Failing:
    """What fails: as the case says, or what the users' view shows."""
    if case["fault"].startswith("target="):
        node, _, name = case["fault"].removeprefix("target=").partition("|")
        return Failing(node, signal_of(name), name)
    moved: dict[Signal, float] = {}
    if entry.metrics:
        far = changes(entry)
        for metric, spreads, size in zip(entry.metrics, far.spreads, far.after - far.before, strict=True):
            # A share that was 0 has no spread: one percent is the least that counts.
            its = min(spreads, ENTRY_SPREADS * size / 0.01) if metric.signal is Signal.ERRORS else spreads
            moved[metric.signal] = max(moved.get(metric.signal, 0.0), float(np.nan_to_num(its)))
    signal = max(moved, key=lambda each: moved[each], default=None)
    return Failing(root, signal if signal and moved[signal] >= ENTRY_SPREADS else None)


def root_of(nodes: set[str], calls: frozenset[tuple[str, str]]) -> str | None:
    """The one node that others do not call and that reaches most; None if there is no such one."""
    known = {(caller, callee) for caller, callee in calls if {caller, callee} <= nodes and caller != callee}
    reached = {}
    for root in {caller for caller, _ in known} - {callee for _, callee in known}:
        seen, todo = {root}, [root]
        while todo:
            node = todo.pop()
            new = {callee for caller, callee in known if caller == node} - seen
            seen |= new
            todo += new
        reached[root] = len(seen)
    most = [root for root, count in reached.items() if count == max(reached.values())]
    return most[0] if len(most) == 1 else None


def read(folder: Path) -> Iterator[tuple[str, Observed, Failing]]:
    """Cases of a data folder: id, samples, what fails. Raises SystemExit with what is missing."""
    folder = folder if (folder / "cases.csv").is_file() else folder / "rootcause"
    if not (folder / "cases.csv").is_file():
        raise SystemExit(f"{folder.parent}: no cases.csv; DATA_DIR must hold it and an .npz for each scenario")
    edges: dict[str, set[tuple[str, str]]] = defaultdict(set)
    if (folder / "edges.csv").is_file():
        with (folder / "edges.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                edges[row["scenario"]].add((row["source"], row["target"]))
    with (folder / "cases.csv").open(newline="") as file:
        cases = list(csv.DictReader(file))
    for scenario in dict.fromkeys(case["npz"] for case in cases):
        with np.load(folder / scenario) as arrays:
            for case in (case for case in cases if case["npz"] == scenario):
                yield case["case_id"], *observed_of(case, arrays, edges[scenario.removesuffix(".npz")])


def observed_of(
    case: Mapping[str, str], arrays: Mapping[str, np.ndarray], edges: set[tuple[str, str]]
) -> tuple[Observed, Failing]:
    prefix = f"{case['key']}|" if case["key"] else ""
    times, values = arrays[f"{prefix}t"].astype(np.float64), arrays[f"{prefix}X"].astype(np.float64)
    usual = arrays["noissue|X"].astype(np.float64) if prefix and "noissue|X" in arrays else None
    parsed = [metric_of(str(column)) for column in arrays["columns"]]
    calls = frozenset(edges | {call for _, call in parsed if call})
    before, after = sides(case, times)

    def part(entry: bool) -> Observed:
        kept = [at for at, (its, _) in enumerate(parsed) if its and its.node.startswith(ENTRY) is entry]
        metrics = tuple(its for its, _ in (parsed[at] for at in kept) if its)
        meant = as_meant(values[:, kept], metrics, float(case["step_s"]))
        past = None if usual is None else as_meant(usual[:, kept], metrics, float(case["step_s"]))
        return Observed(metrics, meant[before], meant[after], calls, past)

    nodes = part(entry=False)
    return nodes, failing_of(case, part(entry=True), root_of({metric.node for metric in nodes.metrics}, calls))


def lines(name: str, ranking: Ranking, signals: Mapping[tuple[str, str], str]) -> Iterator[tuple[object, ...]]:
    """Rows of the result: each node once, with the metric that speaks for it most."""
    for place, suspect in enumerate(ranking.suspects, 1):
        metric = next((its.metric for its in suspect.evidence if its.metric), "")
        said = f"{signals.get((suspect.node, metric), '')} {metric}".strip()
        yield name, place, suspect.node, said, f"{suspect.points:.4f}", int(ranking.visible)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    begin, count, unseen = time.process_time(), 0, 0
    with options.out.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("case_id", "rank", "service", "metric", "points", "visible"))
        for name, observed, failing in read(options.data):
            ranking = rank(observed, failing)
            signals = {(metric.node, metric.name): str(metric.signal) for metric in observed.metrics}
            out.writerows(lines(name, ranking, signals))
            count, unseen = count + 1, unseen + (not ranking.visible)
    print(f"{count} cases, {unseen} not visible in the metrics, {time.process_time() - begin:.1f} s CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
