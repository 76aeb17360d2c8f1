"""Names and values below each other, the values aligned.

facts.facts = (("url", setting.value), ("health", palette.HEALTH["ok"].full))
facts.head = Content("what they are about")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from widgets import palette
from widgets.text import ELLIPSIS, harmless, plain, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDEST_NAME = 24


class Facts(Widget):
    """A panel of facts; long values go on below themselves."""

    DEFAULT_CSS = """
    Facts { height: auto; color: $foreground; }
    """

    facts: reactive[tuple[tuple[str, str | Content], ...]] = reactive((), repaint=False)
    """Name and value; a `str` may be hostile and stays in one style."""
    head: reactive[Content | None] = reactive(None, repaint=False)
    """A paragraph above them."""

    most: int = 0
    """Lines of one value; 0: all. What is longer ends in an ellipsis."""

    def watch_facts(self) -> None:
        """Where the height is the style sheet's, other facts are a matter of painting: the screen keeps its layout."""
        height = self.styles.height
        self.refresh(layout=height is None or height.is_auto)

    watch_head = watch_facts

    def render(self) -> Content:
        """All facts."""
        return Content("\n").join(self._lines(self.size.width))

    def get_content_height(self, container: object, viewport: object, width: int) -> int:  # noqa: ARG002
        """As many lines as the values need at that width."""
        return len(list(self._lines(width)))

    def _lines(self, width: int) -> Iterator[Content]:
        if self.head is not None:
            yield from self.head.wrap(max(1, width))
            yield Content("")
        left = min(WIDEST_NAME, max((len(name) for name, _ in self.facts), default=0))
        for name, value in self.facts:
            content = plain(value) if isinstance(value, str) else harmless(value)
            head = plain(shorten(name, left).ljust(left), style=palette.MUTED)
            for line in self._lines_of(content, max(1, width - left - 2)):
                yield Content.assemble(head, "  ", line.rstrip())
                head = Content(" " * left)

    def _lines_of(self, value: Content, width: int) -> list[Content]:
        """A value's lines, at least one, at most `most`; the last one is marked where more were left out."""
        lines = value.wrap(width) or [Content("")]
        if not self.most or len(lines) <= self.most:
            return lines
        last = lines[self.most - 1].rstrip().truncate(width - 1)
        return [*lines[: self.most - 1], Content.assemble(last, ELLIPSIS)]
