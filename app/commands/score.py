"""`tocsin score`: the scorer of any series, over a file."""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from typing import TYPE_CHECKING

from app.exits import Exit

if TYPE_CHECKING:
    from detectors.scoring.batch import Trace
    from detectors.scoring.grid import Samples

SHOWN_ALERTS = 10
"""Of each series, the newest."""
CHART_LINES = 14
FEWEST_POINTS = 2


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("file", metavar="FILE.csv", help="series_id,timestamp,value; may be gzipped (.gz); - is input")
    parser.add_argument("--series", metavar="ID", help="only this series")
    parser.add_argument(
        "--points", type=_points, default=600, help="newest samples in the chart, at least 2 (default: 600)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print score, band and alert of every sample as CSV")
    form.add_argument("--json", action="store_true", help="print one JSON line per alert")


def run(options: argparse.Namespace) -> int:
    """Score every series by what came before each sample, and print what was asked for."""
    from app.settings.loading import SettingsError
    from app.sources.series_file import read_series
    from detectors.scoring.batch import traces

    series = read_series(options.file)
    if options.series is not None:
        if options.series not in series:
            some = ", ".join(list(series)[:5])
            raise SettingsError(f"{options.file}: there is no series {options.series!r}; there are {some or 'none'}")
        series = {options.series: series[options.series]}
    scored = dict(traces(series))
    if options.csv:
        _print_csv(series, scored)
    elif options.json:
        _print_json(series, scored)
    else:
        for name, samples in series.items():
            _print_text(name, samples, scored[name], options.points)
    return Exit.OK


def _points(text: str) -> int:
    if not text.isdecimal() or int(text) < FEWEST_POINTS:
        raise argparse.ArgumentTypeError(f"{text!r} is no chart's width; allowed: {FEWEST_POINTS} or more")
    return int(text)


def _print_csv(series: dict[str, Samples], scored: dict[str, Trace]) -> None:
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("series_id", "timestamp", "value", "score", "low", "high", "is_anomaly"))
    for name, samples in series.items():
        trace = scored[name]
        rows = zip(samples.times, samples.values, trace.score, trace.low, trace.high, trace.alert, strict=True)
        for at, value, score, low, high, alert in rows:
            out.writerow((name, f"{at:.15g}", *(f"{each:.6g}" for each in (value, score, low, high)), int(alert)))


def _print_json(series: dict[str, Samples], scored: dict[str, Trace]) -> None:
    from app.findings import SCHEMA, instant, json_line

    for name, samples in series.items():
        trace = scored[name]
        for at in trace.alert.nonzero()[0].tolist():
            columns = {"value": samples.values, "score": trace.score, "low": trace.low, "high": trace.high}
            line = {"schema": SCHEMA, "series_id": name, "timestamp": instant(float(samples.times[at]))}
            print(json_line(line | {key: float(column[at]) for key, column in columns.items()}))


def _print_text(name: str, samples: Samples, trace: Trace, points: int) -> None:
    from widgets.text import age, clean, quantity, stamp

    found = trace.alert.nonzero()[0]
    print(f"{clean(name)}: {len(samples.times)} samples, one each {age(samples.step)}, {len(found)} alerts")
    notes = {"duplicate": samples.duplicates, "out of order": samples.reordered}
    if told := ", ".join(f"{count} {what}" for what, count in notes.items() if count):
        print(f"  {told}: the last of each time counts")
    for at in found[-SHOWN_ALERTS:]:
        now = float(samples.times[-1])
        value, low, high = (quantity(float(each[at])) for each in (samples.values, trace.low, trace.high))
        print(
            f"  {stamp(float(samples.times[at]), now)}  {value}, expected {low} to {high}, score {trace.score[at]:.1f}"
        )
    for line in _chart(samples, trace, points):
        print(f"  {line}")


def _chart(samples: Samples, trace: Trace, points: int) -> list[str]:
    import numpy as np

    from detectors.series import Band
    from widgets.chart_picture import ChartMark, Picture, draw

    newest = slice(-points, None)
    times = samples.times[newest].astype(np.int64)
    if len(times) < FEWEST_POINTS:
        return []
    band = Band(times, samples.values[newest], trace.low[newest], trace.high[newest])
    marks = tuple(ChartMark(float(at), "alert") for at in times[trace.alert[newest]])
    picture = Picture(band, marks=marks, hatched=True)
    width = max(40, shutil.get_terminal_size().columns - 2)
    return [line.plain.rstrip() for line in draw(picture, width, CHART_LINES)]
