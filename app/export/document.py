"""The parts of a document, whatever it is written as. Texts may be hostile: who writes them makes them harmless."""

from __future__ import annotations

from typing import NamedTuple


class Facts(NamedTuple):
    """Names and values."""

    pairs: tuple[tuple[str, str], ...]


class Lines(NamedTuple):
    """A list of sentences."""

    lines: tuple[str, ...]


class Table(NamedTuple):
    """Rows of cells."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Code(NamedTuple):
    """What can be pasted: queries, commands."""

    lines: tuple[str, ...]


class Chart(NamedTuple):
    """Values against their expected band."""

    title: str
    band: bytes
    """`detectors.series.Band.to_bytes()`."""
    unit: str
    onset: float
    """Unix seconds."""


Part = Facts | Lines | Table | Code | Chart


class Section(NamedTuple):
    """A heading and what stands under it."""

    title: str
    parts: tuple[Part, ...]


class Document(NamedTuple):
    """Everything."""

    title: str
    sections: tuple[Section, ...]
    """Those without parts are left out."""
