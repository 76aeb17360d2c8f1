"""Dividing an expression by the values of a label, for servers that find it too big.

An expression may be divided by a label when every series of its result is computed from input series with one and
the same value of it: when each aggregation keeps the label by `by (...)`, each join matches on it, and nothing
rewrites it or looks at the absence of series. Then a matcher in all selectors gives a part of the result, and the
parts are the whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
      | (?P<range>\[[^\]]*\])
      | (?P<word>[A-Za-z_:][A-Za-z0-9_:.]*)
      | (?P<number>[0-9][0-9A-Za-z_.]*|\.[0-9]+)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_AGGREGATIONS = frozenset(
    {"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"}
)
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = _AGGREGATIONS | _LISTS | {"and", "or", "unless", "atan2", "bool", "offset", "start", "end", "inf", "nan"}
_INDIVISIBLE = frozenset({"absent", "absent_over_time", "scalar", "vector", "count_values", "without"})
"""What looks at the whole of its input, or at the lack of it."""
PREFERRED = ("namespace", "exported_namespace", "k8s_namespace_name", "destination_workload_namespace", "service")
"""Labels whose values are few and of similar weight."""
_COMMON = ("namespace", "job", "instance")
"""What series that nothing aggregates can be divided by."""
_LONGEST_PATTERN = 4000
"""Bytes of a matcher; servers limit the whole expression to 16 KB and more."""


class Selector(NamedTuple):
    """One vector selector of an expression."""

    insert: int
    """Where in the text another matcher may be written."""
    text: str
    """The whole selector, without range and offset."""
    braces: bool
    empty: bool


def divisible_by(promql: str) -> tuple[str, ...]:
    """The labels that an expression may be divided by, best first; empty when there is none or it is not certain."""
    tokens = _tokens(promql)
    words = {text for kind, text, _ in tokens if kind == "word"}
    aggregations = [text for position, (_, text, _) in enumerate(tokens) if _is_aggregation(tokens, position)]
    kept = [set(names) for keyword, names in _label_lists(tokens) if keyword in ("by", "on")]
    by_lists = sum(1 for keyword, _ in _label_lists(tokens) if keyword == "by")
    if words & _INDIVISIBLE or by_lists != len(aggregations):
        return ()
    kept = kept or [set(_COMMON)]
    lost = {name for keyword, names in _label_lists(tokens) if keyword == "ignoring" for name in names}
    rewritten = {text[1:-1] for kind, text, _ in tokens if kind == "string"} if _rewrites(words) else set()
    common = set.intersection(*kept) - lost - rewritten - {"le"}
    return tuple(sorted(common, key=lambda label: (_rank(label), label)))


def selectors(promql: str) -> tuple[Selector, ...]:
    """The vector selectors of an expression, in order."""
    tokens = _tokens(promql)
    in_lists = {position for start, stop in _list_spans(tokens) for position in range(start, stop)}
    found: list[Selector] = []
    position = 0
    while position < len(tokens):
        kind, text, at = tokens[position]
        named = (
            kind == "word" and text not in _WORDS and position not in in_lists and _sign(tokens, position + 1) != "("
        )
        opening = position + 1 if named else position
        if _sign(tokens, opening) == "{":
            closing = next((i for i in range(opening, len(tokens)) if _sign(tokens, i) == "}"), len(tokens) - 1)
            insert, end = tokens[opening][2] + 1, tokens[closing][2] + 1
            found.append(Selector(insert, promql[at:end], braces=True, empty=closing == opening + 1))
            position = closing
        elif named:
            found.append(Selector(at + len(text), text, braces=False, empty=True))
        position += 1
    return tuple(found)


def restricted(promql: str, matcher: str) -> str:
    """The expression with more matchers (comma separated, maybe none) in every selector."""
    if not matcher:
        return promql
    parts, done = [], 0
    for selector in selectors(promql):
        parts.append(promql[done : selector.insert])
        inside = matcher if selector.empty else matcher + ","
        parts.append(inside if selector.braces else "{" + inside + "}")
        done = selector.insert
    return "".join([*parts, promql[done:]])


def matchers(label: str, values: Sequence[str], count: int) -> tuple[str, ...]:
    """Matchers that divide series by a label into about `count` parts, those without the label included."""
    return (*(f'{label}=~"{pattern(group)}"' for group in grouped(values, count)), f'{label}=""')


def closed_matchers(label: str, values: Sequence[str], count: int) -> tuple[str, ...]:
    """The same, with values beside these in the last part; empty where they are too many to be told in one matcher."""
    groups = grouped(values, 1)
    if len(groups) > 1:
        return ()
    rest = "".join(f'{label}!~"{pattern(group)}"' for group in groups)
    return (*matchers(label, values, count)[:-1], rest)


def grouped(values: Iterable[str], count: int) -> list[list[str]]:
    """Values in about `count` groups of as many each; more where a group's pattern would become too long."""
    groups: list[list[str]] = []
    length, ordered = 0, sorted(values)
    share = -(-len(ordered) // count)
    for value in ordered:
        own = len(_escaped(value)) + 1
        if not groups or len(groups[-1]) >= share or length + own > _LONGEST_PATTERN:
            groups.append([])
            length = 0
        groups[-1].append(value)
        length += own
    return groups


def pattern(values: Iterable[str]) -> str:
    """A regular expression for these values, as it stands between a matcher's quotes."""
    return "|".join(map(_escaped, values))


def _escaped(value: str) -> str:
    text = re.sub(r"([\\^$.|?*+()\[\]{}])", r"\\\1", value).replace("\\", "\\\\").replace('"', '\\"')
    return text.replace("\n", "\\n")


Token = tuple[str, str, int]
"""Kind, text, position."""


def _tokens(promql: str) -> list[Token]:
    tokens = []
    for match in _TOKEN.finditer(promql):
        kind, text = match.lastgroup or "", match.group()
        if kind == "word" and text.lower() in _WORDS:
            text = text.lower()
        if kind != "space":
            tokens.append((kind, text, match.start()))
    return tokens


def _sign(tokens: list[Token], position: int) -> str:
    inside = 0 <= position < len(tokens) and tokens[position][0] == "sign"
    return tokens[position][1] if inside else ""


def _is_aggregation(tokens: list[Token], position: int) -> bool:
    kind, text, _ = tokens[position]
    following = tokens[position + 1][1] if position + 1 < len(tokens) else ""
    return kind == "word" and text in _AGGREGATIONS and following in ("(", "by", "without")


def _list_spans(tokens: list[Token]) -> Iterator[tuple[int, int]]:
    """Where label lists stand: the position of the keyword, and the one after the closing parenthesis."""
    for position, (kind, text, _) in enumerate(tokens):
        if kind == "word" and text in _LISTS and _sign(tokens, position + 1) == "(":
            closing = next((i for i in range(position, len(tokens)) if _sign(tokens, i) == ")"), len(tokens) - 1)
            yield position, closing + 1


def _label_lists(tokens: list[Token]) -> Iterator[tuple[str, list[str]]]:
    for start, stop in _list_spans(tokens):
        yield tokens[start][1], [text for kind, text, _ in tokens[start + 1 : stop] if kind == "word"]


def _rewrites(words: set[str]) -> bool:
    return bool(words & {"label_replace", "label_join"})


def _rank(label: str) -> int:
    return PREFERRED.index(label) if label in PREFERRED else len(PREFERRED)
