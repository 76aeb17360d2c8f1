"""How often causes are right by their confidence: every one that was given counts, right or wrong."""

from __future__ import annotations

import pytest

from benchmarks.calibration import Given, goals
from benchmarks.calibration import _named as named
from detectors.model import Confidence
from tests.app.investigation.playbooks.workloads import a_pod, come_to, crashed, rolled_out, spec, well
from tests.app.investigation.scenes import anomaly, case, entity

HIGH, MEDIUM = Confidence.HIGH, Confidence.MEDIUM


def given(*rights: bool, confidence: Confidence = HIGH) -> list[Given]:
    return [Given("here", "web", "a cause", confidence, right) for right in rights]


@pytest.mark.parametrize(
    ("causes", "measured", "met"),
    [
        (given(*[True] * 9, False), 90.0, True),
        (given(*[True] * 8, False), 100 * 8 / 9, False),
        (given(True) + given(False, False, confidence=MEDIUM), 100.0, True),
        (given(True, confidence=MEDIUM), 0.0, False),
    ],
    ids=["nine in ten", "fewer", "medium ones may be wrong", "none given"],
)
def test_of_the_causes_given_as_high_nine_in_ten_have_to_be_right(causes, measured, met):
    [goal] = goals(causes)
    assert (goal.measured, goal.met) == (pytest.approx(measured), met)


def test_a_cause_is_right_where_it_names_what_is_known_and_wrong_of_whom_nothing_is():
    failing = a_pod(0, crashed(), spec(image="web:2"), hash_="bbbb", age=650.0)
    found = come_to(rolled_out(failing, well(7), new=spec(image="web:2")), "pod-crashloopbackoff").conclusion
    about = case(entity(), (anomaly("pod-crashloopbackoff"),))
    for truths, right in (({"web": "revision 2"}, True), ({"web": "512Mi"}, False), ({}, False)):
        told = list(named("here", [about], {about.id: found}, truths))
        assert len(told) == len(found.causes)
        assert told[0].right is right
