"""From fork to the first paint of the real console, against a bare Textual app: `python -m benchmarks.start`.

Goals (G5): at most 1.35 times as long as an app of one line of text, however much the store holds. `tocsin --help`
imports nothing heavy. Each start is a new process in a terminal of its own; what counts is when the text that only a
painted screen has arrives there.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Goal, goals_table, interleaved, table
from benchmarks.storage import CLUSTER, updates
from storage.database import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BARE = """
from textual.app import App
from textual.widgets import Label
class Bare(App):
    def compose(self):
        yield Label("bare app")
Bare().run()
"""
CONSOLE = "import sys; from app.cli import main; sys.exit(main())"
HEAVY = ("textual", "numpy", "plotext", "kubernetes", "httpx", "sqlite3", "msgspec")
PATIENCE = 30.0
PATIENCE_COUNTING = 300.0
"""Under a program that counts instructions, beside other work."""


def environment() -> dict[str, str]:
    """This process's, with bytecode allowed, in a terminal of many colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONDONT", "PROMETHEUS"))}
    return kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "KUBECONFIG": os.devnull}


def painted(code: str, arguments: Sequence[str], *marks: bytes, under: Sequence[str] = ()) -> tuple[float, ...]:
    """Seconds from fork until each mark has been written to the terminal; `under` is a program that runs Python."""
    found: list[float] = []
    surroundings = environment()
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if not pid:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        command = [*under, sys.executable, "-c", code, *arguments]
        os.execvpe(command[0], command, surroundings)
    try:
        seen = b""
        for mark in marks:
            while mark not in seen:
                if not select.select([terminal], [], [], PATIENCE_COUNTING if under else PATIENCE)[0]:
                    raise TimeoutError(f"{mark!r} was not painted: {seen[-500:]!r}")
                seen += os.read(terminal, 1 << 16)
            found.append(time.perf_counter() - began)
    finally:
        os.kill(pid, signal.SIGTERM if under else signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    return tuple(found)


def instructions(code: str, arguments: Sequence[str], mark: bytes) -> float:
    """Millions of instructions from fork until a mark has been written; other work on the machine changes nothing."""
    with tempfile.NamedTemporaryFile("r") as log:
        callgrind = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}", f"--log-file={log.name}")
        painted(code, arguments, mark, under=callgrind)
        return int(log.read().partition("Collected :")[2].split()[0]) / 1e6


def console_on(folder: Path, anomalies: int) -> list[str]:
    """Arguments that open the console on a store with so many anomalies, of a cluster that does not answer."""
    folder.mkdir()
    with Store.open(folder / "tocsin.db") as store:
        for update in updates(anomalies):
            store.cycles.write(update)
    (folder / "config.toml").touch()
    kubeconfig = folder / "kubeconfig"
    nowhere = "http://127.0.0.1:9"
    kubeconfig.write_text(
        f'{{"clusters": [{{"name": "c", "cluster": {{"server": "{nowhere}"}}}}], "users": [],'
        f' "contexts": [{{"name": "{CLUSTER}", "context": {{"cluster": "c"}}}}], "current-context": "{CLUSTER}"}}'
    )
    files = {"--db": folder / "tocsin.db", "--config": folder / "config.toml", "--kubeconfig": kubeconfig}
    return [text for name, path in files.items() for text in (name, str(path))] + ["--prometheus", nowhere]


def starts(cases: Mapping[str, tuple[str, Sequence[str], Sequence[bytes]]], rounds: int) -> dict[str, list[float]]:
    """Median seconds to each mark of each case, in turns; the first round makes bytecode and warms caches."""
    taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in cases}
    for turn in range(rounds + 1):
        for name, (code, arguments, marks) in cases.items():
            spent = painted(code, arguments, *marks)
            if turn:
                taken[name].append(spent)
    return {name: [statistics.median(times) for times in zip(*spent, strict=True)] for name, spent in taken.items()}


def imported(*arguments: str) -> set[str]:
    """The modules that a command ends with."""
    code = f"import atexit, sys; atexit.register(lambda: print('MODULES', *sys.modules)); {CONSOLE}"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment(), capture_output=True, text=True, check=True
    )
    return set(done.stdout.rpartition("MODULES ")[2].split())


def answered(*command: str) -> None:
    """Run a command to its end."""
    subprocess.run([sys.executable, *command], env=environment(), stdout=subprocess.DEVNULL, check=True)


def counted(mark: bytes) -> list[Goal]:
    """The first paint by instructions."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = console_on(Path(folder, "600"), 600)
        # Makes bytecode.
        painted(CONSOLE, arguments, mark)
        bare, own = instructions(BARE, (), b"bare app"), instructions(CONSOLE, arguments, mark)
    print(
        table("To first paint", ("start", "million instructions"), [("bare", f"{bare:.0f}"), ("console", f"{own:.0f}")])
    )
    found = [Goal("G5", "instructions to first paint / a bare app's", own / bare, 1.35)]
    print(goals_table(found))
    return found


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anomalies", type=int, default=300_000, help="in the large store")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--instructions", action="store_true", help="count instructions instead (needs valgrind)")
    options = parser.parse_args(arguments)
    marks = (b"investigations", b"service-")
    if options.instructions:
        return counted(marks[0])
    with tempfile.TemporaryDirectory() as folder:
        sizes = {f"console, {count:,} anomalies stored": count for count in (600, options.anomalies)}
        opened = {name: console_on(Path(folder, str(count)), count) for name, count in sizes.items()}
        taken = starts(
            {"bare app": (BARE, (), (b"bare app",))}
            | {name: (CONSOLE, extra, marks) for name, extra in opened.items()},
            options.rounds,
        )
    bare = taken["bare app"][0]
    rows = [
        (name, f"{times[0] * 1e3:.0f}", f"{times[0] / bare:.2f}", f"{times[1] * 1e3:.0f}" if times[1:] else "")
        for name, times in taken.items()
    ]
    header = ("start", "first paint, ms", "x bare", "stored rows on screen, ms")
    print(table(f"From fork to paint, median of {options.rounds}", header, rows))
    help_takes = interleaved(
        {
            "python -c pass": lambda: answered("-c", "pass"),
            "tocsin --help": lambda: answered("-c", CONSOLE, "--help"),
        },
        options.rounds,
    )
    modules = imported("--help")
    ended = [(name, f"{seconds * 1e3:.0f}") for name, seconds in help_takes.items()]
    print(table(f"To the end of a process; --help imports {len(modules)} modules", ("command", "ms"), ended))
    heavy = sorted(set(HEAVY) & modules)
    small, large = (taken[name][0] / bare for name in sizes)
    found = [
        Goal("G5", "first paint / a bare app's", small, 1.35),
        Goal("G5", f"the same with {options.anomalies:,} anomalies stored", large, 1.35),
        Goal("help", f"heavy modules that --help imports {heavy or ''}".strip(), len(heavy), 0, ""),
    ]
    print(goals_table(found))
    return found


if __name__ == "__main__":
    main()
