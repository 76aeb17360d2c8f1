"""A screenshot's SVG as PNG, with fonts that are installed rather than on the web.

Terminal text is a grid, so every character gets its own place; and cairo draws a character with the font it is told
to, so characters that the monospaced font lacks (braille) are told another.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING

import cairosvg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
CELL = 12.2
"""Textual's width of a cell, in units of its SVG."""
MONO = "DejaVu Sans Mono"
BRAILLE = "DejaVu Sans"
BRAILLE_SIZE = 16.7
"""At which that font's braille is one cell wide."""
SCALE = 1.0


def write(svg: Path, png: Path) -> None:
    """Draw it.

    Args:
        svg: As Textual writes it.
        png: Where to.
    """
    text = re.sub(r"@font-face \{.*?\}", "", svg.read_text(encoding="utf-8"), flags=re.DOTALL)
    root = ElementTree.fromstring(text.replace("Fira Code", MONO))
    for parent in list(root.iter()):
        for index, child in reversed(list(enumerate(parent))):
            if child.tag == f"{SVG}text" and child.get("textLength"):
                parent.remove(child)
                for offset, part in enumerate(_placed(child)):
                    parent.insert(index + offset, part)
    cairosvg.svg2png(ElementTree.tostring(root), write_to=str(png), scale=SCALE)


def _placed(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The same text with a place for every character, one element per font."""
    text, left = element.text or "", float(element.get("x", "0"))
    for match in re.finditer(r"[\u2800-\u28ff]+|[^\u2800-\u28ff]+", text):
        part = ElementTree.Element(element.tag, dict(element.attrib))
        del part.attrib["textLength"]
        part.set("x", " ".join(f"{left + CELL * place:.1f}" for place in range(match.start(), match.end())))
        if "\u2800" <= match[0][0] <= "\u28ff":
            part.set("style", f"font-family: {BRAILLE}; font-size: {BRAILLE_SIZE}px")
        part.text = match[0]
        yield part
