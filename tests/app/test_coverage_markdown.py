from __future__ import annotations

from msgspec import structs

from app.coverage_markdown import escaped, matrix
from detectors.catalog import load
from detectors.model import Coverage
from tests.app.screens.night import HOSTILE, NOW, coverage

ROWS = {row.id: row for row in load().rows}


def test_every_signal_has_its_line_and_every_group_its_table():
    text = matrix("prod", NOW, coverage(tuple(ROWS)), ROWS)
    assert [line[2:].split(" | ")[0] for line in text.splitlines() if line.startswith("| ")].count("signal") == len(
        {row.group for row in ROWS.values()}
    )
    for signal in ROWS:
        assert f"\n| {signal} | " in text
    assert f" {Coverage.FORBIDDEN}" in text.splitlines()[2]


def test_cells_of_a_hostile_cluster_stay_cells():
    lines = matrix(HOSTILE, None, coverage(tuple(ROWS)), {}).splitlines()
    [heading] = [line for line in lines if line.startswith("## ")]
    assert heading == "## Other"
    bars = {line.replace("\\\\", "").replace("\\|", "").count("|") for line in lines if line.startswith("|")}
    assert len(bars) == 1
    assert not {"\x1b", "\x07", "\u202e"} & set("".join(lines))


def test_markup_of_all_kinds_is_text():
    assert escaped("a|b\n<img src=x> [x](javascript:1) `c` \\") == (
        "a\\|b↵\\<img src=x\\> \\[x\\](javascript:1) \\`c\\` \\\\"
    )


def test_no_cycle_yet():
    assert "no cycle has run yet" in matrix("prod", None, (), {})


def test_what_a_row_costs_and_what_was_left_out_of_it():
    [record] = coverage(("http-server-latency-p95",))
    dear = structs.replace(record, query_series=61_000, detail="", thinned="istio: 61 of 200 bounds of histograms")
    [line] = [line for line in matrix("prod", NOW, [dear], ROWS).splitlines() if "latency-p95" in line]
    assert line.endswith("| 0.04 s, 61,000 series | thinned: istio: 61 of 200 bounds of histograms |")
