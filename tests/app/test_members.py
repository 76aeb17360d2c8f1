"""Rows of one's own that name a detector that people know, from the file to the finding."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from app.profiles import FORGET_SECONDS, Profiles
from app.streams import Stream
from detectors.catalog import CatalogError, load
from detectors.model import Coverage, Direction
from detectors.scoring.members import MEMBERS
from storage.database import Store
from tests.app.builders import workload
from tests.app.rig import found, observations
from tests.app.test_profiles import BUSY, DAY, HOUR, MIDNIGHT, MINUTE, USUAL, rig
from tests.lab.fixtures import needs_servers

if TYPE_CHECKING:
    from pathlib import Path

    from detectors.catalog.model import RowSource

JUMP = MIDNIGHT + 3 * HOUR


def row_of(name: str, more: str = "") -> str:
    return f"""
[[row]]
id = "by-{name}"
title = "Orders by {name}"
detector = "{name}"
unit = "orders"
promql = 'sum by (namespace, app, $by) (orders_waiting{{$match}})'
identity = {{ namespace = ["namespace"], workload = ["app"] }}
{more}
"""


def catalogue_of(folder: Path, text: str) -> None:
    rows = folder / "catalog" / "rows"
    rows.mkdir(parents=True)
    (rows / "own.toml").write_text(text)


@needs_servers[0]
@needs_servers[1]
def test_each_finds_a_jump_is_silent_before_and_looks_only_where_it_is_told_to(tmp_path: Path) -> None:
    names = sorted(set(MEMBERS) - {"isolation-forest"})
    lower = row_of("ema", 'direction = "down"').replace('"by-ema"', '"by-ema-below"')
    catalogue_of(tmp_path, "".join(map(row_of, names)) + lower)

    def jump(times: np.ndarray) -> np.ndarray:
        return np.where(times >= JUMP, BUSY, USUAL)

    begin, at = MIDNIGHT - DAY, JUMP - 20 * MINUTE
    ever: dict[str, int] = {}
    with Store.open(tmp_path / "tocsin.db") as store, rig(tmp_path, store, begin, JUMP + HOUR, jump, at) as started:
        for instant in range(at, JUMP + 20 * MINUTE, MINUTE):
            outcome = started.cycle(instant)
            for signal, _ in found(outcome):
                ever.setdefault(signal, instant)
            if instant == at:
                assert outcome.results["by-z-score"].status is Coverage.LEARNING
        ours = {signal: first for signal, first in ever.items() if signal.startswith("by-")}
        assert ours.keys() == {f"by-{name}" for name in names}
        assert all(JUMP < first <= JUMP + 10 * MINUTE for first in ours.values())
        [seen] = [o for o in observations(outcome) if o.signal == "by-seasonal"]
        assert USUAL < seen.high < BUSY / 2


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize(("direction", "seen"), [(Direction.UP, True), (Direction.BOTH, True), (Direction.DOWN, False)])
def test_a_stream_tells_the_side_that_its_row_asks_about(
    tmp_path: Path, name: str, direction: Direction, seen: bool
) -> None:
    catalogue_of(tmp_path, row_of(name, f'direction = "{direction}"'))
    row = load(tmp_path / "catalog").row(f"by-{name}")
    stream = Stream(row, MINUTE)
    place = stream.places([("cart", "")], [workload("cart")], 0.0)
    times = MIDNIGHT + MINUTE * np.arange(27 * 60)
    values = np.random.default_rng(1).normal(100, 2, (1, len(times)))
    values[0, -3:] = 180
    stream.follow(times, values, place)
    said = stream.said(place, float(times[-1]))
    # Trees tell odd from usual, not high from low.
    assert bool(said.known[0])
    assert bool(said.score[0, 0] >= 1) is (seen or name == "isolation-forest")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("z-score", "zscore"), "zscore"),
        (("unit = ", "params = { sigmas = 3 }\nunit = "), "z-score has no such number"),
        (("unit = ", "params = { threshold = 0 }\nunit = "), "0.1 to 100"),
        (("unit = ", 'statistic = "quantile"\nunit = '), "level, rate"),
    ],
)
def test_a_mistake_names_what_is_allowed(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    text = row_of("z-score")
    catalogue_of(tmp_path, text.replace('"z-score"', '"zscore"') if change[0] == "z-score" else text.replace(*change))
    with pytest.raises(CatalogError, match=message):
        load(tmp_path / "catalog")


def test_series_that_are_gone_are_let_go_of_though_nothing_is_stored_of_them(tmp_path: Path) -> None:
    catalogue_of(tmp_path, row_of("z-score"))
    row, sources = load(tmp_path / "catalog").row("by-z-score"), SimpleNamespace(convention="custom", instrument="x")
    with Store.open(tmp_path / "tocsin.db") as store:
        profiles = Profiles("lab", store)
        stream = profiles.stream(row, cast("RowSource", sources), MINUTE)
        old = stream.places([("old", "")], [workload("old")], 0.0)
        stream.follow(np.array([MIDNIGHT]), np.array([[1.0]]), old)
        new = stream.places([("new", "")], [workload("new")], 0.0)
        stream.follow(np.array([MIDNIGHT + FORGET_SECONDS + 1]), np.array([[1.0]]), new)
        profiles.save()
        assert ("new", "") in stream and ("old", "") not in stream
