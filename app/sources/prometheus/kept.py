"""Series blocks that are kept between cycles, within a limit of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from detectors.series import SeriesBlock

Key = TypeVar("Key", bound="Hashable")

LABELS_SIZE = 1000
"""Bytes that a series' labels take, roughly."""
_REMEMBERED = 10_000
"""Questions of which it is remembered when they were last asked."""


class _Kept(NamedTuple):
    block: SeriesBlock
    used: int


class KeptBlocks(Generic[Key]):
    """Blocks by key, within a limit. Thread-safe.

    What was not used for the longest time is given up first, but never for a question that was last asked before that:
    when every cycle asks for a little more than fits, in the same order, each block would be given up right before it
    is asked for again, and nothing be served.

    Args:
        limit: bytes that all of them may take.
        question: what remains the same of a key from cycle to cycle; None: all of it.
    """

    def __init__(self, limit: int, question: Callable[[Key], Hashable] | None = None) -> None:
        self._limit = limit
        self._question = question or (lambda key: key)
        self._lock = threading.Lock()
        self._blocks: OrderedDict[Key, _Kept] = OrderedDict()
        self._held = 0
        self._uses = 0
        self._asked: dict[Hashable, int] = {}
        """At which use each question was last asked, in that order; also those whose blocks are not kept."""

    def get(self, key: Key) -> SeriesBlock | None:
        """The block of a key, which counts as used."""
        with self._lock:
            kept = self._blocks.get(key)
            if kept is None:
                return None
            self._ask(key)
            self._blocks[key] = kept._replace(used=self._uses)
            self._blocks.move_to_end(key)
            return kept.block

    def items(self) -> tuple[tuple[Key, SeriesBlock], ...]:
        """What is kept at the moment, the least recently used first; none of it counts as used by this."""
        with self._lock:
            return tuple((key, kept.block) for key, kept in self._blocks.items())

    def put(self, key: Key, block: SeriesBlock, instead_of: Iterable[Key] = ()) -> None:
        """Keep a block if there is room for it, and those no more that it supersedes."""
        with self._lock:
            for each in (key, *instead_of):
                self._drop(each)
            before = self._ask(key)
            if self._has_room(size(block), before):
                self._blocks[key] = _Kept(block, self._uses)
                self._held += size(block)

    def clear(self) -> None:
        """Keep none."""
        with self._lock:
            self._blocks.clear()
            self._asked.clear()
            self._held = 0

    def _ask(self, key: Key) -> int | None:
        """Count a use; returns the one at which the same question was asked before, None when it is new."""
        question = self._question(key)
        before = self._asked.pop(question, None)
        self._uses += 1
        self._asked[question] = self._uses
        if len(self._asked) > _REMEMBERED:
            del self._asked[next(iter(self._asked))]
        return before

    def _has_room(self, needed: int, before: int | None) -> bool:
        """Whether so many bytes fit, once what nobody has used since `before` is given up."""
        while needed <= self._limit < self._held + needed:
            oldest, kept = next(iter(self._blocks.items()))
            if before is not None and kept.used > before:
                return False
            self._drop(oldest)
        return needed <= self._limit

    def _drop(self, key: Key) -> None:
        kept = self._blocks.pop(key, None)
        self._held -= size(kept.block) if kept is not None else 0


def size(block: SeriesBlock) -> int:
    """Bytes that a block takes, roughly."""
    return block.values.nbytes + len(block.labels) * LABELS_SIZE
