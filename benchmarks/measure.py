"""What all benchmarks share: interleaved rounds, medians, and a table."""

from __future__ import annotations

import asyncio
import gc
import statistics
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def interleaved(
    cases: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each case; the cases take turns, so that a busy machine is unfair to all alike."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(rounds + 1):
        for name, case in cases.items():
            gc.collect()
            begin = clock()
            case()
            if turn:
                taken[name].append(clock() - begin)
    return {name: statistics.median(times) for name, times in taken.items()}


class Lateness(NamedTuple):
    """By how many seconds the ticks of an event loop came late."""

    all: np.ndarray
    own: np.ndarray
    """Less the time that this process's threads were ready to run and got no processor: what is left is our doing."""


def lateness(work: Callable[[], object], rounds: int, tick: float = 0.002) -> Lateness:
    """How late the loop ticks while another thread works."""
    late: list[tuple[float, float]] = []
    done = threading.Event()

    def run() -> None:
        for _ in range(rounds):
            work()
        done.set()

    async def ticks() -> None:
        while not done.is_set():
            begin, queued = time.perf_counter(), _queued()
            await asyncio.sleep(tick)
            over = time.perf_counter() - begin - tick
            late.append((over, max(0.0, over - max(0.0, _queued() - queued))))

    thread = threading.Thread(target=run)
    thread.start()
    asyncio.run(ticks())
    thread.join()
    whole, own = np.array(late).T
    return Lateness(whole, own)


def _queued() -> float:
    """Seconds that the threads of this process have stood in the kernel's run queues so far; 0 outside of Linux."""
    total = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError, ValueError):
            total += int(path.read_text().split()[1])
    return total / 1e9


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"### {title}", "", "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])
