"""Every screen at both sizes as SVG and PNG, from the bundled recording.

`python -m screenshots.make [FOLDER]` writes beside this file unless told otherwise.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from app.console import Console
from app.opening import BUNDLED, replay_session
from app.settings.loading import load_settings
from app.snapshot import ENDED
from screenshots import png
from widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from textual.pilot import Pilot

    from app.settings.loading import LoadedSettings

SIZES = {"120x36": (120, 36), "80x24": (80, 24)}
MOMENT = 44.5 * 60
"""Seconds into the recording at which it stands still: several cases are open, one has recovered."""
SETTINGS = Path("~/.config/tocsin/config.toml")
"""The settings file that the pictures name; what they show is the defaults."""
ENGINEER = "oncall"
"""Who did what is done in them."""
PATIENCE = 120.0
"""Seconds for the console to get there."""


@dataclass(frozen=True)
class Picture:
    """One screen, how to get there from the inbox, and how to get back."""

    name: str
    keys: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    ready: str = ""
    """Selects a list that has something to show by then."""
    theme: str = "tocsin"
    sizes: tuple[str, ...] = tuple(SIZES)


PICTURES = (
    Picture("inbox", ("g", "j", "j")),
    Picture("inbox-light", theme="tocsin-light", sizes=("120x36",)),
    Picture("help", ("?",), ("escape",)),
    Picture("snooze", ("s",), ("escape",), sizes=("80x24",)),
    Picture("investigation", ("G", "enter"), ("1",), "#ledger"),
    Picture("coverage", ("3",), ("1",), "RowList"),
    Picture("settings", ("4",), ("1",), "RowList"),
    Picture("advisor", ("5",), ("1",)),
    Picture("quality", ("6",), ("1",)),
    Picture("outbox", ("7",), ("1",)),
    Picture("workloads", ("8",), ("1",), "RowList"),
    Picture("connection", (":", *"connect", "enter")),
)
"""In an order in which none changes what a later one shows."""


async def until(pilot: Pilot[int], condition: Callable[[], object]) -> None:
    """Wait for it, and for what follows to be drawn."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the console has nothing to show")
        await asyncio.sleep(0.02)
    await pilot.pause(0.4)


async def take(console: Console, pilot: Pilot[int], picture: Picture, target: Path) -> None:
    """One picture."""
    console.theme = picture.theme
    await pilot.press(*picture.keys)
    if picture.ready:
        await until(pilot, lambda: console.view.query_one(picture.ready, RowList).rows.items)
    console.clear_notifications()
    await pilot.pause(0.4)
    target.with_suffix(".svg").write_text(console.export_screenshot(simplify=True), encoding="utf-8")
    png.write(target.with_suffix(".svg"), target.with_suffix(".png"))
    await pilot.press(*picture.back)


async def take_all(loaded: LoadedSettings, size: str, folder: Path) -> list[Path]:
    """All pictures of a size, in one run of the console."""
    session = replay_session(BUNDLED, loaded, 0.0, "demo", length=MOMENT)
    console = Console(lambda _: session, zone=UTC)
    console.animation_level = "none"
    pictures = {folder / f"{picture.name}-{size}": picture for picture in PICTURES if size in picture.sizes}
    async with console.run_test(size=SIZES[size]) as pilot:
        await until(pilot, lambda: console.snapshot.mode == ENDED and console.snapshot is session.newest)
        for target, picture in pictures.items():
            await take(console, pilot, picture, target)
    console.link.close()
    return list(pictures)


def make(folder: Path) -> Iterator[Path]:
    """All pictures, from the defaults alone; yields what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["LOGNAME"] = ENGINEER
    with tempfile.TemporaryDirectory(prefix="tocsin-") as place:
        file = Path(place) / "tocsin.toml"
        file.touch()
        loaded = replace(load_settings(file, environment={}), path=SETTINGS)
        for size in SIZES:
            yield from asyncio.run(take_all(loaded, size, folder))


def main(arguments: Sequence[str]) -> int:
    """Write them."""
    for target in make(Path(arguments[0]) if arguments else Path(__file__).parent):
        sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
