"""Where log lines go: into the file that was asked for, and never onto the console's screen."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import logging
from pathlib import Path
from app.commands.common import log_to
log_to({target})
logging.getLogger("app.session").warning("the cycle failed")
logging.getLogger("urllib3.connectionpool").warning("Retrying")
logging.getLogger("app.session").debug("details")
"""


def logged(target: str) -> str:
    """What a program that logs writes to standard error."""
    program = PROGRAM.format(target=target)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr


def test_without_a_file_nothing_reaches_the_screen() -> None:
    assert logged("None") == ""


@pytest.mark.parametrize("line", ["the cycle failed", "Retrying", "details"])
def test_with_a_file_everything_is_in_it_and_the_screen_stays_clean(tmp_path: Path, line: str) -> None:
    file = tmp_path / "tocsin.log"
    assert logged(f"Path({str(file)!r})") == ""
    assert line in file.read_text("utf-8")
