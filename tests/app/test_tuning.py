from __future__ import annotations

import pytest

from app.settings.schema import DetectionSettings, ScopeSettings
from app.tuning import AnnotatedObject, in_scope, read_tuning
from detectors.model import Entity, EntityType
from tests.app.builders import workload

DEFAULTS = DetectionSettings()


def layers(own=None, template=None, namespace=None):
    places = (("Deployment shop/checkout", own), ("pod template", template), ("Namespace shop", namespace))
    return [AnnotatedObject(where, annotations or {}) for where, annotations in places]


@pytest.mark.parametrize("prefix", ["tocsin.io", "metoro.io"])
def test_all_three_annotations_under_both_prefixes(prefix):
    tuning, warnings = read_tuning(
        layers(
            {
                f"{prefix}/anomaly-detection-disabled": "true",
                f"{prefix}/anomaly-detection-baseline-minutes": "20",
                f"{prefix}/anomaly-detection-evaluation-minutes": "10",
            }
        ),
        DEFAULTS,
    )
    assert (tuning.disabled, tuning.baseline_minutes, tuning.evaluation_minutes) == (True, 20, 10)
    assert not warnings


def test_the_workload_wins_over_its_template_and_that_over_the_namespace():
    key = "tocsin.io/anomaly-detection-baseline-minutes"
    assert read_tuning(layers({key: "10"}, {key: "15"}, {key: "20"}), DEFAULTS)[0].baseline_minutes == 10
    assert read_tuning(layers(None, {key: "15"}, {key: "20"}), DEFAULTS)[0].baseline_minutes == 15
    assert read_tuning(layers(None, None, {key: "20"}), DEFAULTS)[0].baseline_minutes == 20


def test_enabled_on_the_workload_wins_over_disabled_on_the_namespace():
    key = "metoro.io/anomaly-detection-disabled"
    assert not read_tuning(layers({key: "false"}, None, {key: "true"}), DEFAULTS)[0].disabled


@pytest.mark.parametrize("value", ["31", "4", "ten", "", "10.5", "-10", "１０", "[red]9[/red]"])
def test_a_bad_value_is_ignored_with_a_warning_that_says_where_and_what_is_allowed(value):
    key = "tocsin.io/anomaly-detection-baseline-minutes"
    tuning, (warning,) = read_tuning(layers({key: value}, {key: "20"}), DEFAULTS)
    assert tuning.baseline_minutes == 20
    assert "Deployment shop/checkout" in warning
    assert key in warning
    assert "from 5 to 30" in warning


def test_an_evaluation_longer_than_half_of_the_baseline_ignores_both():
    tuning, (warning,) = read_tuning(
        layers(
            {
                "tocsin.io/anomaly-detection-baseline-minutes": "10",
                "tocsin.io/anomaly-detection-evaluation-minutes": "6",
            }
        ),
        DEFAULTS,
    )
    assert (tuning.baseline_minutes, tuning.evaluation_minutes) == (30, 5)
    assert "more than half" in warning


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, True),
        ({"namespaces": ("sh*",)}, True),
        ({"namespaces": ("other",)}, False),
        ({"environments": ("prod",)}, True),
        ({"environments": ("staging",)}, False),
        ({"services": ("check*",)}, True),
        ({"services": ("cart",)}, False),
        ({"exclude_namespaces": ("shop",)}, False),
        ({"exclude_services": ("cart", "check*")}, False),
        ({"exclude_services": ("shop/checkout",)}, False),
        ({"exclude_services": ("staging/checkout", "cart")}, True),
        ({"services": ("checkout",), "exclude_services": ("checkout",)}, False),
    ],
)
def test_scope(scope, expected):
    assert in_scope(workload(), ScopeSettings(**scope)) is expected


def test_nodes_are_always_in_scope():
    node = Entity(EntityType.NODE, "lab", "", "", "Node", "worker-1")
    assert in_scope(node, ScopeSettings(namespaces=("shop",), environments=("prod",)))
