"""What all benchmarks share: interleaved rounds, medians, how late an event loop is, tables, and goals."""

from __future__ import annotations

import asyncio
import gc
import statistics
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


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
    others: np.ndarray
    """CPU seconds of this process's other threads in that tick: for no longer can they have held the interpreter lock,
    and a busy machine changes little about it."""


def lateness(work: Callable[[], object], rounds: int, tick: float = 0.002) -> Lateness:
    """How late the loop ticks while another thread works."""
    late: list[tuple[float, float, float]] = []
    done = threading.Event()

    def run() -> None:
        for _ in range(rounds):
            work()
        done.set()

    async def ticks() -> None:
        while not done.is_set():
            begin, queued, others = time.perf_counter(), _queued(), _others()
            await asyncio.sleep(tick)
            over = time.perf_counter() - begin - tick
            late.append((over, max(0.0, over - max(0.0, _queued() - queued)), _others() - others))

    thread = threading.Thread(target=run)
    thread.start()
    asyncio.run(ticks())
    thread.join()
    return Lateness(*np.array(late).T)


def _others() -> float:
    """CPU seconds of this process's threads but the one that asks."""
    return time.process_time() - time.thread_time()


def _queued() -> float:
    """Seconds that the threads of this process have stood in the kernel's run queues so far; 0 outside of Linux."""
    total = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError, ValueError):
            total += int(path.read_text().split()[1])
    return total / 1e9


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that the program is to keep, and what it was this time."""

    name: str
    what: str
    measured: float
    limit: float
    unit: str = "x"
    at_least: bool = False
    """Whether more is better."""

    @property
    def met(self) -> bool:
        """Whether it is kept."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """For the table of goals."""
        sign = ">=" if self.at_least else "<="
        limit = f"{sign} {_short(self.limit)} {self.unit}"
        return self.name, self.what, f"{_short(self.measured)} {self.unit}", limit, "yes" if self.met else "**no**"


def goals_table(goals: Sequence[Goal], title: str = "Goals") -> str:
    """All goals in Markdown."""
    return table(title, ("goal", "what", "measured", "wanted", "met"), [goal.row for goal in goals])


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2f}".rstrip("0").rstrip(".")


def curl(urls: Sequence[str], parallel: int) -> float:
    """Seconds that one process takes to ask for all of these and to throw the answers away, some at once."""
    lines = "".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in urls)
    command = ["curl", "-sS", "--fail", "--parallel", "--parallel-immediate", "--parallel-max", str(parallel)]
    began = time.perf_counter()
    subprocess.run([*command, "--config", "-"], input=lines, text=True, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def milliseconds(late: np.ndarray) -> tuple[str, str, str]:
    """Median, 99th percentile and maximum of seconds, as texts in ms."""
    parts = (np.median(late), np.quantile(late, 0.99), late.max())
    return tuple(f"{part * 1e3:.1f}" for part in parts)  # type: ignore[return-value]


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"### {title}", "", "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])
