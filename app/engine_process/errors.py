"""Errors on their way between processes: ours arrive as they were raised, a library's as its name and its words."""

from __future__ import annotations

import pickle
from contextlib import suppress

OURS = frozenset({"app", "detectors", "storage"})


class EngineLostError(Exception):
    """The engine's process is gone, so nothing can be asked of it.

    Attributes:
        message: one sentence.
        hint: what comes next.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ForeignError(Exception):
    """An error of a library or of the language, which the console need not import to show."""


def packed(error: Exception) -> bytes:
    """An error for the way: its type, where that or one of its bases is ours, and all that it holds."""
    kinds = (kind for kind in type(error).__mro__ if kind.__module__.partition(".")[0] in OURS)
    # Both ends are this program, on a socket that nobody else has: pickling keeps enums and paths what they are.
    with suppress(TypeError, AttributeError, pickle.PicklingError):
        if (kind := next(kinds, None)) is not None:
            return pickle.dumps((kind, error.args, vars(error)))
    return pickle.dumps((ForeignError, (f"{type(error).__name__}: {error}",), {}))


def unpacked(body: bytes) -> Exception:
    """The error again. It is not made by its constructor, whose parameters are not its `args`."""
    kind, arguments, state = pickle.loads(body)
    error: Exception = kind.__new__(kind, *arguments)
    vars(error).update(state)
    return error
