"""The registry of actions as Textual bindings, and as the key reference.

`python -m app.keymap > docs/keys.md` writes the reference; a test refuses a stale one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from textual.binding import Binding

from app.actions import ACTIONS, ALIASES, PLACES, Action, Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.binding import BindingType

_NAMES = {
    "enter": "enter", "escape": "esc", "space": "space", "question_mark": "?", "slash": "/", "colon": ":", "minus": "-",
    "pagedown": "pgdn", "pageup": "pgup", "down": "↓", "up": "↑",
    "left": "←", "right": "→", "plus": "+", "equals_sign": "=", "underscore": "_", "backslash": "\\",
    "left_square_bracket": "[", "right_square_bracket": "]",
}  # fmt: skip


def key_name(key: str) -> str:
    """A key as people write it: `esc`, `?`, `ctrl+p`."""
    *modifiers, last = key.split("+")
    return "+".join((*modifiers, _NAMES.get(last, last)))


def keys_of(action: Action, keymap: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of an action, the engineer's own if the keymap names it."""
    keys = keymap.get(action.id, action.keys)
    return tuple(key_name(key.strip()) for key in keys.split(",")) if keys else ()


def bindings(actions: Iterable[Action]) -> list[BindingType]:
    """Bindings of the actions that have a key and a handler; the others are bound by the widgets they belong to."""
    return [
        Binding(
            action.keys,
            f"app.perform('{action.id}')",
            action.title,
            show=False,
            priority=action.typing,
            tooltip=action.tooltip,
            id=action.id,
            group=Binding.Group(action.group),
        )
        for action in actions
        if action.keys and action.handler
    ]


def unknown_ids(keymap: Mapping[str, str]) -> tuple[str, ...]:
    """Names in a keymap that no action has."""
    known = {action.id for action in ACTIONS}
    return tuple(sorted(name for name in keymap if name not in known))


def _where(action: Action) -> str:
    titles = {place.id: place.title for place in PLACES}
    return ", ".join(titles.get(place, place) for place in sorted(action.places)) or "everywhere"


def _table(group: Group) -> list[str]:
    lines = [f"## {group}", "", "| Keys | | What it does | Where | Name in the keymap |", "| --- " * 5 + "|"]
    for action in ACTIONS:
        if action.group is group and action.keys:
            keys = " ".join(f"`{key}`" for key in keys_of(action, {}))
            lines.append(f"| {keys} | {action.title} | {action.tooltip} | {_where(action)} | `{action.id}` |")
    return [*lines, ""]


def _command(action: Action) -> str:
    usage = f":{action.command} {action.parameter}".rstrip()
    return f"| `{usage}` | {action.tooltip} | {_where(action)} |"


def reference() -> str:
    """The key reference as Markdown."""
    aliases = ", ".join(f"`:{short}` is `:{word}`" for short, word in ALIASES.items())
    lines = [
        "# Keys and commands",
        "",
        "Written by `python -m app.keymap > docs/keys.md` from the registry in `app/actions.py`. A key means the same",
        "thing everywhere or does nothing; one that is not possible at the moment says why.",
        "",
        *(line for group in Group for line in _table(group)),
        "## Commands",
        "",
        "| Command | What it does | Where |",
        "| --- | --- | --- |",
        *(_command(action) for action in ACTIONS if action.command),
        "",
        f"Short forms: {aliases}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(reference())
