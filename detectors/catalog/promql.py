"""PromQL text: placeholders, matchers and label names, without a parser.

Templates are composed by us or written by the engineer; the placeholders are `$window` (a duration), `$window_s`,
`$lookback`, `$step`, `$trend`, `$horizon`, `$hold` (seconds), `$match` (extra matchers, last inside braces), `$by`
(extra labels, last in a label list) and `$owners` (one series of 1 per pod with its workload).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from detectors.catalog.schema import Owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PLACEHOLDERS = frozenset(
    ("window", "window_s", "step", "lookback", "trend", "horizon", "hold", "match", "by", "owners")
)
"""Their names, without the dollar sign; `$1` belongs to PromQL."""

_JOIN = "* on (namespace, {key}, $by) group_left (workload, workload_type)"


def _renamed(vector: str, target: str, source: str) -> str:
    return f'label_replace({vector}, "{target}", "$1", "{source}", "(.+)")'


def _owner(metric: str, labels: str, match: str) -> str:
    return f"max by (namespace, {labels}, $by) ({metric}{{{match},$match}})"


def _climbed(pod_owner: str, key: str, metric: str) -> str:
    """Pods of an intermediate owner, labelled with that owner's own owner."""
    pods = _renamed(_owner("kube_pod_owner", "pod, owner_name", f'owner_kind="{pod_owner}"'), key, "owner_name")
    top = _owner(metric, f"{key}, owner_kind, owner_name", 'owner_kind!~"|<none>"')
    named = _renamed(_renamed(top, "workload", "owner_name"), "workload_type", "owner_kind")
    return f"({pods} {_JOIN.format(key=key)} {named})"


def _raw_owners() -> str:
    direct = _owner("kube_pod_owner", "pod, owner_kind, owner_name", 'owner_kind!~"|<none>|Node"')
    direct = _renamed(_renamed(direct, "workload", "owner_name"), "workload_type", "owner_kind")
    alone = _renamed(_owner("kube_pod_owner", "pod", 'owner_kind=~"|<none>|Node"'), "workload", "pod")
    alone = f'label_replace({alone}, "workload_type", "Pod", "pod", ".+")'
    climbed = (
        f"{_climbed('ReplicaSet', 'replicaset', 'kube_replicaset_owner')}"
        f" or {_climbed('Job', 'job_name', 'kube_job_owner')}"
    )
    alternatives = f"{climbed} or on (namespace, pod, $by) {direct} or on (namespace, pod, $by) {alone}"
    return f"max by (namespace, pod, workload, workload_type, $by) ({alternatives})"


OWNERS: dict[Owners, str] = {
    Owners.RECORDING_RULE: "max by (namespace, pod, workload, workload_type, $by)"
    " (namespace_workload_pod:kube_pod_owner:relabel{$match})",
    Owners.RAW: _raw_owners(),
}
"""What `$owners` stands for: one series of value 1 per pod, with namespace, pod, workload and workload_type."""


