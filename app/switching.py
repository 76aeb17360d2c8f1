"""Switching rows and workloads off and on again, by the settings file: the same key there and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.coverage import SWITCH
from app.snapshot import ActResult
from app.tuning import excluding
from app.workload_coverage import EXCLUDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.snapshot import Session


def switch_signals(session: Session, signals: Sequence[str], what: str) -> ActResult:
    """Switch rows of the matrix off; on again when all of them are off.

    Args:
        session: Asked for the settings as they are now.
        signals: The rows' ids.
        what: What they are together, for the toast.
    """
    listed, trouble = _listed(session, SWITCH)
    if trouble:
        return ActResult(False, trouble)
    if set(signals) <= set(listed):
        return _written(session, SWITCH, [each for each in listed if each not in signals], f"switched on: {what}")
    return _written(session, SWITCH, list(dict.fromkeys((*listed, *signals))), f"switched off: {what}")


def switch_workload(session: Session, namespace: str, name: str) -> ActResult:
    """Leave a workload out of the scope; take it in again when it was left out by its name."""
    title = f"{namespace}/{name}"
    if not namespace:
        return ActResult(False, f"{name} has no namespace: it cannot be left out of the scope")
    listed, trouble = _listed(session, EXCLUDED)
    if trouble:
        return ActResult(False, trouble)
    own = pattern_of(namespace, name)
    kept = [each for each in listed if each != own]
    if wider := excluding(namespace, name, kept):
        return ActResult(False, f"{title} is left out by {EXCLUDED} = {wider}: change that in the settings")
    if own in listed:
        return _written(session, EXCLUDED, kept, f"watched again: {title}")
    return _written(session, EXCLUDED, [*listed, own], f"switched off: {title}")


def pattern_of(namespace: str, name: str) -> str:
    """The pattern that names one workload; what a list of patterns cannot hold as it is stands for any character."""
    return re.sub(r"[^\w./:-]", "?", f"{namespace}/{name}", flags=re.ASCII)


def _listed(session: Session, key: str) -> tuple[list[str], str]:
    """A list in the settings, and why it cannot be changed in the file."""
    value = next((each for each in session.settings() if each.key == key), None)
    if value is None:
        return [], ""
    if value.origin.startswith(("environment ", "--")):
        return [], f"{key} is set by {value.origin}, which wins over the settings file: change it there"
    return [each.strip() for each in value.value.split(",") if each.strip()], ""


def _written(session: Session, key: str, values: Sequence[str], message: str) -> ActResult:
    result = session.change_setting(key, ", ".join(values))
    return replace(result, message=f"{message} from the next cycle on ({result.message})") if result.ok else result
