"""The benchmark of root causes, end to end on a folder of its own making."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.rootcause import main, metric_of, signal_of
from detectors.causes import Signal

if TYPE_CHECKING:
    from pathlib import Path

HEAD = (
    "case_id,family,npz,key,service_truth,metric_truth,fault,base_start,base_end,anom_start,anom_end,detect_time,step_s"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    columns = ["front|LatencyP90(s)", "front|Workload(Ops)", "cart|LatencyP90(s)", "cart|Workload(Ops)"]
    columns += ["cart|CpuUsage(m)", "front|CpuUsage(m)", "_entry|SuccessRate(%)", "_entry|LatencyP50(s)"]
    level = np.array([0.2, 5, 0.1, 5, 10, 10, 100, 0.2])
    day = level * np.where(level == 100, 1, random.normal(1, 0.05, (60, 8)))
    day[40:45, [0, 2, 7]] += 1.5
    day[40:45, 4] += 60
    times = 1_700_000_000 + 60 * np.arange(60)
    np.savez(tmp_path / "day.npz", t=times, X=day, columns=columns)
    key: dict[str, Any] = {"x|t": times[38:43], "x|X": day[38:43], "noissue|t": times[:35], "noissue|X": day[:35]}
    np.savez(tmp_path / "keyed.npz", columns=columns, **key)
    at = f"{times[40]},{times[44]},{times[41]},60"
    rows = [
        HEAD,
        f"day/0,day,day.npz,,cart,,cpu,{times[10]},{times[39]},{at}",
        f"keyed/0,keyed,keyed.npz,x,cart,,target=front|LatencyP90(s),1,2,{at}",
    ]
    (tmp_path / "cases.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "edges.csv").write_text("scenario,source,target\nday,front,cart\nkeyed,front,cart\n")
    return tmp_path


def test_the_faulty_service_of_each_kind_of_scenario(folder: Path) -> None:
    out = folder / "ranks.csv"
    assert main([str(folder), "--out", str(out)]) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["case_id"], row["service"]) for row in rows if row["rank"] == "1"} == {
        ("day/0", "cart"),
        ("keyed/0", "cart"),
    }
    assert [row["visible"] for row in rows] == ["1"] * 4
    assert [row["rank"] for row in rows] == ["1", "2"] * 2


def test_a_folder_without_cases_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no cases\.csv"):
        main([str(tmp_path), "--out", str(tmp_path / "out.csv")])


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("PodServerLatencyP90(s)", Signal.LATENCY),
        ("PodClientLatencyP90(s)", None),
        ("availability_Average", Signal.ERRORS),
        ("requests_Sum", Signal.TRAFFIC),
        ("PodWorkload(Ops)", Signal.TRAFFIC),
        ("CpuUsageRate(%)", Signal.RESOURCE),
        ("NodeCpuUsageRate(%)", None),
        ("latency-50", Signal.LATENCY),
        ("mem", Signal.RESOURCE),
        ("SyscallRead", None),
    ],
)
def test_what_a_name_says(name: str, signal: Signal | None) -> None:
    assert signal_of(name) is signal


def test_calls_are_measured_at_their_far_end() -> None:
    metric, call = metric_of("a>b|edge_p50_source(s)")
    assert metric is not None
    assert (metric.node, metric.by_callers, call) == ("b", True, ("a", "b"))
