"""Numbers out of a matrix answer's text without a Python object per sample.

A range query of a large cluster answers with millions of `[1700000040,"0.15"]`. They are parsed eight digits at a
time as 64-bit words ("SIMD within a register": Lemire, "Quickly parsing eight digits", 2018), for all samples of a
piece at once, by numpy, which lets other threads run meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.series import FloatArray, Grid

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Indices = NDArray[np.intp]

_QUOTE, _DOT, _MINUS, _BRACKET, _N, _I = b'".-[NI'
_ZERO = np.uint8(ord("0"))
_MARGIN = b" " * 24
"""As much may be read before the first digit and behind the last one."""

_MOST_DIGITS = 19
"""That many decimal digits always fit in 64 bits."""
_POWERS = np.array([10**exponent for exponent in range(_MOST_DIGITS + 1)], dtype=np.uint64)

_UNUSED = np.array([64, 56, 48, 40, 32, 24, 16, 8, 0], dtype=np.uint64)
"""By how many bits a word has to move so that only its first 0 to 8 characters stay."""
_STEPS = (
    (np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(10 << 8 | 1), np.uint64(8)),
    (np.uint64(0x00FF00FF00FF00FF), np.uint64(100 << 16 | 1), np.uint64(16)),
    (np.uint64(0x0000FFFF0000FFFF), np.uint64(10_000 << 32 | 1), np.uint64(32)),
)
"""Mask, factor and shift that join neighbours: digits to pairs, pairs to fours, fours to eight."""


class UnusualError(ValueError):
    """Text that may be valid JSON, but not in the one form that this scanner reads."""


def scan_values(texts: Sequence[bytes | memoryview], grid: Grid) -> FloatArray:
    """The samples of many series on a grid.

    Args:
        texts: for each series its samples as `[1700000040,"0.15"],[1700000100,"NaN"]` and any punctuation after them.
        grid: samples are moved to its nearest instant; those outside are left out.

    Returns:
        Shape (S, T); NaN where there is no sample. A value of more than 15 digits may differ from the nearest float64
        by one unit in the last place.

    Raises:
        UnusualError: timestamps that are not whole seconds of ten digits, or other forms.
    """
    text = b"".join([_MARGIN, *texts, _MARGIN])
    buffer = np.frombuffer(text, dtype=np.uint8)
    marks = np.flatnonzero((buffer == _QUOTE) | (buffer == _DOT))
    quotes = np.flatnonzero(buffer[marks] == _QUOTE)
    if len(quotes) % 2:
        raise UnusualError("unbalanced quotes")
    opening, closing = quotes[0::2], quotes[1::2]
    dots = closing - opening - 1
    if (dots > 1).any():
        raise UnusualError("not a number")
    begin, end = marks[opening] + 1, marks[closing]
    dot = np.where(dots == 1, marks[opening + 1], end)
    times = _timestamps(buffer, begin - 2)
    values = _decimals(text, buffer, begin, dot, end)

    ends = np.cumsum(list(map(len, texts))) + len(_MARGIN)
    counts = np.diff(np.searchsorted(begin, ends), prepend=0)
    return place(np.repeat(np.arange(len(texts)), counts), times, values, len(texts), grid)


def place(rows: Indices, times: NDArray[np.int64], values: FloatArray, count: int, grid: Grid) -> FloatArray:
    """Put samples (N,) of `count` series on a grid's nearest instants; shape (count, T), NaN where there is none."""
    columns = (times - grid.start + grid.step // 2) // grid.step
    block = np.full((count, grid.points), np.nan)
    inside = (columns >= 0) & (columns < grid.points)
    block[rows[inside], columns[inside]] = values[inside]
    return block


def _load(buffer: Bytes, at: Indices) -> Words:
    """The eight bytes from each position on, the first one in the lowest byte."""
    words: Words = np.ndarray((len(buffer) - 7,), dtype="<u8", buffer=buffer.data, strides=(1,))
    return words[at]


def _digits(words: Words) -> Words:
    """Eight ASCII digits, the first in the lowest byte, to their number, in place; a zero byte counts as 0."""
    for mask, factor, shift in _STEPS:
        words &= mask
        words *= factor
        words >>= shift
    return words


def _whole(buffer: Bytes, at: Indices, length: Indices) -> Words:
    """The numbers written with `length` digits from `at` on; 0 where the length is 0, right up to 19 digits."""
    number = _digits(_load(buffer, at) << _UNUSED.take(length, mode="clip"))
    for done in (8, 16):
        more = np.flatnonzero(length > done)
        if not len(more):
            break
        rest = length[more] - done
        tail = _digits(_load(buffer, at[more] + done) << _UNUSED.take(rest, mode="clip"))
        number[more] = number[more] * _POWERS[np.minimum(rest, 8)] + tail
    return number


def _timestamps(buffer: Bytes, comma: Indices) -> NDArray[np.int64]:
    """The unix seconds that end before each comma."""
    if (buffer[comma - 11] != _BRACKET).any():
        raise UnusualError("timestamps that are not ten digits")
    head, tail = _load(buffer, comma - 10), _load(buffer, comma - 8)
    return (_digits(head << np.uint64(48)) * np.uint64(10**8) + _digits(tail)).astype(np.int64)


def _decimals(text: bytes, buffer: Bytes, begin: Indices, dot: Indices, end: Indices) -> FloatArray:
    """The numbers between `begin` and `end`, whose decimal point is at `dot` (`end` where there is none)."""
    negative = buffer[begin] == _MINUS
    begin = begin + negative
    first = buffer[begin]
    whole_digits, fraction_digits = dot - begin, np.maximum(end - dot - 1, 0)

    whole = _whole(buffer, begin, whole_digits)
    power = _POWERS.take(fraction_digits, mode="clip")
    mantissa = whole * power + _whole(buffer, dot + 1, fraction_digits)
    values: FloatArray = mantissa.astype(np.float64) / power

    not_a_number, infinite = first == _N, first == _I
    values[not_a_number] = np.nan
    values[infinite] = np.inf
    values[negative] *= -1
    # The zero before a decimal point is no digit of the number: small rates have many decimals behind it.
    digits = np.where(whole > 0, whole_digits, 0) + fraction_digits
    digit = (first - _ZERO < 10) | not_a_number | infinite
    odd = (digits > _MOST_DIGITS) | (whole_digits > _MOST_DIGITS) | ~digit
    if b"e" in text or b"E" in text:
        exponents = np.flatnonzero((buffer | 0x20) == ord("e"))
        odd[np.searchsorted(begin, exponents, side="right") - 1] = True
    for index in np.flatnonzero(odd):
        values[index] = _slowly(text[begin[index] : end[index]], negative=bool(negative[index]))
    return values


def _slowly(number: bytes, *, negative: bool) -> float:
    try:
        return -float(number) if negative else float(number)
    except ValueError:
        raise UnusualError("not a number") from None
