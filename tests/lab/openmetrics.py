"""Writes samples as text: OpenMetrics with timestamps for backfilling, and the live exposition of one target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TextIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.lab.exporter import Exporter
    from tests.lab.samples import Block, Target, Times

CHUNK = 240
"""Instants that are in memory at once."""


def labels_text(labels: dict[str, str]) -> str:
    """`{a="b",c="d"}` with escapes; empty without labels."""
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"


def escaped(value: str) -> str:
    """A label value as the text formats want it."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def write(exporter: Exporter, spans: Iterable[tuple[int, int, int]], out: TextIO) -> int:
    """Backfill: every sample of the spans (start, end, interval; unix seconds, ascending); returns how many."""
    written = 0
    for start, end, interval in spans:
        for chunk in grid(start, end, interval):
            stamps = [f" {at}\n" for at in chunk.tolist()]
            for block in exporter.collect(chunk, float(interval)):
                written += _lines(block, stamps, out)
    out.write("# EOF\n")
    return written


def grid(start: int, end: int, interval: int) -> Iterator[Times]:
    """The scrape times of a span, in chunks."""
    times = np.arange(start, end + 1, interval, dtype=np.int64)
    for begin in range(0, len(times), CHUNK):
        yield times[begin : begin + CHUNK]


def _lines(block: Block, stamps: Sequence[str], out: TextIO) -> int:
    whole = bool((np.nan_to_num(block.values) % 1 == 0).all())
    written = 0
    for row, (name, labels) in enumerate(block.series):
        values, at = block.values[row], stamps
        keep = np.flatnonzero(np.isfinite(values)).tolist()
        if not keep:
            continue
        if len(keep) < len(stamps):
            values, at = values[keep], [stamps[i] for i in keep]
        head = f"{name}{labels_text(block.target.merged(labels))} "
        numbers = values.astype(np.int64).tolist() if whole else values.tolist()
        out.write("".join([f"{head}{number}{stamp}" for number, stamp in zip(numbers, at, strict=True)]))
        written += len(numbers)
    return written


def pages(blocks: Iterable[Block]) -> dict[Target, str]:
    """The live exposition of every target that answers, in the Prometheus text format: newest values, no timestamps."""
    families: dict[Target, dict[str, list[str]]] = {}
    for block in blocks:
        page = families.setdefault(block.target, {})
        if block.family == "up":
            continue
        lines = page.setdefault(
            block.family, [f"# HELP {block.family} As its exporter writes it.", f"# TYPE {block.family} {block.kind}"]
        )
        for (name, labels), value in zip(block.series, block.values[:, -1].tolist(), strict=True):
            if not math.isnan(value):
                lines.append(f"{name}{labels_text(labels)} {value:.17g}")
    return {
        target: "".join(f"{line}\n" for lines in page.values() if len(lines) > 2 for line in lines)
        for target, page in families.items()
    }
