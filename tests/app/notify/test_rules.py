"""Which destinations a case goes to, and that the reason is given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from app.notify.rules import chosen, readings
from storage.records import Label, Lifecycle, Priority, Verdict
from tests.app.notify.samples import NOW, case, found, settings

BOTH = {"oncall": {"channel": "C1", "token_env": "T"}, "team": {"channel": "C2", "token_env": "T"}}


def ruled(*rules: dict[str, Any], **more: Any) -> Any:
    return settings(destinations=BOTH, rules=rules, **more)


def to(given: Any, at: float = NOW, **changes: Any) -> list[str]:
    return [name for name, _ in chosen(given, case(), found(**changes), at)]


def test_without_destinations_nothing_is_told() -> None:
    assert to(settings(destinations={})) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, True),
        ({"priority": Priority.P3}, True),
        ({"priority": Priority.P4}, False),
        ({"verdict": Verdict.INCONCLUSIVE}, False),
        ({"verdict": Verdict.NOISE}, False),
        ({"verdict": Verdict.RECOVERED}, False),
    ],
)
def test_by_default_real_problems_of_the_first_three_priorities_go_everywhere(changes: Any, told: bool) -> None:
    assert to(settings(destinations=BOTH), **changes) == (["oncall", "team"] if told else [])


@pytest.mark.parametrize(
    ("rule", "fits", "misses"),
    [
        ("services", ["check*"], ["cart"]),
        ("services", ["shop/checkout"], ["other/checkout"]),
        ("namespaces", ["s?op"], ["shop2"]),
        ("environments", [""], ["prod"]),
        ("classes", ["C4"], ["C5"]),
        ("priorities", ["P1"], ["P2"]),
        ("verdicts", ["real"], ["inconclusive"]),
    ],
)
def test_each_list_of_a_rule_decides(rule: str, fits: list[str], misses: list[str]) -> None:
    assert to(ruled({"to": ["team"], rule: fits})) == ["team"]
    assert to(ruled({"to": ["team"], rule: misses})) == []
    [reading] = readings(ruled({"to": ["team"], rule: misses}), case(), found(), NOW)
    assert misses[0] in reading.why and not reading.takes


@pytest.mark.parametrize(
    ("hours", "hour", "fits"),
    [
        ("08:00-18:00", 8, True),
        ("08:00-18:00", 18, False),
        ("22:00-06:00", 23, True),
        ("22:00-06:00", 5, True),
        ("22:00-06:00", 12, False),
    ],
)
def test_hours_are_of_the_named_zone_and_go_over_midnight(hours: str, hour: int, fits: bool) -> None:
    at = datetime(2026, 1, 5, hour, tzinfo=UTC).timestamp()
    assert bool(to(ruled({"to": ["team"], "hours": hours}), at)) is fits
    away = ruled({"to": ["team"], "hours": hours}, time_zone="Asia/Tokyo")
    assert bool(to(away, at - 9 * 3600)) is fits


def test_the_first_rule_that_takes_a_case_decides_or_all_do() -> None:
    rules = ({"to": ["team"], "services": ["cart"]}, {"to": ["oncall"]}, {"name": "all", "to": ["oncall", "team"]})
    assert to(ruled(*rules)) == ["oncall"]
    assert to(ruled(*rules, match="all")) == ["oncall", "team"]
    assert dict(chosen(ruled(*rules, match="all"), case(), found(), NOW)) == {"oncall": "rule 2", "team": "all"}
    why = [reading.why for reading in readings(ruled(*rules), case(), found(), NOW)]
    assert "not among cart" in why[0] and "real" in why[1] and "an earlier rule" in why[2]


def test_a_rule_without_destinations_keeps_what_it_takes_from_the_others() -> None:
    assert to(ruled({"namespaces": ["shop"]}, {"to": ["oncall"]})) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"part_of": 7},
        {"muted": 3},
        {"label": Label.FALSE},
        {"lifecycle": Lifecycle.CLOSED},
        {"snoozed_until": NOW + 1},
    ],
)
def test_what_the_engineer_has_dealt_with_is_not_told(changes: Any) -> None:
    given = settings()
    assert chosen(given, case(snoozed_until=NOW - 1, label=Label.TRUE), found(), NOW)
    assert not chosen(given, replace(case(), **changes), found(), NOW)
