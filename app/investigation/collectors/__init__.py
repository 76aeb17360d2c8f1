"""Evidence collectors: small functions that each find out one kind of thing about a scene, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.model import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.investigation.model import Clue, Step
    from app.investigation.scene import Scene


def collector(
    step: Step, *tells: str, needs: tuple[str, ...] = ("pods",)
) -> Callable[[Callable[[Scene], Iterable[Clue]]], Collector]:
    """Make a function an evidence collector of the same name.

    Args:
        step: where its lines stand in the ledger.
        tells: the names of the clues that it can give.
        needs: what must be readable: resources, `metrics`, `logs`. Where something is not, it is not called and every
            clue that it tells is unknown.
    """

    def made(function: Callable[[Scene], Iterable[Clue]]) -> Collector:
        return Collector(function.__name__, step, tells, needs, function)

    return made
