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
        raise SettingsError(
            f"{name}: {error}; a CSV file in UTF-8 is allowed, gzipped as .gz, or - for input"
        ) from None


def _opened(name: str) -> TextIO:
    if name == "-":
        return io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")
    if name.endswith(".gz"):
        return gzip.open(name, "rt", encoding="utf-8-sig", newline="")
    return Path(name).open(encoding="utf-8-sig", newline="")


def _series(name: str, lines: Iterable[str]) -> dict[str, Samples]:
    rows = csv.DictReader(lines)
    there = rows.fieldnames or []
    if not {"timestamp", "value"} <= set(there):
        raise SettingsError(f"{name}: line 1 has the columns {', '.join(there) or 'none'}; needed: {COLUMNS}")
    found: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for row in rows:
        where = f"{name}: line {rows.line_num}"
        times, values = found[row.get("series_id") or "series"]
        times.append(_time(where, row["timestamp"] or ""))
        values.append(_value(where, row["value"] or ""))
    return {key: ordered(*samples) for key, samples in found.items()}


def _time(where: str, text: str) -> float:
    try:
        at = float(text)
    except ValueError:
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            at = math.nan
        else:
            at = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(at):
        raise SettingsError(f"{where}: timestamp is {text!r}; allowed: unix seconds or 2026-03-14T02:40:00Z")
    return at


def _value(where: str, text: str) -> float:
    if text.strip().lower() in MISSING:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"{where}: value is {text!r}; allowed: a number, or nothing where it is missing") from None
