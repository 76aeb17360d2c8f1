"""What the exit codes mean, for scripts."""

from __future__ import annotations

from enum import IntEnum


class UsageError(Exception):
    """The command line asks for what cannot be: the message names the option, its value and what is allowed."""


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    SETTINGS = 3
    SOURCE = 4
    STORE = 5
    UNKNOWN = 6
    INTERRUPTED = 130

    @classmethod
    def meanings(cls) -> dict[Exit, str]:
        """What each says."""
        return {
            cls.OK: "Done. `scan`: nothing is wrong, and all of it could be read; `doctor`: every check passed.",
            cls.FINDINGS: "`scan`, `replay`: something is wrong; `doctor`: a check failed; there is no such number.",
            cls.USAGE: "The command line is not understood.",
            cls.SETTINGS: "A setting, a catalogue entry or a recording cannot be used; nothing was changed.",
            cls.SOURCE: "Neither Prometheus nor Kubernetes could be read: nothing is known, which is not healthy.",
            cls.STORE: "The database cannot be used; it was left as it is.",
            cls.UNKNOWN: "`scan`: nothing wrong in what could be seen, but part of it could not be read.",
            cls.INTERRUPTED: "Stopped with ctrl+c.",
        }

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
            cls.UNKNOWN: "partly unknown",
            cls.INTERRUPTED: "interrupted",
        }
        return ", ".join(f"{code.value} {word}" for code, word in words.items()) + "."
