from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.prometheus.sharding import divisible_by, matchers, restricted, selectors


@pytest.mark.parametrize(
    ("promql", "labels"),
    [
        ("sum by (namespace, pod, le) (rate(m_bucket[5m]))", ("namespace", "pod")),
        ("sum(rate(m[5m])) by (pod, namespace)", ("namespace", "pod")),
        ("sum by (a) (x) / on (a) group_left (b) max by (a, b) (y)", ("a",)),
        ("sum by (a, b) (x) / ignoring (b) sum by (a) (y)", ("a",)),
        ('sum by (namespace, pod) (label_replace(rate(m[5m]), "pod", "$1", "container_id", "(.+)"))', ("namespace",)),
        ("histogram_quantile(0.9, sum by (service, le) (rate(m_bucket[5m])))", ("service",)),
        ("rate(m[5m])", ("namespace", "instance", "job")),
        ("sum by (a,) (m)", ("a",)),
        ("topk by (ns) (3, m)", ("ns",)),
        ("sum by (a) (count)", ("a",)),
        ("SUM BY (a) (m)", ("a",)),
        # One number over everything, absence, or nothing that stays the same:
        ("sum(rate(m[5m]))", ()),
        ("sum by (a) (m) / scalar(sum(n))", ()),
        ("sum by (a) (m) or vector(0)", ()),
        ("absent(m)", ()),
        ("sum without (pod) (m)", ()),
        ("topk(5, sum by (a) (m))", ()),
        ("sum by (a) (x) / on () group_left sum by (b) (y)", ()),
        ("sum by (le) (m)", ()),
    ],
)
def test_labels_that_divide(promql: str, labels: tuple[str, ...]) -> None:
    assert divisible_by(promql) == labels


@pytest.mark.parametrize(
    ("promql", "divided"),
    [
        ("up", 'up{a="b"}'),
        ("up{}", 'up{a="b"}'),
        ('up{x="}"}', 'up{a="b",x="}"}'),
        ('{__name__="up"}[5m]', '{a="b",__name__="up"}[5m]'),
        ("sum by (job, up) (rate(up[5m] offset 1d))", 'sum by (job, up) (rate(up{a="b"}[5m] offset 1d))'),
        ("x / on (up) group_left (z) y", 'x{a="b"} / on (up) group_left (z) y{a="b"}'),
        ("a:b:rate5m > bool 2 and c unless d", 'a:b:rate5m{a="b"} > bool 2 and c{a="b"} unless d{a="b"}'),
        ('label_replace(m, "up", "$1", "x", "(up)")', 'label_replace(m{a="b"}, "up", "$1", "x", "(up)")'),
        ("max_over_time(m[1h:5m]) * 1e3", 'max_over_time(m{a="b"}[1h:5m]) * 1e3'),
        ("m # up\n + n", 'm{a="b"} # up\n + n{a="b"}'),
        ("broken{", 'broken{a="b",'),
        ("time() - m", 'time() - m{a="b"}'),
        ("inf + NaN + 0x1F", "inf + NaN + 0x1F"),
    ],
)
def test_a_matcher_goes_into_every_selector(promql: str, divided: str) -> None:
    assert restricted(promql, 'a="b"') == divided


def test_no_matcher_changes_nothing() -> None:
    assert restricted('m{a="b"} + n', "") == 'm{a="b"} + n'


def test_selectors_are_given_whole() -> None:
    found = selectors('sum(rate(m{a="b}"}[5m])) / n')
    assert [selector.text for selector in found] == ['m{a="b}"}', "n"]


@given(st.lists(st.text(max_size=8), unique=True, max_size=30), st.integers(1, 8))
def test_parts_have_each_value_once(values: list[str], count: int) -> None:
    parts = matchers("x", values, count)
    assert parts[-1] == 'x=""'
    assert len(parts) <= count + 2

    def in_part(part: str, value: str) -> bool:
        pattern = part.removeprefix('x=~"').removesuffix('"').replace('\\"', '"').replace("\\n", "\n")
        return re.fullmatch(pattern.replace("\\\\", "\\"), value) is not None

    for value in values:
        if value and "\\n" not in value and "\n" not in value:
            assert sum(in_part(part, value) for part in parts[:-1]) == 1


def test_long_value_lists_are_kept_short() -> None:
    parts = matchers("pod", [f"pod-{i:060}" for i in range(1000)], 2)
    assert max(map(len, parts)) < 4200
    assert len(parts) > 10
