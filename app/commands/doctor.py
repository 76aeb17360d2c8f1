"""`tocsin doctor`: is everything there that Tocsin needs, and what to do where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.commands.common import loaded_settings
from app.exits import Exit

if TYPE_CHECKING:
    import argparse

_MARKS = {True: "ok  ", False: "FAIL", None: "?   "}


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--json", action="store_true", help="print JSON lines")


def run(options: argparse.Namespace) -> int:
    """Print every check; the exit code says whether one failed."""
    from app.doctor import examine
    from app.findings import json_line
    from widgets.text import clean

    results = examine(loaded_settings(options))
    for result in results:
        if options.json:
            print(json_line(result))
            continue
        print(f"{_MARKS[result.ok]} {result.name:<26} {clean(result.detail)}")
        if result.hint and result.ok is not True:
            print(f"     {'':<26} {clean(result.hint)}")
    return Exit.FINDINGS if any(result.ok is False for result in results) else Exit.OK
