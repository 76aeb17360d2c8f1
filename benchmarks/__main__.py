"""All benchmarks one after the other, then one table of goals: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.measure import Goal

NAMES = (
    "start",
    "engine",
    "console",
    "cycle",
    "decode",
    "kubernetes",
    "widgets",
    "detectors",
    "scoring",
    "storage",
    "scenarios",
    "calibration",
)


def machine() -> str:
    """What it ran on; nothing that tells whose machine it is."""
    kind = platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        kind = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), kind)
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"{os.cpu_count()} cores of {kind}, Python {platform.python_version()}, load {load}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    chosen = parser.parse_args().names or NAMES
    if unknown := sorted(set(chosen) - set(NAMES)):
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    # As the command line does it, before anything imports numpy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from benchmarks.measure import goals_table

    print(f"{machine()}, {time.strftime('%Y-%m-%d')}\n")
    goals: list[Goal] = []
    for name in chosen:
        print(f"## {name}\n", flush=True)
        goals += importlib.import_module(f"benchmarks.{name}").main([])
        print(f"load afterwards: {os.getloadavg()[0]:.1f}\n", flush=True)
    print(goals_table(goals, "All goals"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
