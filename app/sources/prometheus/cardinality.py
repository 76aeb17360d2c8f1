"""How many series expressions touch, told before they are asked.

What discovery has counted is enough for most: a selector touches at most what a wider one of the same metric does. The
names that it did not look at are counted all at once, and only what may be too much is counted by itself.
"""

from __future__ import annotations

import math
from collections import Counter
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.sharding import grouped, pattern, restricted, selectors
from app.sources.prometheus.splitting import portions
from detectors.catalog.promql import parse_matchers
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.sources.base import MetricsSource

TOO_BIG = frozenset({Trouble.LIMITED, Trouble.TIMEOUT})
"""How a server says that it cannot even count."""
_NAME = "__name__"
_STEP = 300
"""Of a grid of one instant: how far back servers look for its samples."""


class Selected(NamedTuple):
    """What one vector selector asks for."""

    name: str
    matchers: frozenset[tuple[str, str, str]]


class Cardinality:
    """Series touched by expressions, as one look at a server found them.

    Args:
        metrics: the server.
        counted: number of series by selector, None where they are more than the server counts.
        at: unix seconds at which the others are counted.
        match: matchers that scope the count of whole metrics.
        at_once: series that one question may count.
    """

    def __init__(
        self,
        metrics: MetricsSource,
        counted: Mapping[str, int | None],
        at: int,
        match: str = "",
        at_once: float = math.inf,
    ) -> None:
        self._metrics, self._at, self._match, self._at_once = metrics, at, match, at_once
        self._values: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], float]] = {}
        self._divided: dict[str, tuple[str, ...]] = {}
        self._known: dict[str, dict[frozenset[tuple[str, str, str]], float]] = {}
        for selector, series in counted.items():
            for selected in selected_by(selector):
                self._put(selected, math.inf if series is None else series)

    def through(self, metrics: MetricsSource, at: int) -> Cardinality:
        """The same counts, those that are still wanted asked of the server through another source, at another time."""
        other = copy(self)
        other._metrics, other._at = metrics, at
        return other

    def learn(self, expressions: Iterable[str]) -> None:
        """Count every metric that nothing known bounds, in one question for thousands of bytes of names."""
        wanted = (each for expression in expressions for each in selected_by(expression))
        names = {each.name for each in wanted if each.name and self._at_most(each) is None}
        for group in grouped(names, 1):
            self._count(group)

    def at_most(self, promql: str) -> float | None:
        """A bound on the series that an expression touches.

        Infinite where nothing narrower is known than that the server could not count them, or that they have no name in
        common; None where it was not asked, or did not answer.
        """
        bounds = [self._at_most(each) for each in selected_by(promql)]
        known = [bound for bound in bounds if bound is not None]
        return sum(known) if len(known) == len(bounds) else None

    def by(self, promql: str, labels: Sequence[str], beside: str = "") -> Counter[tuple[str, ...]]:
        """The series that an expression touches, by the values of some labels (none: all together).

        Args:
            promql: the expression.
            labels: names.
            beside: matchers on `le`; then only those buckets are counted whose histogram has one that matches too.

        Raises:
            SourceError: the server does not answer, or cannot count them even in parts.
        """
        found: Counter[tuple[str, ...]] = Counter()
        for selector in selectors(promql):
            grouping = f" by ({', '.join(labels)})" if labels else ""
            histograms = f" and ignoring (le) {restricted(selector.text, beside)}" if beside else ""
            for part in self._portions(selector.text):
                counted = restricted(f"{selector.text}{histograms}", part)
                found.update(self.values(f"count{grouping} ({counted})", labels))
        return Counter({values: int(count) for values, count in found.items()})

    def _portions(self, selector: str) -> tuple[str, ...]:
        """The matchers by which the series of a selector are counted in parts that are small enough."""
        if selector not in self._divided:
            series = self._at_most(_selected(selector)) or 0
            parts = math.ceil(series / self._at_once) if math.isfinite(series) else 1
            self._divided[selector] = portions(self._metrics, selector, parts, self._at)
        return self._divided[selector]

    def values(self, promql: str, labels: Sequence[str]) -> dict[tuple[str, ...], float]:
        """The values of an expression now, by the values of the labels that it groups by. Raises SourceError."""
        key = (promql, tuple(labels))
        if key not in self._values:
            self._values[key] = self._asked(promql, labels)
        return self._values[key]

    def _asked(self, promql: str, labels: Sequence[str]) -> dict[tuple[str, ...], float]:
        # A range of one instant, for unlike an instant query it is divided where the server finds it too big.
        block = self._metrics.range(promql, Grid(self._at, _STEP, 1))
        pairs = zip((dict(each) for each in block.labels), block.values[:, 0].tolist(), strict=True)
        return {tuple(each.get(label, "") for label in labels): value for each, value in pairs if value == value}

    def _count(self, names: Sequence[str]) -> None:
        question = restricted(f'count by ({_NAME}) ({{{_NAME}=~"{pattern(names)}"}})', self._match)
        try:
            counts = {name: count for (name,), count in self.values(question, (_NAME,)).items()}
        except SourceError as error:
            if error.trouble not in TOO_BIG:
                return
            counts = dict.fromkeys(names, math.inf)
        for name in names:
            self._put(Selected(name, frozenset()), counts.get(name, 0.0))

    def _put(self, selected: Selected, series: float) -> None:
        self._known.setdefault(selected.name, {})[selected.matchers] = series

    def _at_most(self, selected: Selected) -> float | None:
        known = self._known.get(selected.name, {}).items()
        bounds = (series for wider, series in known if wider <= selected.matchers)
        return min(bounds, default=None if selected.name else math.inf)


@lru_cache(maxsize=4096)
def selected_by(promql: str) -> tuple[Selected, ...]:
    """What an expression's selectors ask for, without those matchers that cannot be read."""
    return tuple(_selected(selector.text) for selector in selectors(promql))


def _selected(text: str) -> Selected:
    name, _, inside = text.partition("{")
    try:
        return Selected(name.strip(), frozenset(parse_matchers(inside.rpartition("}")[0])))
    except ValueError:
        return Selected(name.strip(), frozenset())
