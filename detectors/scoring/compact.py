"""What detectors know of their series in few bytes: to be stored, and to go on at another step.

Of profiles the levels keep 16 bits between the lowest and the highest, spreads and peaks 8 bits on a logarithmic
scale (a code is 7 %), and how many days or weeks a part has seen 8 bits. Numbers of a series are 32-bit floats. What
belongs to the last minutes only (persistence, episodes, rings, trees) is left out: it begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from detectors.scoring.alerts import Episodes, Persistence
from detectors.scoring.schedule import Schedule
from detectors.scoring.scorer import Scorer
from detectors.scoring.state import states
from detectors.scoring.views import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from detectors.series import FloatArray

    Bytes = NDArray[np.uint8]

_T = TypeVar("_T")
_PASSING = (Persistence, Episodes)
_UNKNOWN = -32768
"""Code of a level that is not known."""
_STEPS = 65534
_CODES, _PER_OCTAVE = 255, 10.0
_PERIOD = 16
"""Codes for each day or week that a part has seen."""
_TINY = 1e-30


class Encoding(NamedTuple):
    """How an array (N, S) becomes rows of bytes and back."""

    size: Callable[[int], int]
    """Bytes of a series, for N."""
    encode: Callable[[FloatArray], Bytes]
    """(N, S) -> (S, bytes)."""
    decode: Callable[[Bytes, int], FloatArray]
    """(S, bytes) and N -> (N, S)."""


def _floats(values: FloatArray) -> Bytes:
    return _rows(np.clip(values, -3e38, 3e38).T, "<f4")


def _of_floats(rows: Bytes, count: int) -> FloatArray:
    values = _array(rows, "<f4", count).astype(np.float64)
    return np.where(np.abs(values) >= 3e38, np.copysign(np.inf, values), values)


def _levels(values: FloatArray) -> Bytes:
    """Lowest and highest as floats, then where each level lies between them."""
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=0)
    high = np.where(known, values, -np.inf).max(axis=0)
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    share = np.divide(values - low, high - low, out=np.zeros_like(values), where=known & (high > low))
    codes = np.where(known, np.rint(share * _STEPS) - _STEPS // 2, _UNKNOWN)
    return np.concatenate([_rows(np.stack([low, high], axis=1), "<f4"), _rows(codes.T, "<i2")], axis=1)


def _of_levels(rows: Bytes, count: int) -> FloatArray:
    low, high = _array(rows[:, :8], "<f4", 2).astype(np.float64)
    codes = _array(rows[:, 8:], "<i2", count).astype(np.float64)
    levels = low + (codes + _STEPS // 2) / _STEPS * (high - low)
    return np.where(codes == _UNKNOWN, np.nan, levels)


def _sizes(values: FloatArray) -> Bytes:
    """The largest as a float, then how many tenths of an octave each is below it."""
    largest = values.max(axis=0)
    below = _PER_OCTAVE * np.log2(np.maximum(largest, _TINY) / np.maximum(values, _TINY))
    codes = np.where(values > 0, np.clip(_CODES - np.rint(below), 1, _CODES), 0)
    return np.concatenate([_rows(largest[:, None], "<f4"), _rows(codes.T, "u1")], axis=1)


def _of_sizes(rows: Bytes, count: int) -> FloatArray:
    largest = _array(rows[:, :4], "<f4", 1).astype(np.float64)
    codes = _array(rows[:, 4:], "u1", count).astype(np.float64)
    return np.where(codes > 0, largest * np.exp2((codes - _CODES) / _PER_OCTAVE), 0.0)


def _periods(per_period: float) -> Encoding:
    """Numbers of samples, as the number of periods that they are."""
    factor = _PERIOD / per_period
    return Encoding(
        lambda count: count,
        # What has been seen at all stays seen.
        lambda values: _rows(np.clip(np.ceil(values * factor), 0, _CODES).T, "u1"),
        lambda rows, count: _array(rows, "u1", count) / factor,
    )


_FLOATS = Encoding(lambda count: 4 * count, _floats, _of_floats)
_LEVELS = Encoding(lambda count: 8 + 2 * count, _levels, _of_levels)
_SIZES = Encoding(lambda count: 4 + count, _sizes, _of_sizes)


def packed(detector: object) -> list[bytes]:
    """What a detector knows of each of its series, in their order."""
    parts = [
        encoding.encode(np.atleast_2d(getattr(owner, name)).astype(np.float64))
        for owner, name, encoding in _stored(detector)
    ]
    return [row.tobytes() for row in np.concatenate(parts, axis=1)]


def unpacked(rows: list[bytes], make: Callable[[int], _T]) -> _T:
    """A detector that goes on with what was packed, perhaps at another step.

    Args:
        rows: of each series.
        make: a new detector for a number of series, of the class that was packed.

    Raises:
        ValueError: this is not what `packed` makes of such a detector.
    """
    detector = make(len(rows))
    fields = [(owner, name, encoding) for owner, name, encoding in _stored(detector)]
    counts = [np.atleast_2d(getattr(owner, name)).shape[0] for owner, name, _ in fields]
    sizes = [encoding.size(count) for (_, _, encoding), count in zip(fields, counts, strict=True)]
    if any(len(row) != sum(sizes) for row in rows):
        raise ValueError(f"a profile of {len(rows[0])} bytes; it must have {sum(sizes)}")
    table = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), sum(sizes))
    start = 0
    for (owner, name, encoding), count, size in zip(fields, counts, sizes, strict=True):
        values = encoding.decode(table[:, start : start + size], count)
        target = getattr(owner, name)
        target[...] = values.reshape(target.shape)
        start += size
    for owner in {id(owner): owner for owner, _, _ in fields}.values():
        if isinstance(owner, Scorer):
            owner.resume()
    return detector


def _stored(detector: object) -> Iterator[tuple[Any, str, Encoding]]:
    """Owner, name and encoding of the arrays that are kept."""
    for owner, name in states(detector):
        value = getattr(owner, name)
        if isinstance(owner, _PASSING) or not isinstance(value, np.ndarray) or value.dtype == np.bool_:
            continue
        if isinstance(owner, Profile) and value.ndim == 2:
            known = {"_level": _LEVELS, "_deviation": _SIZES, "_seen": _periods(owner.per_bin)}
            yield owner, name, known[name]
        elif isinstance(owner, Schedule) and value.ndim == 2:
            yield owner, name, _SIZES
        elif value.ndim == 1:
            yield owner, name, _FLOATS


def _rows(values: NDArray[Any], kind: str) -> Bytes:
    """Bytes of each row of (S, N)."""
    return np.ascontiguousarray(values.astype(kind)).view(np.uint8).reshape(len(values), -1)


def _array(rows: Bytes, kind: str, count: int) -> NDArray[Any]:
    """The inverse: (N, S)."""
    found: NDArray[Any] = np.ascontiguousarray(rows).view(kind).reshape(len(rows), count).T
    return found
