"""A document as one file of HTML with its charts in it: no script, nothing that is fetched from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from app.export.document import Chart, Code, Facts, Lines, Table
from app.redaction import redact
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.export.document import Document, Part

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .9em; }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #8884;
  overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dt { opacity: .7; } dd { margin: 0; }
pre { overflow-x: auto; padding: .5rem; background: #8882; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: currentColor; opacity: .7; }
.grid { stroke: #8884; } .band { fill: #2eb88655; } .value { fill: none; stroke: currentColor; stroke-width: 1.5;
  stroke-linecap: round; } .onset { stroke: #d40e0d; stroke-dasharray: 4 3; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for it: nothing, whatever text of the cluster says."""


def html(document: Document) -> str:
    """All of it."""
    return "\n".join(_lines(document))


def _lines(document: Document) -> Iterator[str]:
    title = _text(document.title)
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>"
    for section in document.sections:
        yield f"<h2>{_text(section.title)}</h2>"
        for part in section.parts:
            yield from _part(part)
    yield "</body>\n</html>\n"


def _part(part: Part) -> Iterator[str]:
    match part:
        case Facts(pairs):
            yield f"<dl>{''.join(f'<dt>{_text(name)}</dt><dd>{_text(value)}</dd>' for name, value in pairs)}</dl>"
        case Lines(lines):
            yield f"<ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>"
        case Table(headings, rows):
            yield f"<table>\n<tr>{_cells('th', headings)}</tr>"
            yield from (f"<tr>{_cells('td', row)}</tr>" for row in rows)
            yield "</table>"
        case Code(lines):
            told = (clean(line) for text in lines for line in redact(text).split("\n"))
            yield f"<pre>{escape(chr(10).join(told))}</pre>"
        case Chart():
            # numpy, only where there is something to draw.
            from app.export.chart import svg

            yield f"<figure>{svg(part)}<figcaption>{_text(part.title)}</figcaption></figure>"


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{_text(text)}</{tag}>" for text in texts)


def _text(text: str) -> str:
    return escape(clean(redact(text)))
