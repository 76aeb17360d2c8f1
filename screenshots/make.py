"""Every screen at both sizes as SVG and PNG, from the bundled recording.

`python -m screenshots.make [FOLDER]` writes beside this file unless told otherwise.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from app.console import Console
from screenshots import png
from widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.pilot import Pilot

    from app.connection import SessionFactory

SIZES = {"120x36": (120, 36), "80x24": (80, 24)}
PATIENCE = 120.0
"""Seconds for the session to have something to show."""


@dataclass(frozen=True)
class Picture:
    """One screen, and how to get there."""

    name: str
    keys: tuple[str, ...] = ()
    ready: str = ""
    """Id of a widget that has something to show by then."""
    theme: str = ""


PICTURES = (
    Picture("inbox"),
    Picture("inbox-light", theme="tocsin-light"),
    Picture("investigation", ("enter",), "#ledger"),
    Picture("coverage", ("3",), "RowList"),
    Picture("settings", ("4",), "RowList"),
    Picture("help", ("?",)),
    Picture("snooze", ("s",)),
    Picture("connection", (":", *"connect", "enter")),
)


async def until(pilot: Pilot[int], condition: Callable[[], object]) -> None:
    """Wait for it, and for what follows to be drawn."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the console has nothing to show")
        await asyncio.sleep(0.02)
    await pilot.pause(0.4)


async def take(factory: SessionFactory, picture: Picture, size: tuple[int, int], target: Path) -> None:
    """One picture."""
    console = Console(factory, theme=picture.theme, zone=UTC)
    console.animation_level = "none"
    async with console.run_test(size=size) as pilot:
        await until(pilot, lambda: console.snapshot.cycle and console.snapshot.rows)
        await pilot.press(*picture.keys)
        if picture.ready:
            await until(pilot, lambda: console.view.query_one(picture.ready, RowList).rows.items)
        else:
            await pilot.pause(0.4)
        console.clear_notifications()
        await pilot.pause(0.2)
        target.with_suffix(".svg").write_text(console.export_screenshot(simplify=True), encoding="utf-8")
    console.link.close()
    png.write(target.with_suffix(".svg"), target.with_suffix(".png"))


def make(factory: SessionFactory, folder: Path) -> list[Path]:
    """All pictures; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for picture in PICTURES:
        for name, size in SIZES.items():
            target = folder / f"{picture.name}-{name}"
            asyncio.run(take(factory, picture, size, target))
            written.append(target)
    return written


def main(arguments: Sequence[str]) -> int:
    """Write them."""
    from tests.app.screens.fake_session import session_of

    folder = Path(arguments[0]) if arguments else Path(__file__).parent
    for target in make(lambda _: session_of("inbox"), folder):
        sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
