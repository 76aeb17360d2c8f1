"""The playbooks, one module for each class; a module that is added here is found by its `PLAYBOOK`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from app.investigation.model import Playbook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.records import AnomalyRecord

GENERAL = Playbook("C0", "Out of band", (), (), ())
"""For signals that no class is for, an engineer's own rows among them."""


@cache
def playbooks() -> tuple[Playbook, ...]:
    """All of them, by id.

    Raises:
        ValueError: two have one id or one signal, or a cause refers to a clue that none of its collectors tells.
    """
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = tuple(importlib.import_module(f"{__name__}.{name}").PLAYBOOK for name in modules)
    _check(found)
    return tuple(sorted(found, key=lambda book: int(book.id[1:])))


def playbooks_for(anomalies: Iterable[AnomalyRecord]) -> tuple[Playbook, ...]:
    """The classes of some anomalies, the leading one first."""
    signals = {anomaly.signal for anomaly in anomalies}
    found = [book for book in playbooks() if signals.intersection(book.signals)]
    return tuple(sorted(found, key=lambda book: -book.leads))


def _check(found: tuple[Playbook, ...]) -> None:
    from app.investigation.common import COMMON

    owners: dict[str, str] = {}
    if len({book.id for book in found}) < len(found):
        raise ValueError(f"two playbooks have one id: {', '.join(sorted(book.id for book in found))}")
    for book in found:
        for signal in book.signals:
            if owners.setdefault(signal, book.id) != book.id:
                raise ValueError(f"playbooks {owners[signal]} and {book.id} are both for {signal}")
        told = {name for each in (*COMMON, *book.collectors) for name in each.tells}
        wanted = {name for cause in book.causes for name in cause.names}
        wanted |= {name for own in book.noise for name in (*own.requires, *own.unless)}
        if lacking := sorted(wanted - told):
            raise ValueError(f"playbook {book.id}: no collector of it tells {', '.join(lacking)}")
