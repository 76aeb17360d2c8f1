from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.catalog import Owners, load, matchers, render
from detectors.catalog.promql import first_selector, matcher, parse_matchers, relabelled


def test_placeholders_are_replaced() -> None:
    template = 'sum by (job, $by) (rate(x{a="b",$match}[$window])) > $hold + $window_s'
    assert render(template, 120) == 'sum by (job) (rate(x{a="b"}[120s])) > 600 + 120'
    scoped = render(template, 120, 'namespace="shop"', "cluster", hold_seconds=60)
    assert scoped == 'sum by (job, cluster) (rate(x{a="b",namespace="shop"}[120s])) > 60 + 120'


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("sum by ($by) (x{$match})", "sum (x)"),
        ("x * on (pod, $by) group_left (w) y{$match}", "x * on (pod) group_left (w) y"),
        (
            'quantile_over_time(0.9, x{a=~"[{]$|b",$match}[$lookback:$step])',
            'quantile_over_time(0.9, x{a=~"[{]$|b"}[604800s:300s])',
        ),
        ("predict_linear(x{$match}[$trend], $horizon)", "predict_linear(x[21600s], 345600)"),
        ('label_replace(x{$match}, "a", "$1", "b", "(.+)")', 'label_replace(x, "a", "$1", "b", "(.+)")'),
    ],
)
def test_nothing_to_add_leaves_no_trace(template: str, expected: str) -> None:
    assert render(template, 300) == expected


@pytest.mark.parametrize("how", [Owners.RAW, Owners.RECORDING_RULE])
def test_owners_are_joined_in_the_way_asked_for(how: Owners) -> None:
    source = load().sources("pod-restart-spike", how)[0]
    text = render(source.display, 300, 'cluster="a"', "cluster", owners=how)
    assert "$" not in text.replace('"$1"', "")
    assert ("kube_replicaset_owner" in text) is (how is Owners.RAW)
    assert ("namespace_workload_pod" in text) is (how is Owners.RECORDING_RULE)


@given(st.text())
def test_a_value_never_ends_its_matcher(value: str) -> None:
    text = matchers({"pod": value}, ["pod"])
    if value:
        assert text.startswith('pod="')
        assert matcher(text)({"pod": value})
    else:
        assert not text


def test_matchers_are_evaluated_as_promql_does() -> None:
    failed = matcher('code=~"5..|0",method!="GET"')
    assert failed({"code": "503", "method": "POST"})
    assert failed({"code": "0"})
    assert not failed({"code": "5033"})
    assert not failed({"code": "503", "method": "GET"})
    assert matcher('error_type!="",status=""')({"error_type": "timeout"})
    assert not matcher('error_code!~"0|no error|"')({})


@pytest.mark.parametrize("text", ['code="5', "code=500", 'code=~"(5"', 'code="a" other'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_matchers(text)


def test_labels_are_renamed_where_they_are_labels() -> None:
    text = (
        'sum by (pod, b) (rate(pod{pod="pod",x!="y",$match}[5m])) * on (pod) label_replace(q, "w", "$1", "pod", "(.+)")'
    )
    expected = (
        'sum by (exported_pod, b) (rate(pod{exported_pod="pod",x!="y",$match}[5m])) * on (exported_pod)'
        ' label_replace(q, "w", "$1", "exported_pod", "(.+)")'
    )
    assert relabelled(text, lambda name: "exported_pod" if name == "pod" else name) == expected


@pytest.mark.parametrize(
    ("promql", "selector"),
    [
        ("sum by (namespace, app, $by) (queue_depth{$match})", "queue_depth"),
        ('max(1 - rate(a:b_total{x="{y}",z=~"$v|w",$match}[$window])) or other', 'a:b_total{x="{y}",z=~"$v|w"}'),
        ("time() - max without (pod) (started_at) > 3e2", "started_at"),
        ('sum({__name__="odd.name", $match})', '{__name__="odd.name"}'),
        ("vector(1)", ""),
    ],
)
def test_the_first_selector_tells_whether_there_is_data(promql: str, selector: str) -> None:
    assert first_selector(promql) == selector


def test_both_names_of_a_label_are_kept_where_a_convention_knows_both() -> None:
    source = next(s for s in load().sources("http-server-5xx-spike") if s.convention == "nginx-ingress")
    aliased = source.aliased({"namespace": "exported_namespace", "service": "exported_service"})
    assert aliased.display == source.display
