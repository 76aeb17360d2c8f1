"""Series blocks that are kept between cycles, within a limit of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from detectors.series import SeriesBlock

Key = TypeVar("Key", bound="Hashable")

LABELS_SIZE = 1000
"""Bytes that a series' labels take, roughly."""


class KeptBlocks(Generic[Key]):
    """Blocks by key; those that were not used for the longest time are given up first. Thread-safe.

    Args:
        limit: bytes that all of them may take.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._blocks: OrderedDict[Key, SeriesBlock] = OrderedDict()
        self._held = 0

    def get(self, key: Key) -> SeriesBlock | None:
        """The block of a key, which counts as used."""
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
            return self._blocks.get(key)

    def items(self) -> tuple[tuple[Key, SeriesBlock], ...]:
        """What is kept at the moment, the least recently used first; none of it counts as used by this."""
        with self._lock:
            return tuple(self._blocks.items())

    def put(self, key: Key, block: SeriesBlock, instead_of: Iterable[Key] = ()) -> None:
        """Keep a block, and those no more that it supersedes."""
        with self._lock:
            for each in (key, *instead_of):
                self._drop(each)
            self._blocks[key] = block
            self._held += size(block)
            while self._held > self._limit and self._blocks:
                self._drop(next(iter(self._blocks)))

    def clear(self) -> None:
        """Keep none."""
        with self._lock:
            self._blocks.clear()
            self._held = 0

    def _drop(self, key: Key) -> None:
        block = self._blocks.pop(key, None)
        self._held -= size(block) if block is not None else 0


def size(block: SeriesBlock) -> int:
    """Bytes that a block takes, roughly."""
    return block.values.nbytes + len(block.labels) * LABELS_SIZE
