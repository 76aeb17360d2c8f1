"""A document as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.coverage_markdown import escaped, table
from app.export.document import Chart, Code, Facts, Lines, Table
from app.redaction import redact
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.export.document import Document, Part


def markdown(document: Document) -> str:
    """All of it; text of the cluster neither formats, links nor ends its cell."""
    return "\n".join(_lines(document))


def _lines(document: Document) -> Iterator[str]:
    yield f"# {_text(document.title)}"
    for section in document.sections:
        yield from ("", f"## {_text(section.title)}")
        for part in section.parts:
            lines = list(_part(part))
            if lines:
                yield from ("", *lines)
    yield ""


def _part(part: Part) -> Iterator[str]:
    match part:
        case Facts(pairs):
            yield from (f"- {_text(name)}: {_text(value)}" for name, value in pairs)
        case Lines(lines):
            yield from (f"- {_text(line)}" for line in lines)
        case Table(headings, rows):
            yield from table(headings, ([redact(cell) for cell in row] for row in rows))
        case Code(lines):
            # Indented: nothing in it can end it.
            yield from (f"    {clean(line)}" for text in lines for line in redact(text).split("\n"))
        case Chart():
            return


def _text(text: str) -> str:
    return escaped(redact(text))
