"""What profiles hold usual, and what the detector says that follows a series, beside the window's own numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from detectors.kinds import BLOCK, DETECTORS
from detectors.model import Coverage, Views
from detectors.windows import Scored, SignalData
from tests.detectors.synthetic import TIMES, WINDOWS, T, fired, last, latency, requests, traffic

if TYPE_CHECKING:
    from detectors.series import FloatArray

DAY_AND_LOCAL = float(Views.LOCAL | Views.DAY)


def level(factor: FloatArray | float, series: int = 20) -> SignalData:
    return SignalData(TIMES, level=100 * factor * np.random.default_rng(1).normal(1, 0.03, (series, T)))


def followed(data: SignalData, usual: FloatArray | float, score: float, expected: float) -> SignalData:
    """The data with a profile of the day (T,), and a detector that knows every series."""
    size = data.size
    profile = np.broadcast_to(np.asarray(usual, dtype=float), (size, T))
    views = np.full(size, DAY_AND_LOCAL)
    scored = Scored(np.full((2, size), score), np.full(size, expected), np.ones(size, dtype=bool), views)
    return replace(data, profiles=((Views.DAY, profile),), scored=scored)


def test_a_rise_that_comes_every_day_is_silent_and_the_same_rise_without_a_profile_is_not() -> None:
    risen = level(last(8, 6))
    assert fired("level-shift", risen).all()
    assert not fired("level-shift", followed(risen, 100 * last(8, 6), score=0.2, expected=600)).any()


def test_a_rise_at_another_hour_than_that_of_the_profile_is_found() -> None:
    assert fired("level-shift", followed(level(last(8, 6)), 100.0, score=4.0, expected=100)).all()


def test_what_fills_the_window_is_found_by_the_profile_alone() -> None:
    assert not fired("level-shift", level(6.0)).any()
    found = DETECTORS["level-shift"](followed(level(6.0), 100.0, score=4.0, expected=100), {}, {}, WINDOWS)
    assert (found.score >= 1).all()
    assert (found.expected_high < 300).all()
    assert set(found.views.tolist()) == {Views.LOCAL | Views.DAY}


def test_a_score_without_the_row_s_ratio_is_silent() -> None:
    assert not fired("level-shift", followed(level(1.5), 100.0, score=9.0, expected=100)).any()


def test_a_high_score_does_not_make_a_rise_of_a_fall() -> None:
    data = followed(level(6.0), 100.0, score=-9.0, expected=100)
    assert not fired("level-shift", data).any()


def test_a_series_that_is_known_is_judged_though_the_server_has_just_begun() -> None:
    young = level(6.0)
    young.level[:, : T - 7] = np.nan
    unknown = DETECTORS["level-shift"](young, {}, {}, WINDOWS)
    known = DETECTORS["level-shift"](followed(young, 100.0, score=4.0, expected=100), {}, {}, WINDOWS)
    assert set(unknown.coverage) == {Coverage.LEARNING}
    assert set(known.coverage) == {Coverage.LIVE}
    assert (known.score >= 1).all()


@pytest.mark.parametrize(("kind", "now", "usual"), [("rate-drop", 60, 600.0), ("rate-surge", 6000, 600.0)])
def test_traffic_is_held_against_the_forecast(kind: str, now: int, usual: float) -> None:
    data = SignalData(TIMES, total=traffic(now))
    assert not fired(kind, data).any()
    assert fired(kind, followed(data, usual / 60, score=0.0, expected=usual / 60)).all()
    assert not fired(kind, followed(data, now / 60, score=0.0, expected=now / 60)).any()


def test_a_share_of_errors_that_comes_every_day_is_silent() -> None:
    failing = requests(6000, last(8, 0.05, 0.001))
    assert fired("ratio-spike", failing).all()
    assert not fired("ratio-spike", followed(failing, last(8, 0.05, 0.001), score=0.0, expected=0.05)).any()


def test_a_slowness_that_comes_every_day_is_silent() -> None:
    slow = latency(6000, last(8, 0.5, 0.1))
    assert fired("quantile-shift", slow).all()
    usual = DETECTORS["quantile-shift"](slow, {}, {}, WINDOWS).values[0]
    assert not fired("quantile-shift", followed(slow, usual, score=0.0, expected=1.0)).any()


def test_blocks_keep_every_series_beside_its_own_profile() -> None:
    many = followed(level(6.0, series=BLOCK + 10), 100.0, score=4.0, expected=100)
    odd = np.arange(many.size) % 2 == 1
    profile = np.where(odd[:, None], 600.0, many.profiles[0][1])
    scored = replace(many.scored, expected=np.where(odd, 600.0, 100.0))
    found = fired("level-shift", replace(many, profiles=((Views.DAY, profile),), scored=scored))
    assert np.array_equal(found, ~odd)
