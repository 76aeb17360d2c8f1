"""Numbers with their nouns.

noun(1, "affected pods")   # 'affected pod'
noun(3, "affected pods")   # 'affected pods'
"""

from __future__ import annotations


def noun(number: float, plural: str) -> str:
    """The words that go with a number; of one thing the plural's last letter goes, where that is an s."""
    return plural.removesuffix("s") if number == 1 else plural


def counted(number: float, plural: str) -> str:
    """A whole number with its noun: `1 restart`, `3 restarts`."""
    return f"{number:.0f} {noun(number, plural)}"
