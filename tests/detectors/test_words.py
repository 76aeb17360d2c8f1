"""One thing is one thing."""

from __future__ import annotations

import pytest

from detectors.words import counted, noun


@pytest.mark.parametrize(
    ("number", "plural", "told"),
    [(1, "investigations", "1 investigation"), (0, "pods", "0 pods"), (2.0, "times", "2 times"),
     (1.0, "times", "1 time"), (1, "state", "1 state")],
)  # fmt: skip
def test_a_number_and_its_noun_agree(number: float, plural: str, told: str) -> None:
    assert counted(number, plural) == told


def test_what_stands_before_the_noun_stays() -> None:
    assert noun(1, "unschedulable pods") == "unschedulable pod"
