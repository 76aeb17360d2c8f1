"""Severity has to be readable: WCAG AA on every background that words (and lines of charts) stand on."""

from __future__ import annotations

import re

import pytest
from textual.color import Color

from app.themes import THEMES
from widgets import palette

BACKGROUNDS = ("background", "surface", "panel", "block-cursor-blurred-background", "primary-muted")
MARKS = [
    *palette.SEVERITY.values(), *palette.COVERAGE.values(), *palette.STANCE.values(), *palette.LABEL.values(),
    *palette.HEALTH.values(), *palette.STATE.values(),
]  # fmt: skip


def luminance(color: Color) -> float:
    """Relative luminance, WCAG 2.1 definition."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), channels, strict=True))


def contrast(one: Color, other: Color) -> float:
    """Contrast ratio, WCAG 2.1 definition."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_words_can_be_read(theme, background):
    colours = theme.to_color_system().generate()
    behind = Color.parse(colours[background])
    names = {name for mark in MARKS for name in re.findall(r"\$([\w-]+)", mark.style)} | {"foreground"}
    assert {"text-error", "text-warning", "text-success"} <= names
    for name in names:
        assert contrast(Color.parse(colours[name]), behind) >= 4.5, f"{name} on {background}"


def test_the_measure_itself():
    assert contrast(Color.parse("#000"), Color.parse("#fff")) == pytest.approx(21.0)
    assert contrast(Color.parse("#777"), Color.parse("#fff")) < 4.5
