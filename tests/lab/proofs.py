"""Which cases prove each row, by name: plain data for `docs/coverage.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.synthesis import acceptance_cases

if TYPE_CHECKING:
    from detectors.catalog import Catalogue


def proofs(catalogue: Catalogue) -> dict[str, dict[str, list[str]]]:
    """By row and convention: the names of its cases, in the order fault, look-alikes, quiet."""
    found: dict[str, dict[str, list[str]]] = {}
    for case in acceptance_cases(catalogue):
        found.setdefault(case.row.id, {}).setdefault(case.told_by, []).append(case.story.name)
    return found
