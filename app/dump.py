"""The screen as it is, as files: a picture to show, text to search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.clock import SystemClock
from app.export.files import write_new
from app.snapshot import ActResult

if TYPE_CHECKING:
    from textual.screen import Screen


def text_of(screen: Screen[object]) -> str:
    """What is painted, line by line."""
    # There is no public way to what is painted but as a picture.
    strips = screen._compositor.render_strips(screen.size)
    return "".join(f"{strip.text.rstrip()}\n" for strip in strips)


def dumped(picture: str, text: str) -> ActResult:
    """Both in files; says where."""
    now = SystemClock().now()
    try:
        paths = [write_new(f"tocsin-screen.{suffix}", body, now) for suffix, body in (("svg", picture), ("txt", text))]
    except OSError as error:
        return ActResult(False, f"not written: {error.filename}: {error.strerror}")
    return ActResult(True, f"written to {paths[0]} and {paths[1].name}")
