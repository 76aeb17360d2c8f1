"""The console's own colours: calm, and readable where it matters.

Severity and state words are drawn in the `text-*` variables; a test keeps their contrast against every background of
the theme at 4.5 or more (WCAG AA).
"""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="tocsin",
    dark=True,
    background="#10141b",
    surface="#151a23",
    panel="#1d2430",
    foreground="#d3dae6",
    primary="#6ca8f0",
    secondary="#8b9bb4",
    accent="#6ca8f0",
    error="#f47067",
    warning="#dcae4a",
    success="#6cc07a",
    variables={
        "text-error": "#f7867e",
        "text-warning": "#dcae4a",
        "text-success": "#6cc07a",
        "text-accent": "#7fb5f5",
        "text-primary": "#7fb5f5",
        "foreground-muted": "#929eb3",
        "border": "#33405a",
        "border-blurred": "#263042",
        "block-cursor-background": "#233048",
        "block-cursor-blurred-background": "#233048",
        "primary-muted": "#22344f",
        "block-cursor-foreground": "#eef3fb",
        "block-cursor-text-style": "none",
        "footer-key-foreground": "#7fb5f5",
        "scrollbar": "#33405a",
        "scrollbar-hover": "#435373",
        "scrollbar-active": "#6ca8f0",
        "scrollbar-background": "#151a23",
        "scrollbar-background-hover": "#151a23",
        "scrollbar-background-active": "#151a23",
        "scrollbar-corner-color": "#151a23",
    },
)

LIGHT = Theme(
    name="tocsin-light",
    dark=False,
    background="#fbfbf9",
    surface="#f4f4f1",
    panel="#e8e9e6",
    foreground="#1f2733",
    primary="#1d5fae",
    secondary="#54647d",
    accent="#1d5fae",
    error="#b3261e",
    warning="#8a5a00",
    success="#1b6e32",
    variables={
        "text-error": "#a8201a",
        "text-warning": "#7a4f00",
        "text-success": "#18642d",
        "text-accent": "#1a559d",
        "text-primary": "#1a559d",
        "foreground-muted": "#566072",
        "border": "#a9b1bd",
        "border-blurred": "#cfd3d9",
        "block-cursor-background": "#cfdff3",
        "block-cursor-blurred-background": "#d9e6f5",
        "primary-muted": "#cfdff3",
        "block-cursor-foreground": "#101822",
        "block-cursor-text-style": "none",
        "footer-key-foreground": "#1a559d",
        "scrollbar": "#a9b1bd",
        "scrollbar-hover": "#8f98a6",
        "scrollbar-active": "#1d5fae",
        "scrollbar-background": "#f4f4f1",
        "scrollbar-background-hover": "#f4f4f1",
        "scrollbar-background-active": "#f4f4f1",
        "scrollbar-corner-color": "#f4f4f1",
    },
)

THEMES = (DARK, LIGHT)
