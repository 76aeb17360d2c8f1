"""Writes the pages of docs/ that follow from the code: `make docs`. A test refuses stale ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.documents import commands_page
from app.investigation.document import investigation_page
from app.keymap import reference
from app.settings.editing import document_settings
from detectors.catalog import load
from detectors.catalog.document import coverage, guide
from tests.lab.proofs import proofs

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent

PAGES: dict[str, Callable[[], str]] = {
    "catalog.md": lambda: guide(load()),
    "cli.md": commands_page,
    "coverage.md": lambda: coverage(load(), proofs(load())),
    "investigation.md": investigation_page,
    "keys.md": reference,
    "settings.md": document_settings,
}
"""File -> what writes it."""


def main() -> None:
    """Write them all."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
