"""The benchmark of detection, end to end on a folder of its own making."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.detection import main

if TYPE_CHECKING:
    from pathlib import Path

STEPS = {"fine/a": 60, "coarse/b": 3600}
FAULT = {"fine/a": 4000, "coarse/b": 300}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    lines = ["series_id,family"]
    for name, step in STEPS.items():
        length = FAULT[name] + 20
        values = random.normal(200, 4, length)
        values[FAULT[name] : FAULT[name] + 6] += 150
        family = name.split("/")[0]
        arrays = {f"{name}|t": 1_700_000_000 + step * np.arange(length), f"{name}|v": values}
        np.savez(tmp_path / f"{family}.npz", **arrays)
        lines.append(f"{name},{family}")
    (tmp_path / "series.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.parametrize("history", [[], ["--history", "35"]])
def test_the_faults_of_every_step_and_nothing_else(folder: Path, history: list[str]) -> None:
    out = folder / "predictions.csv"
    assert main([str(folder), "--out", str(out), *history]) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"series_id", "timestamp", "score", "is_anomaly"}
    found = {
        (row["series_id"], round((int(row["timestamp"]) - 1_700_000_000) / STEPS[row["series_id"]])) for row in rows
    }
    for name, at in FAULT.items():
        assert any(series == name and at <= index <= at + 2 for series, index in found)
    assert len(found) <= 3


def test_a_folder_without_a_listing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"series\.csv: not found"):
        main([str(tmp_path), "--out", str(tmp_path / "out.csv")])
