"""The benchmark takes a member that labels have trained, and only such a one."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from app.quality.learning import FEATURES
from benchmarks.detection import main
from benchmarks.learnt import Judge
from detectors.quality.member import Member, State

SIZE = len(FEATURES)


def member(weight=2.0, bias=-1.0):
    weights = tuple(weight if name == "score" else 0.0 for name in FEATURES)
    return Member(State.USELESS, FEATURES, 9, 9, weights, bias, (0.0,) * SIZE, (1.0,) * SIZE)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(msgspec.json.encode(member()))
    return path


def test_alerts_that_it_doubts_are_left_out(model):
    times, scores = Judge.read(model).kept(np.array([10.0, 20.0]), np.array([1.01, 4.0]))
    assert (times.tolist(), scores.tolist()) == ([20.0], [4.0])


@pytest.mark.parametrize("content", ["{}", "nonsense", '{"state": "on", "features": ["a"], "true": 1, "false": 1}'])
def test_anything_else_is_refused(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_text(content)
    with pytest.raises(SystemExit, match=r"model\.json"):
        Judge.read(path)


def test_the_benchmark_runs_with_it(tmp_path, model):
    random = np.random.default_rng(1)
    values = 100 + random.normal(size=3000)
    values[[1500, 2500]] += (200, 30)
    np.savez(tmp_path / "lab.npz", **{"a|t": np.arange(3000) * 60.0, "a|v": values})
    (tmp_path / "series.csv").write_text("series_id,family\na,lab\n")
    for options, name in (((), "all.csv"), (("--model", str(model)), "some.csv")):
        assert main([str(tmp_path), "--out", str(tmp_path / name), *options]) == 0
    told = [(tmp_path / name).read_text().splitlines() for name in ("all.csv", "some.csv")]
    assert len(told[0]) > 1 and set(told[1]) <= set(told[0])
