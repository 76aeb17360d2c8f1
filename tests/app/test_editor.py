"""The settings file in the engineer's own editor, on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import shlex
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.app.rig import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

CONSOLE = """
import asyncio
from functools import partial
from pathlib import Path
from app.console import Console, run_console
from tests.app.screens.fake_session import FakeSession
from tests.app.screens.running import eventually, painted, toasts

session, run = FakeSession(), Console.run

async def edit(console, pilot):
    await eventually(pilot, lambda: console.snapshot is session.snapshot)
    await pilot.press("4")
    await eventually(pilot, lambda: "prometheus.url" in painted(console))
    await pilot.press("e")
    await eventually(pilot, lambda: toasts(console))
    Path("said").write_text(toasts(console)[0])
    console.do_quit()

Console.run = lambda self, mouse: run(self, mouse=mouse, auto_pilot=partial(edit, self))
raise SystemExit(run_console(lambda choice: session))
"""

EDITOR = """
import sys, termios
local = termios.tcgetattr(0)[3]
assert local & termios.ICANON and local & termios.ECHO, "the terminal is not the editor's"
print("what shall it be?", flush=True)
line = input()
assert sys.argv[1:-1] == ["--wait"]
open(sys.argv[-1], "a").write(line)
"""


class Terminal:
    """A terminal of 36 lines of 120 columns; what is written to it is kept."""

    def __init__(self) -> None:
        self.own, self.theirs = os.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        self.seen = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                self.seen += os.read(self.own, 1 << 16)
            except OSError:
                return

    def write(self, text: str) -> None:
        """As if typed."""
        os.write(self.own, text.encode())


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    each = Terminal()
    yield each
    os.close(each.theirs)
    os.close(each.own)


def started(terminal: Terminal, folder: Path, editor: str) -> subprocess.Popen[bytes]:
    """The console on that terminal, which opens the settings file and quits once something was said of it."""
    program = folder / "console.py"
    program.write_text(CONSOLE)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "EDITOR": editor, "TERM": "xterm-256color"}
    environment.pop("VISUAL", None)
    return subprocess.Popen(
        [sys.executable, program], cwd=folder, env=environment, start_new_session=True,
        stdin=terminal.theirs, stdout=terminal.theirs, stderr=terminal.theirs,
    )  # fmt: skip


def test_the_editor_gets_the_terminal_and_the_console_gets_it_back(terminal: Terminal, tmp_path: Path) -> None:
    editor = tmp_path / "my editor.py"
    editor.write_text(EDITOR)
    before = termios.tcgetattr(terminal.theirs)
    console = started(terminal, tmp_path, shlex.join([sys.executable, str(editor), "--wait"]))
    wait_for(lambda: b"what shall it be?" in terminal.seen, lambda: terminal.seen[-2000:], 60.0)
    assert not (tmp_path / "said").exists(), "the console waits for the editor"
    terminal.write("[engine]\n")
    assert console.wait(60) == 0, terminal.seen[-2000:]
    assert (tmp_path / "config.toml").read_text() == "[engine]"
    assert (tmp_path / "said").read_text().startswith("config.toml:3: "), "what the session said when it read it again"
    assert termios.tcgetattr(terminal.theirs) == before


def test_an_editor_that_is_not_there_is_named(terminal: Terminal, tmp_path: Path) -> None:
    console = started(terminal, tmp_path, "no-such-editor --wait")
    assert console.wait(60) == 0, terminal.seen[-2000:]
    assert (tmp_path / "said").read_text().startswith("$EDITOR 'no-such-editor --wait' cannot be run: ")
