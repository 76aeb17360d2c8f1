"""The label-trained member: against an independent optimiser, on with signal, off without, off with few labels."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from detectors.quality.member import Member, State
from detectors.quality.training import PRIOR, PRIOR_BIAS, _fitted, log_odds, probability, train

NAMES = ("score", "duration", "hour")


def data(size, weight, seed=0, confidence=0.7):
    random = np.random.default_rng(seed)
    features = random.normal(size=(size, 3))
    labels = random.random(size) < 1 / (1 + np.exp(-weight * features[:, 0]))
    return features, np.full(size, confidence), labels, random.integers(0, 12, size)


def test_weights_are_those_of_an_independent_optimiser():
    features, _, labels, _ = data(80, 1.5)
    model = _fitted(NAMES, features, labels)
    x = (features - features.mean(axis=0)) / features.std(axis=0)

    def negative(w):
        odds = x @ w[:-1] + w[-1]
        loss = np.logaddexp(0, np.where(labels, -odds, odds)).sum()
        return loss + (w[:-1] ** 2).sum() / (2 * PRIOR**2) + w[-1] ** 2 / (2 * PRIOR_BIAS**2)

    found = minimize(negative, np.zeros(4), tol=1e-12)
    assert (*model.weights, model.bias) == pytest.approx(found.x, abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_on_where_features_tell(seed):
    member = train(NAMES, *data(120, 3.0, seed))
    assert member.state is State.ON and member.gain > member.error
    assert member.weights[0] > 3 * max(abs(each) for each in member.weights[1:])


def test_it_is_off_where_features_tell_nothing():
    states = [train(NAMES, *data(120, 0.0, seed, confidence=0.5)).state for seed in range(20)]
    assert states.count(State.ON) <= 2 and State.USELESS in states


@pytest.mark.parametrize(("true", "false"), [(0, 0), (19, 0), (15, 4), (4, 40)])
def test_it_is_off_with_few_labels(true, false):
    labels = np.array([True] * true + [False] * false, dtype=bool)
    size = len(labels)
    member = train(NAMES, np.zeros((size, 3)), np.full(size, 0.9), labels, np.arange(size))
    assert (member.state, member.true, member.false) == (State.FEW, true, false)


def test_off_it_leaves_the_detectors_alone():
    member = Member(State.FEW, NAMES, 0, 0)
    confidence = np.array([0.1, 0.5, 0.93])
    assert probability(member, np.full((3, 3), np.nan), confidence) == pytest.approx(confidence)


def test_on_it_is_the_mean_of_both_log_odds_and_unknown_features_say_nothing():
    member = Member(State.ON, ("a",), 10, 10, (2.0,), 0.5, (1.0,), (4.0,))
    told = probability(member, np.array([[5.0], [np.nan]]), np.array([0.9, 0.9]))
    assert log_odds(told) == pytest.approx((np.log(9) + np.array([2.5, 0.5])) / 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 60), st.integers(0, 1000))
def test_odd_features_never_break_it(size, seed):
    random = np.random.default_rng(seed)
    features = random.normal(size=(size, 3)) * np.array([1e9, 0.0, 1.0])
    features[random.random((size, 3)) < 0.3] = np.nan
    labels = np.arange(size) % 3 > 0
    member = train(NAMES, features, random.random(size), labels, np.zeros(size, dtype=np.intp))
    assert np.isfinite(probability(member, features, random.random(size))).all()
    assert msgspec.json.decode(msgspec.json.encode(member), type=Member) == member
