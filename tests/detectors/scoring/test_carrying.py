"""What detectors know of their series moves with them: to other places, into bytes, to another step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.model import Views
from detectors.scoring import Scorer
from detectors.scoring.compact import packed, unpacked
from detectors.scoring.members import MEMBERS
from detectors.scoring.state import carry, rearranged, size_of

STEP, DAY = 300, 86_400
START = 1_699_833_600
"""A midnight."""
SEASONAL = sorted(name for name, seed in MEMBERS.items() if seed.seasonal)


def values(times: np.ndarray, series: int = 3, seed: int = 1) -> np.ndarray:
    """Each series with a daily season of its own height, (T, S)."""
    season = np.sin(2 * np.pi * times / DAY)[:, None] * np.arange(1, series + 1) * 20
    return 100 + season + np.random.default_rng(seed).normal(0, 2, (len(times), series))


def taught(scorer: Scorer, days: float, step: int = STEP, series: int = 3) -> float:
    """Teach a scorer some days; returns the next time."""
    times = START + np.arange(0, days * DAY, step)
    for at, row in zip(times, values(times, series), strict=True):
        scorer.update(at, row)
    return float(times[-1] + step)


@pytest.mark.parametrize("name", MEMBERS)
@given(places=st.lists(st.integers(-1, 2), max_size=5), seed=st.integers(0, 9))
@settings(max_examples=8, deadline=None)
def test_a_series_goes_on_as_if_nothing_had_happened_wherever_it_is_put(
    name: str, places: list[int], seed: int
) -> None:
    times = START + STEP * np.arange(320)
    rows = values(times, seed=seed)

    def made(size: int) -> object:
        return MEMBERS[name].make(size, STEP)

    detector = made(3)
    for at, row in zip(times[:300], rows[:300], strict=True):
        detector.update(at, row)
    moved = rearranged(detector, made, np.array(places, dtype=np.intp))
    known = [place for place in places if place >= 0]
    for at, row in zip(times[300:], rows[300:], strict=True):
        stays, goes = detector.update(at, row), moved.update(at, np.append(row, np.nan)[places])
        # Trees are grown at random, but only every 256 samples.
        # Numpy adds up in another order when there are more or fewer of them.
        assert np.allclose(goes.score[[place >= 0 for place in places]], stays.score[known], rtol=1e-5)


def test_of_two_detectors_one_takes_over_what_the_other_knows() -> None:
    one, other = Scorer(2, STEP), Scorer(3, STEP)
    at = taught(other, 1.5)
    carry(other, one, np.array([-1, 2]))
    now = values(np.array([at]))[0]
    assert one.update(at, [5.0, now[2]]).score[1] == other.update(at, now).score[2]


def test_what_is_packed_is_small_and_what_is_unpacked_says_the_same() -> None:
    scorer = Scorer(3, STEP)
    at = taught(scorer, 9)
    rows = packed(scorer)
    assert {len(row) for row in rows} == {2788}
    assert size_of(scorer) / 3 < 8500
    again = unpacked(rows, lambda size: Scorer(size, STEP))
    ahead = at + np.arange(0, DAY, 1800.0)
    for view in (Views.DAY, Views.WEEK):
        assert np.allclose(again.usual(ahead)[view], scorer.usual(ahead)[view], rtol=1e-3)
    normal, odd = values(np.array([at]))[0], np.full(3, 300.0)
    assert (again.update(at, normal).score < 0.5).all()
    known, restored = scorer.update(at, odd), unpacked(rows, lambda size: Scorer(size, STEP)).update(at, odd)
    assert np.allclose(known.score, restored.score, rtol=0.2)
    assert np.array_equal(known.views, restored.views)


def test_a_profile_learnt_at_five_minutes_judges_minutes() -> None:
    scorer = Scorer(3, STEP)
    begin = taught(scorer, 3)
    minutes = unpacked(packed(scorer), lambda size: Scorer(size, 60))
    times = begin + 60 * np.arange(12 * 60)
    rows = values(times, seed=5)
    rows[600:603] += 80
    scores = np.array([minutes.update(at, row).score for at, row in zip(times, rows, strict=True)])
    assert not (scores[:600] >= 1).any()
    assert (scores[600:603] >= 1).any(axis=0).all()


def test_who_comes_back_during_an_incident_sees_it() -> None:
    scorer = Scorer(3, 60)
    begin = taught(scorer, 3, step=60)
    again = unpacked(packed(scorer), lambda size: Scorer(size, 60))
    times = begin + 3600 + 60 * np.arange(30)
    rows = values(times) + 100
    frozen = np.zeros(3, dtype=bool)
    scores = np.array([again.update(at, row, frozen).score for at, row in zip(times, rows, strict=True)])
    assert (scores[1:] >= 1).all()


def test_what_is_not_to_be_learnt_from_changes_no_expectation_and_what_is_adopted_is_one_at_once() -> None:
    frozen, free = Scorer(1, 60), Scorer(1, 60)
    begin = taught(frozen, 2, step=60, series=1)
    taught(free, 2, step=60, series=1)
    no = np.array([False])
    before = frozen.usual(np.array([begin + DAY / 2]))[Views.DAY][0, 0]
    for minute in range(240):
        at = begin + 60 * minute
        odd = values(np.array([at]), 1)[0] + 200
        held, learnt = frozen.update(at, odd, no), free.update(at, odd)
    assert held.score[0] > 1
    assert abs(held.expected[0] - (odd - 200)) < 10
    assert learnt.expected[0] > held.expected[0] + 50
    assert frozen.usual(np.array([begin + DAY / 2]))[Views.DAY][0, 0] == before
    for minute in range(240, 250):
        at = begin + 60 * minute
        adopted = frozen.update(at, values(np.array([at]), 1)[0] + 200, None, ~no)
        assert adopted.score[0] < 1
        assert adopted.expected[0] > 200


@pytest.mark.parametrize("name", SEASONAL)
def test_bytes_of_another_make_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must have"):
        unpacked([b"\0" * 17], lambda size: MEMBERS[name].make(size, STEP))


@given(level=st.floats(-1e12, 1e12), height=st.floats(0, 1e12), gaps=st.lists(st.integers(0, 287), max_size=30))
@settings(max_examples=20, deadline=None)
def test_levels_survive_to_a_32768th_of_their_range(level: float, height: float, gaps: list[int]) -> None:
    scorer = Scorer(1, STEP)
    times = START + STEP * np.arange(289)
    samples = level + height * np.sin(np.arange(289) / 7)
    samples[gaps] = np.nan
    for at, value in zip(times, samples, strict=True):
        scorer.update(at, [value])
    again = unpacked(packed(scorer), lambda size: Scorer(size, STEP))
    kept, known = (each.usual(times.astype(float))[Views.DAY] for each in (again, scorer))
    assert np.array_equal(np.isnan(kept), np.isnan(known))
    assert np.allclose(kept, known, rtol=1e-6, atol=height / 16_000, equal_nan=True)
