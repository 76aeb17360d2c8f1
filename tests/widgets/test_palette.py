"""Every state has a look of its own: no two of one kind share their glyph and word, with or without colours."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.app import App

from app.snapshot import Health
from detectors.model import Coverage, Severity
from storage.records import Label, Stance
from widgets import palette

MAPPINGS = {
    "severity": (palette.SEVERITY, Severity),
    "coverage": (palette.COVERAGE, Coverage),
    "stance": (palette.STANCE, Stance),
    "label": (palette.LABEL, Label),
    "health": (palette.HEALTH, Health),
}


@pytest.mark.parametrize(("marks", "states"), MAPPINGS.values(), ids=MAPPINGS.keys())
def test_every_state_is_told_apart_without_colours(marks, states) -> None:
    assert set(marks) == set(states)
    glyphs = [mark.glyph for mark in marks.values()]
    assert len(set(glyphs)) == len(glyphs)
    assert len({mark.word for mark in marks.values()}) == len(glyphs)
    assert all(1 <= cell_len(glyph) <= 2 for glyph in glyphs)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark", "ansi-light", "nord"])
async def test_styles_are_variables_of_every_theme(theme: str) -> None:
    styles = {mark.style for marks, _ in MAPPINGS.values() for mark in marks.values()}
    styles |= {palette.MUTED, palette.ACCENT, palette.EMPHASIS}
    app: App[None] = App()
    async with app.run_test():
        app.theme = theme
        names = {word.removeprefix("$") for style in styles for word in style.split() if word.startswith("$")}
        assert names
        assert names <= app.theme_variables.keys()
        assert not any("#" in style or "rgb" in style for style in styles)
