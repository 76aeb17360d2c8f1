"""Investigations as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from app.findings import investigation
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from storage.records import InvestigationRecord

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would calculate with."""


def csv_table(cases: Iterable[InvestigationRecord], now: float) -> str:
    """One line for each, with the fields of the JSON; what belongs to the entity is `entity.kind` and so on."""
    rows = [dict(_flat(investigation(case, now))) for case in cases]
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _flat(value: dict[str, Any], head: str = "") -> Iterator[tuple[str, object]]:
    for name, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{head}{name}.")
        else:
            yield f"{head}{name}", _cell(item)


def _cell(item: object) -> object:
    if isinstance(item, list):
        item = " ".join(map(str, item))
    if isinstance(item, str):
        text = clean(item)
        return f"'{text}" if text.startswith(_FORMULAS) else text
    return item
