"""What streaming detectors carry from one sample to the next, moved when the series they judge change.

By convention every array of a detector has its series on the last axis, whatever is a number belongs to all of them,
and its parts are objects of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_T = TypeVar("_T")
_PACKAGE = __name__.rpartition(".")[0]
_OF_THE_SERIES = "_series"
"""Their numbers: the same in every detector of so many."""


def rearranged(detector: _T, make: Callable[[int], _T], places: NDArray[np.intp]) -> _T:
    """The detector of other series that goes on where this one stands.

    Args:
        detector: what knows the series so far.
        make: a new one for a number of series, otherwise alike.
        places: shape (S,): where each of the new series is among the old ones; -1 for one that begins.
    """
    fresh = make(len(places))
    carry(detector, fresh, places)
    return fresh


def carry(source: object, target: object, places: NDArray[np.intp]) -> None:
    """Have a detector know what another one of the same kind and step knows of the series at some of its places.

    Args:
        source: what knows them.
        target: what is to know them, of S series.
        places: shape (S,): where each of its series is among the source's; -1 for those that are left as they are.
    """
    known = places >= 0
    for (old, name), (new, _) in zip(states(source), states(target), strict=True):
        value = getattr(old, name)
        if isinstance(value, np.ndarray):
            getattr(new, name)[..., known] = value[..., places[known]]
        else:
            setattr(new, name, value)


def size_of(detector: object) -> int:
    """Bytes of all arrays of a detector."""
    values = (getattr(owner, name) for owner, name in states(detector))
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))


def states(detector: Any) -> Iterator[tuple[Any, str]]:
    """Owner and name of every array and number, part by part."""
    for name, value in vars(detector).items():
        if isinstance(value, np.ndarray | int | float | np.random.Generator):
            if name != _OF_THE_SERIES:
                yield detector, name
        elif hasattr(value, "__dict__") and type(value).__module__.startswith(_PACKAGE):
            yield from states(value)