def owners_as(told: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """What `$owners` stands for where labels have other names.

    Args:
        told: the names that kube-state-metrics' labels have there, where they are others: `{"pod": "pod_name"}`.
        wanted: the names that `namespace` and `pod` shall have in the result.
    """
    text = relabelled(OWNERS[Owners.RAW], lambda label: told.get(label, label))
    for label in ("namespace", "pod"):
        source, target = told.get(label, label), wanted.get(label, label)
        text = text if source == target else _renamed(text, target, source)
    return text


def duration(seconds: float) -> str:
    """A PromQL duration, in whole seconds: `300s`."""
    return f"{max(1, round(seconds))}s"


_RANGE = re.compile(r"\[(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def longest_range(promql: str) -> int:
    """Seconds of the longest range that a rendered expression looks back over; 0 where it has none."""
    return max((int(number) * _SECONDS[unit] for number, unit in _RANGE.findall(promql)), default=0)


def render(
    template: str,
    window_seconds: float,
    match: str = "",
    by: str = "",
    *,
    owners: Owners | str = Owners.RAW,
    step_seconds: float = 300,
    lookback_seconds: float = 7 * 86400,
    trend_seconds: float = 6 * 3600,
    horizon_seconds: float = 4 * 86400,
    hold_seconds: float = 600,
) -> str:
    """An expression that a server accepts: every placeholder of a template replaced.

    Args:
        template: PromQL with placeholders.
        window_seconds: the range of rates and of maxima over time; at least four scrape intervals.
        match: label matchers, comma separated, for every selector: `namespace="shop"`.
        by: label names, comma separated, for every grouping and join: `cluster`.
        owners: how pods are mapped to workloads, where the template asks for it.
        step_seconds: resolution of subqueries.
        lookback_seconds: range of percentiles.
        trend_seconds: range of linear fits.
        horizon_seconds: how far a fit is extrapolated.
        hold_seconds: how long a state must have lasted.
    """
    if "$owners" in template:
        template = template.replace("$owners", OWNERS[Owners(owners)])
    values = {
        "window_s": f"{window_seconds:g}",
        "window": duration(window_seconds),
        "step": duration(step_seconds),
        "lookback": duration(lookback_seconds),
        "trend": duration(trend_seconds),
        "horizon": f"{horizon_seconds:g}",
        "hold": f"{hold_seconds:g}",
    }
    text = _filled(_filled(template, "match", match, r"\{\$match\}"), "by", by, r" by \(\$by\)")
    return re.sub(r"\$(" + "|".join(values) + r")\b", lambda found: values[found[1]], text)


def _filled(text: str, name: str, value: str, alone: str) -> str:
    """Replace a placeholder that ends a list; without a value its comma, or the list it is `alone` in, goes too."""
    if value:
        return text.replace(f"${name}", value)
    return re.sub(rf"{alone}|,?\s*\${name}\b", "", text)


def quoted(value: str) -> str:
    """A string literal: the value can never end it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def matchers(labels: Mapping[str, str], names: Iterable[str]) -> str:
    """Equality matchers for those labels that have a value."""
    return ",".join(f"{name}={quoted(labels[name])}" for name in names if labels.get(name))


_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')


@lru_cache(maxsize=1024)
def parse_matchers(text: str) -> tuple[tuple[str, str, str], ...]:
    """Label, operator and value of each matcher of `a="x",b=~"y|z"`.

    Raises:
        ValueError: the text is not a list of matchers, or a regular expression does not compile.
    """
    found, position = [], 0
    while position < len(text):
        match = _MATCHER.match(text, position)
        if not match:
            raise ValueError(f"not a label matcher: {text[position:]}")
        label, operator, value = match.groups()
        value = re.sub(r"\\(.)", lambda escape: "\n" if escape[1] == "n" else escape[1], value, flags=re.DOTALL)
        if operator.endswith("~"):
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {value} ({error})") from None
        found.append((label, operator, value))
        position = match.end()
    return tuple(found)


@lru_cache(maxsize=512)
def matcher(text: str) -> Callable[[Mapping[str, str]], bool]:
    """A predicate that says whether labels satisfy every matcher, as PromQL does (anchored, absent is empty)."""
    tests: list[tuple[str, Callable[[str], bool]]] = []
    for label, operator, value in parse_matchers(text):
        if operator.endswith("~"):
            pattern, wanted = re.compile(value), operator == "=~"
            tests.append((label, lambda v, p=pattern, w=wanted: (p.fullmatch(v) is not None) is w))  # type: ignore[misc]
        else:
            wanted = operator == "="
            tests.append((label, lambda v, x=value, w=wanted: (v == x) is w))  # type: ignore[misc]

    def satisfied(labels: Mapping[str, str]) -> bool:
        return all(test(labels.get(label, "")) for label, test in tests)

    return satisfied


_NOT_A_METRIC = re.compile(
    r'"(?:[^"\\]|\\.)*"'
    r"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
    r"|\[[^\]]*\]|\$\w+|\b(?:and|or|unless|bool|offset|atan2)\b|\b\w+(?=\s*(?:\(|(?:by|without)\s*\())"
)
_METRIC_SELECTOR = re.compile(r'([a-zA-Z_:][\w:]*)?\s*\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\}|([a-zA-Z_:][\w:]*)')


def first_selector(promql: str) -> str:
    """The first series selector of an expression, without placeholders; empty when it selects nothing."""
    position = 0
    while position < len(promql):
        if other := _NOT_A_METRIC.match(promql, position):
            position = other.end()
        elif found := _METRIC_SELECTOR.match(promql, position):
            name, text = found[1] or found[3] or "", re.sub(r",?\s*\$match\b", "", found[2] or "")
            return f"{name}{{{text}}}" if text else name
        elif number := re.compile(r"[\d.]\w*").match(promql, position):
            position = number.end()
        else:
            position += 1
    return ""


_LABEL_PLACES = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<list>\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\))"
    r"|(?P<matcher>(?<=[{,])\s*[a-zA-Z_]\w*(?=\s*[=!]))"
)


def relabelled(text: str, rename: Callable[[str], str]) -> str:
    """The same expression under other label names.

    Label names stand in label lists, before matcher operators, and as string arguments of `label_replace`.
    """

    def replaced(found: re.Match[str]) -> str:
        if literal := found["string"]:
            inside_call = text[: found.start()].rstrip().endswith(",")
            return f'"{rename(literal[1:-1])}"' if inside_call else literal
        return re.sub(r"(?<!\$)\b[a-zA-Z_]\w*\b(?!\s*\()", lambda name: rename(name[0]), found[0])

    return _LABEL_PLACES.sub(replaced, text)
