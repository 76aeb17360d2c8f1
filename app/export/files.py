"""Where an export is written: beside nobody else's files, and never over one."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def write_new(name: str, text: str, now: float, folders: Sequence[Path] | None = None) -> Path:
    """Write a file that was not there before, which nobody else may read.

    Args:
        name: `tocsin-412.md`; the time goes before its suffix.
        text: what it holds.
        now: unix seconds.
        folders: the first that can be written to; by default where the program was started, then the home folder.

    Returns:
        The file.

    Raises:
        OSError: none of the folders can be written to.
    """
    stem, dot, suffix = name.rpartition(".")
    stem = f"{stem}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    *others, last = folders or (Path.cwd(), Path.home())
    for folder in others:
        try:
            return _written(folder, stem, dot + suffix, text)
        except OSError:
            continue
    return _written(last, stem, dot + suffix, text)


def _written(folder: Path, stem: str, suffix: str, text: str) -> Path:
    for number in count(1):
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}"
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(file, "w", encoding="utf-8") as opened:
            opened.write(text)
        return path
    raise AssertionError
