"""Evidence of an object's state names the field that holds it: what it says is what the object has there."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from detectors.model import FieldRef
from detectors.states import STATE_DETECTORS
from detectors.states.paths import condition_path, container_path, pairs, readable
from tests.detectors.states.objects import FIXTURES, cluster, judge, pod, recorded, waiting

SCENARIOS = sorted(path.parent.name for path in FIXTURES.glob("*/truth.json"))
_STEP = re.compile(r"\.(?P<field>\w+)|\[(?P<choice>[^\]]+)\]")


def _value(item: Any, path: str) -> str:
    """What stands at a path of an object, as kubectl would print it; empty where there is nothing."""
    for step in _STEP.finditer(path):
        if step["field"]:
            item = item.get(step["field"], "") if isinstance(item, dict) else ""
        else:
            item = next(each for each in item if step["choice"] in (each.get("name"), each.get("type")))
    return pairs(item) if isinstance(item, dict) else str(item)


def _objects(state: Any) -> dict[tuple[str, str, str], Any]:
    tables = (state.pods, state.nodes, state.workloads, state.claims, state.autoscalers, state.quotas, state.services)
    items = [item for table in tables for item in table.values()]
    return {
        (each.kind if hasattr(each, "kind") else type(each).__name__, each.namespace, each.name): msgspec.to_builtins(
            each
        )
        for each in items
    }


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_field_holds_what_the_evidence_says(scenario: str) -> None:
    state = recorded(scenario)
    objects = _objects(state)
    found = [each for row in STATE_DETECTORS for each in judge(row, state).observations]
    facts = [fact for each in found for fact in each.facts]
    assert bool(facts) is (scenario != "healthy-baseline")
    for fact in (each for each in facts if each.field is not None):
        raw = objects[fact.field.kind, fact.field.namespace, fact.field.name]
        assert (_value(raw, fact.field.path) or "0") == fact.value, fact.field.title
        assert f" {fact.field.kind.lower()} {fact.field.name} " in fact.source
    assert all(fact.field is not None for fact in facts if fact.step == "object")


def test_fields_are_told_for_people_and_for_kubectl() -> None:
    state = cluster([pod(0, waiting("CrashLoopBackOff"))])
    (shown,) = state.pods.values()
    path = container_path(shown, shown.status.container_statuses[0], "state.waiting.reason")
    assert path == '{.status.containerStatuses[?(@.name=="app")].state.waiting.reason}'
    assert readable(path) == ".status.containerStatuses[app].state.waiting.reason"
    assert readable(condition_path("example.com/ready")) == ".status.conditions[example.com/ready].status"
    assert FieldRef("Node", "", "worker-3", readable(condition_path("Ready"))).title == (
        "Node worker-3 .status.conditions[Ready].status"
    )


def test_a_name_that_would_break_out_of_the_expression_chooses_everything() -> None:
    assert condition_path('x")].secret[?(@.a=="') == "{.status.conditions[*].status}"
