"""What the lists' cells and filters make of a row."""

from __future__ import annotations

import msgspec
import pytest

from app.screens.coverage_rows import CoverageRow, cost, explanation, heading, mark_of
from app.screens.coverage_rows import fields as coverage_fields
from app.screens.inbox_rows import (
    columns,
    expected_cell,
    fields,
    observed_cell,
    severity_cell,
    spark_cell,
    workload_cell,
)
from app.screens.preview import reasons
from detectors.model import PARTLY, Coverage, Views
from storage.records import CoverageRecord, Verdict
from tests.app.screens.night import CLUSTER, FAULTS, NOW, inbox_row
from widgets import palette
from widgets.filter import fold, parse
from widgets.rows import place

OPEN = inbox_row(next(fault for fault in FAULTS if fault.id == 411))
OVER = inbox_row(next(fault for fault in FAULTS if fault.id == 390))


def state_of(observed: float, unit: str):
    return msgspec.structs.replace(OPEN.worst, observed=observed, unit=unit, views=int(Views.STATE))


@pytest.mark.parametrize(
    ("observed", "unit", "told"),
    [(2, "affected containers", "2 ctrs"), (1, "unschedulable pods", "1 pod"), (3, "nodes", "3 nodes"),
     (1, "state", "-")],
)  # fmt: skip
def test_a_state_is_counted_and_none_was_expected(observed, unit, told):
    assert observed_cell(state_of(observed, unit)) == told
    assert expected_cell(state_of(observed, unit)) == "none"


def test_a_measured_value_keeps_its_unit_and_band():
    assert (observed_cell(OPEN.worst), expected_cell(OPEN.worst)) == ("4.1 %", "0-0.3 %")


def test_what_is_over_steps_back_and_what_is_open_does_not():
    def styles(row):
        drawn = {column.key: column.cell(row, 20) for column in columns(lambda: NOW)}
        told = {key: [str(span.style) for span in getattr(cell, "spans", ())] for key, cell in drawn.items()}
        return told, [str(span.style) for span in spark_cell(row, 20).spans]

    quiet, quiet_spark = styles(OVER)
    loud, loud_spark = styles(OPEN)
    assert [quiet[key] for key in ("severity", "workload", "signal", "now")] == [[palette.MUTED]] * 4
    assert palette.BAD not in quiet_spark
    assert loud["workload"] == loud["signal"] == []
    assert palette.BAD in loud_spark
    assert palette.BAD in str(severity_cell(OPEN).spans)


def test_the_environment_is_found_and_told_and_nothing_is_said_without_one():
    record = OPEN.investigation
    placed = msgspec.structs.replace(record.entity, environment="production")
    row = msgspec.structs.replace(record, entity=placed)
    here = msgspec.structs.replace(OPEN, investigation=row)
    assert parse("env:prod").matches(fold(fields(here)))
    assert not parse("env:prod").matches(fold(fields(OPEN)))
    assert ("env", "production") in list(reasons(here, NOW, None))
    assert "env" not in dict(reasons(OPEN, NOW, None))


def test_what_else_is_wrong_there_is_told_by_title():
    checkout = inbox_row(next(fault for fault in FAULTS if fault.id == 412))
    assert dict(reasons(checkout, NOW, None))["also"] == "5XX error rate spike, OOMKilled"
    assert "also" not in dict(reasons(OPEN, NOW, None))


@pytest.mark.parametrize(
    ("count", "width", "told"),
    [
        (3, 16, ["External", "dependencies", "(all protocols)"]),
        (2, 16, ["External", "dependencies (a…"]),
        (1, 40, ["External dependencies (all protocols)"]),
        (4, 16, ["External", "dependencies", "(all protocols)", ""]),
    ],
)
def test_a_groups_name_runs_down_its_rows(count, width, told):
    assert [heading("External dependencies (all protocols)", place, count, width) for place in range(count)] == told


