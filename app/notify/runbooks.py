"""The runbook of a case: the first of the settings' patterns that fits its class or one of its signals."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.records import Conclusion, InvestigationRecord

_ADDRESS = re.compile(r"https?://[^\s<>|\"'`]+")
"""What can be linked to everywhere without breaking what is around it."""


def check(runbooks: Mapping[str, str]) -> None:
    """Whether all of them can be linked to. Raises ValueError."""
    for pattern, url in runbooks.items():
        if not _ADDRESS.fullmatch(url):
            raise ValueError(f"`notify.runbooks` of {pattern} is {url!r}; allowed: an http or https address")


def runbook_of(runbooks: Mapping[str, str], case: InvestigationRecord, found: Conclusion | None) -> str:
    """Its address; empty where no pattern fits."""
    known_by = (*((found.playbook,) if found is not None else ()), *case.signals)
    return next((url for pattern, url in runbooks.items() if any(fnmatchcase(each, pattern) for each in known_by)), "")
