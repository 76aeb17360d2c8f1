"""`tocsin demo`: the console on the bundled recording of an incident; needs no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.commands.common import speed
from app.commands.replay import play

if TYPE_CHECKING:
    import argparse

SPEED = 60.0
"""A recorded minute in a second: the hour's incidents unfold while one looks around."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--speed", type=speed, default=SPEED, help="recorded seconds per second (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Replay the bundled recording in the console."""
    from app.opening import BUNDLED
    from app.snapshot import DEMO

    return play(BUNDLED, options, DEMO)
