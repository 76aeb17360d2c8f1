"""The recorded incidents as the benchmark runs them: found, explained, nothing besides; with and without free text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.scenarios import blanked, goals, investigated, main, summary
from storage.records import Verdict

if TYPE_CHECKING:
    from benchmarks.scenarios import Result

FIXTURES = Path(__file__).parents[1] / "fixtures" / "kubernetes"
SCENARIOS = sorted(path.parent.name for path in FIXTURES.glob("*/truth.json"))
EXPLAINED = {
    "hpa-at-maximum",
    "node-notready",
    "pvc-pending-storageclass",
    "quota-exceeded-staging",
    "unschedulable-insufficient-cpu",
}
"""Whose cause stands in fields of objects of the cluster."""


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {name: investigated(FIXTURES / name) for name in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_issue_is_one_real_case_and_nothing_else_is(scenario, results):
    result = results[scenario]
    assert all(found.case is not None for found in result.found)
    assert [case.record.entity.title for case in result.spurious] == []
    assert result.hits == ()
    assert len(result.cases) == len(result.issues)


@pytest.mark.parametrize("scenario", sorted(EXPLAINED))
def test_the_stated_cause_is_first_and_the_priority_fits(scenario, results):
    (found,) = results[scenario].found
    assert found.place == 1
    assert found.case is not None
    assert found.case.conclusion.verdict is Verdict.REAL
    assert found.row["priority_fits"]


@pytest.mark.parametrize("scenario", sorted(EXPLAINED))
def test_verdict_and_cause_stand_without_a_word_of_free_text(scenario, results):
    with blanked(FIXTURES / scenario) as copy:
        (found,) = investigated(copy).found
    assert found.case is not None
    assert found.case.conclusion.verdict is Verdict.REAL
    (known,) = results[scenario].found
    assert known.case is not None
    assert found.case.conclusion.causes[0].id == known.case.conclusion.causes[0].id


def test_nothing_readable_is_left_in_a_blanked_copy():
    with blanked(FIXTURES / "node-notready") as copy:
        texts = [path.read_text() for path in copy.rglob("*.json") if path.name != "truth.json"]
        assert texts
        assert not (copy / "logs").exists()
    assert not any("Kubelet stopped posting" in text for text in texts)


def test_what_is_missed_or_too_much_is_counted(results):
    healthy, wrong = results["healthy-baseline"], results["node-notready"]
    other = type(wrong)(results["quota-exceeded-staging"].truth, wrong.cases, 1.0)
    total = summary([healthy, other])
    assert (total["issues"], total["issues_found"], total["spurious"]) == (1, 0, 1)
    assert [goal.met for goal in goals([healthy, other])][:2] == [False, False]
    assert [goal.met for goal in goals([healthy, wrong], blank=True)] == [True] * 4
    assert not goals([healthy, other], blank=True)[0].met


def test_it_prints_one_object_an_incident_and_the_summary(tmp_path, capsys):
    (tmp_path / "healthy-baseline").symlink_to(FIXTURES / "healthy-baseline")
    main([str(tmp_path), "--json"])
    incident, total = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (incident["scenario"], incident["investigations"], incident["spurious"]) == ("healthy-baseline", 0, [])
    assert set(total["summary"]) == {
        "incidents", "issues", "issues_found", "cause_top1", "cause_top2", "must_not_report_hits", "spurious",
        "seconds_p90",
    }  # fmt: skip


def test_a_folder_without_incidents_is_said_to_be_so(tmp_path):
    with pytest.raises(SystemExit, match=r"truth\.json"):
        main([str(tmp_path)])
