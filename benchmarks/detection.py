"""Alerts on labelled series, causally, one setting for all: `python -m benchmarks.detection DATA_DIR --out FILE`.

DATA_DIR has `series.csv` (series_id, family, ...) and one `<family>.npz` per family with the arrays "<series_id>|t" and
"<series_id>|v". Neither the family nor a label reaches the scorer; it gets times and values. The result has a row for
each sample where an alert starts: series_id, timestamp, score, is_anomaly.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.learnt import Judge
from detectors.scoring.batch import traces
from detectors.scoring.grid import Samples, ordered
from detectors.scoring.window import windowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Alerts = tuple[np.ndarray, np.ndarray]
"""Times (unix seconds) and scores of one series' alerts."""


def read(folder: Path) -> dict[str, Samples]:
    """The series of a data folder by id. Raises SystemExit with what is missing."""
    listing = folder / "series.csv"
    if not listing.is_file():
        raise SystemExit(f"{listing}: not found; DATA_DIR must hold series.csv and an .npz for each family")
    with listing.open(newline="") as file:
        families = {row["series_id"]: row["family"] for row in csv.DictReader(file)}
    found = {}
    for family in sorted(set(families.values())):
        with np.load(folder / f"{family}.npz") as arrays:
            for name in (name for name, its in families.items() if its == family):
                found[name] = ordered(arrays[f"{name}|t"], arrays[f"{name}|v"])
    return found


def streamed(series: Mapping[str, Samples]) -> Iterator[tuple[str, Alerts]]:
    """Alerts of series scored sample by sample."""
    for name, trace in traces(series):
        yield name, (series[name].times[trace.alert], trace.score[trace.alert])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--history", type=float, metavar="MINUTES", help="judge each sample by this much data only")
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="leave out alerts that a label-trained member doubts"
    )
    options = parser.parse_args(arguments)
    judge = Judge.read(options.model) if options.model else None
    series = read(options.data)
    begin = time.process_time()
    if options.history:
        alerts = {name: windowed(samples, options.history * 60) for name, samples in series.items()}
    else:
        alerts = dict(streamed(series))
    if judge is not None:
        alerts = {name: judge.kept(*found) for name, found in alerts.items()}
    taken = time.process_time() - begin
    with options.out.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("series_id", "timestamp", "score", "is_anomaly"))
        for name in series:
            out.writerows((name, f"{at:.0f}", f"{score:.4f}", 1) for at, score in zip(*alerts[name], strict=True))
    count = sum(len(samples.times) for samples in series.values())
    print(
        f"{len(series)} series, {count} samples, {sum(len(at) for at, _ in alerts.values())} alerts, {taken:.1f} s CPU"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
