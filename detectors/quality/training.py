"""Logistic regression on labels whose weights are held near zero, averaged in only while it helps.

It never speaks alone: its log-odds are averaged with those of the detectors, which know nothing of labels, and only
while that predicts labels better that it was not trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from detectors.quality.member import FEWEST, FEWEST_OF_EACH, Member, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from detectors.series import BoolArray, FloatArray

PRIOR = 1.0
"""Standard deviation that a weight (per standard deviation of its feature) is expected to have: strong."""
PRIOR_BIAS = 1.0
FOLDS = 5
LEAST_GAIN = 0.01
"""Nats by which a label must be predicted better."""
_SURE = 0.02
"""Probabilities are kept this far from 0 and 1: nobody is that sure."""
_STEPS = 30


def probability(member: Member, features: FloatArray, confidence: FloatArray) -> FloatArray:
    """How likely each finding is true, (N,): the mean of the member's log-odds and of the detectors', if it is on.

    Args:
        member: trained.
        features: shape (N, F), in the order of `member.features`; NaN where unknown: then the feature says nothing.
        confidence: shape (N,): the detectors' own, 0 to 1.
    """
    alone = log_odds(confidence)
    return _probability((alone + _odds(member, features)) / 2 if member.on else alone)


def train(
    names: Sequence[str], features: FloatArray, confidence: FloatArray, labels: BoolArray, groups: NDArray[np.intp]
) -> Member:
    """Train on labelled findings, and find out whether it helps.

    Args:
        names: of the features, F.
        features: shape (N, F); NaN where unknown.
        confidence: shape (N,): the detectors' own.
        labels: shape (N,): true or false.
        groups: shape (N,): findings of one group (a workload) are never both trained on and predicted.
    """
    true, false = int(labels.sum()), int((~labels).sum())
    if len(labels) < FEWEST or min(true, false) < FEWEST_OF_EACH:
        return Member(State.FEW, tuple(names), true, false)
    alone = log_odds(confidence)
    predicted = np.zeros(len(labels))
    for fold in _folds(groups):
        model = _fitted(names, features[~fold], labels[~fold])
        predicted[fold] = _odds(model, features[fold])
    gains = _loss(alone, labels) - _loss((alone + predicted) / 2, labels)
    gain, error = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
    helps = gain > max(LEAST_GAIN, error)
    model = _fitted(names, features, labels)
    state = State.ON if helps else State.USELESS
    return msgspec.structs.replace(model, state=state, gain=gain, error=error)


def log_odds(probability: FloatArray) -> FloatArray:
    """Of probabilities, none of which is taken for certain."""
    kept = np.clip(np.nan_to_num(probability, nan=0.5), _SURE, 1 - _SURE)
    odds: FloatArray = np.log(kept) - np.log1p(-kept)
    return odds


def _odds(model: Member, features: FloatArray) -> FloatArray:
    """The model's own log-odds, (N,); what is unknown of a finding says nothing."""
    known = np.nan_to_num((features - np.array(model.means)) / np.array(model.scales))
    odds: FloatArray = known @ np.array(model.weights) + model.bias
    return odds


def _folds(groups: NDArray[np.intp]) -> list[BoolArray]:
    """Masks (N,) of what is predicted; by group where there are enough, else one by one."""
    _, place = np.unique(groups, return_inverse=True)
    order = place if place.max() + 1 >= FOLDS else np.arange(len(groups))
    return [order % FOLDS == fold for fold in range(FOLDS)]


def _fitted(names: Sequence[str], features: FloatArray, labels: BoolArray) -> Member:
    """The most probable weights under a normal prior, by Newton's method (iteratively reweighted least squares)."""
    with np.errstate(all="ignore"):
        means = np.nan_to_num(np.nanmean(np.where(np.isfinite(features), features, np.nan), axis=0))
        scales = np.nan_to_num(np.nanstd(np.where(np.isfinite(features), features, np.nan), axis=0))
    scales = np.where(scales > 0, scales, 1.0)
    design = np.column_stack([np.nan_to_num((features - means) / scales), np.ones(len(labels))])
    precision = np.diag([*np.full(len(names), PRIOR**-2), PRIOR_BIAS**-2])
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        p = _probability(design @ weights)
        gradient = design.T @ (labels - p) - precision @ weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + precision
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    own = [tuple(each.tolist()) for each in (weights[:-1], means, scales)]
    counts = int(labels.sum()), int((~labels).sum())
    return Member(State.ON, tuple(names), *counts, own[0], float(weights[-1]), own[1], own[2])


def _probability(odds: FloatArray) -> FloatArray:
    probability: FloatArray = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return probability


def _loss(odds: FloatArray, labels: BoolArray) -> FloatArray:
    """Log loss of each label, nats."""
    loss: FloatArray = np.logaddexp(0.0, np.where(labels, -odds, odds))
    return loss
