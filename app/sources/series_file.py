"""Series from a CSV file: series_id, timestamp, value; plain or gzipped, or from standard input."""

from __future__ import annotations

import csv
import gzip
import io
import math
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.settings.loading import SettingsError
from detectors.scoring.grid import Samples, ordered

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

MISSING = {"", "nan", "null", "none", "na"}
"""How a missing value may be written, in any case."""
EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_799.0
"""Unix seconds of the years 1 and 9999; milliseconds are beyond."""
COLUMNS = "series_id (may be missing where there is one series), timestamp, value"


def read_series(name: str) -> dict[str, Samples]:
    """The series of a file, in the order of their first sample, each sorted by time.

    Args:
        name: a path, gzipped where it ends in `.gz`; `-` is standard input.

    Raises:
        SettingsError: the file cannot be read or a row is not understood; it names file, line and what is allowed.
    """
    try:
        with _opened(name) as file:
            return _series(name, file)
    except (OSError, UnicodeDecodeError, EOFError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise SettingsError(f"{name}: {why}; a CSV file in UTF-8 is allowed, gzipped as .gz, or - for input") from None


def _opened(name: str) -> TextIO:
    if name == "-":
        return io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")
    if name.endswith(".gz"):
        return gzip.open(name, "rt", encoding="utf-8-sig", newline="")
    return Path(name).open(encoding="utf-8-sig", newline="")


def _series(name: str, lines: Iterable[str]) -> dict[str, Samples]:
    rows = csv.DictReader(lines)
    there = rows.fieldnames or []
    if there and not {"timestamp", "value"} <= set(there):
        raise SettingsError(f"{name}: line 1 has the columns {', '.join(there)}; needed: {COLUMNS}")
    found: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    wrong: list[str] = []
    for row in rows:
        try:
            at, value = _time(row["timestamp"] or ""), _value(row["value"] or "")
        except ValueError as error:
            wrong.append(f"line {rows.line_num}: {error}")
            continue
        times, values = found[row.get("series_id") or "series"]
        times.append(at)
        values.append(value)
    if wrong:
        several = f"{len(wrong)} lines are not understood, the first is " if len(wrong) > 1 else ""
        raise SettingsError(f"{name}: {several}{wrong[0]}")
    if not found:
        raise SettingsError(f"{name}: there are no samples; needed: a line with the columns {COLUMNS}, and the samples")
    return {key: ordered(*samples) for key, samples in found.items()}


def _time(text: str) -> float:
    try:
        at = float(text)
    except ValueError:
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            at = math.nan
        else:
            at = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    if not EARLIEST <= at <= LATEST:
        raise ValueError(f"timestamp is {text!r}; allowed: unix seconds or 2026-03-14T02:40:00Z")
    return at


def _value(text: str) -> float:
    if text.strip().lower() in MISSING:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"value is {text!r}; allowed: a number, or nothing where it is missing") from None