def covered(status, **changes):
    record = CoverageRecord(CLUSTER, "pod-oomkilled", status, (), 0, 0, 0, None, "list on pods", 0.004)
    return CoverageRow(0, msgspec.structs.replace(record, **changes), "Pod Failure: OOMKilled", "Pod failures")


@pytest.mark.parametrize("status", Coverage)
def test_a_blind_row_is_found_as_such_and_no_other(status):
    blind = {
        Coverage.FORBIDDEN, Coverage.LEFT_OUT, Coverage.NO_DATA, Coverage.NO_SOURCE, Coverage.QUERY_ERROR,
    }  # fmt: skip
    found = fold(coverage_fields(covered(status)))
    assert parse("status:blind").matches(found) is (status in blind)
    assert parse("status:live").matches(found) is (status is Coverage.LIVE)


def test_the_explanation_says_what_to_do_about_it():
    now = 0.0
    assert ("missing", "list on pods") in explanation(covered(Coverage.FORBIDDEN), now)
    assert ("to see it", "list on pods") in explanation(covered(Coverage.NO_SOURCE), now)
    assert ("cost", "under 50 ms per cycle") in explanation(covered(Coverage.LIVE), now)
    assert (cost(covered(Coverage.NO_DATA, query_seconds=None).record)) == ""
    dear = covered(Coverage.LIVE, query_seconds=1.5, query_series=61_000, query_samples=10_492_000)
    assert cost(dear.record) == "1.50 s per cycle, 61,000 series, 10,492,000 samples at first"


def test_a_thinned_row_says_so():
    whole, thinned = covered(Coverage.LIVE), covered(Coverage.LIVE, thinned="istio: 61 of 200 bounds of histograms")
    assert ("thinned", "istio: 61 of 200 bounds of histograms") in explanation(thinned, 0.0)
    assert "thinned" not in dict(explanation(whole, 0.0))
    assert parse("status:thinned").matches(fold(coverage_fields(thinned)))
    assert not parse("status:thinned").matches(fold(coverage_fields(whole)))


def test_a_case_with_consequences_says_how_many_at_every_width():
    row = msgspec.structs.replace(OPEN, consequences=4)
    title = OPEN.investigation.entity.title
    assert workload_cell(OPEN, 44) == title
    assert workload_cell(row, 44) == f"{title} +4"
    assert workload_cell(row, 10).endswith(" +4") and len(workload_cell(row, 10)) <= 10
    assert dict(reasons(row, NOW, None))["brings"] == "4 other cases, shown with it"
    assert "brings" not in dict(reasons(OPEN, NOW, None))


@pytest.mark.parametrize(("width", "title"), [(78, "V"), (118, "VERDICT")])
def test_a_verdict_is_told_at_every_width(width, title):
    row = inbox_row(next(fault for fault in FAULTS if inbox_row(fault).investigation.verdict))
    [placed] = [each for each in place(columns(lambda: NOW), width) if each.column.key == "verdict"]
    assert placed.column.title == title
    assert str(placed.column.cell(row, placed.width)) in palette.VERDICT[row.investigation.verdict].full.plain


def test_what_is_acted_on_comes_first_in_the_preview():
    row = msgspec.structs.replace(OPEN, investigation=msgspec.structs.replace(
        OPEN.investigation, verdict=Verdict.REAL, cause="a rollout"))  # fmt: skip
    assert [name for name, _ in reasons(row, NOW, None)][:4] == ["verdict", "cause", "seen", "next"]


def test_a_row_judged_without_a_right_says_so_and_a_whole_one_does_not():
    whole = covered(Coverage.LIVE)
    partly = covered(Coverage.LIVE, detail=f"{PARTLY}: judged by metrics alone")
    assert mark_of(whole.record).word == "live"
    assert mark_of(partly.record).word == "partly"
    assert "forbidden" in coverage_fields(partly)["status"]
    assert "forbidden" not in coverage_fields(whole)["status"]
    assert dict(explanation(partly, 0.0))["missing"] == partly.record.detail
    assert "missing" not in dict(explanation(whole, 0.0))
