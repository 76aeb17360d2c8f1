"""What the exit codes mean, for scripts."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    """Done; `scan`: nothing is wrong; `doctor`: every check passed."""
    FINDINGS = 1
    """`scan`: something is wrong; `doctor`: a check failed; `show`, `label`: no such investigation."""
    USAGE = 2
    """The command line is not understood."""
    SETTINGS = 3
    """A setting, a catalogue entry or a recording cannot be used."""
    SOURCE = 4
    """Neither Prometheus nor Kubernetes could be read: nothing is known, which is not healthy."""
    STORE = 5
    """The database cannot be used."""
    INTERRUPTED = 130
    """Stopped with ctrl+c."""

    @classmethod
    def summary(cls) -> str:
        """One line for `--help`."""
        words = {
            cls.OK: "fine",
            cls.FINDINGS: "findings",
            cls.USAGE: "usage",
            cls.SETTINGS: "settings",
            cls.SOURCE: "no source",
            cls.STORE: "database",
            cls.INTERRUPTED: "interrupted",
        }
        return ", ".join(f"{code.value} {word}" for code, word in words.items()) + "."
