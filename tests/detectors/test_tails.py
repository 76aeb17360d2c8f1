import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from detectors.tails import (
    log_beta_binomial_upper,
    log_gamma,
    log_negative_binomial_lower,
    log_negative_binomial_upper,
    log_poisson_upper,
)


def close(ours, theirs):
    """Equal to six digits wherever the oracle does not underflow; it must not everywhere."""
    known = theirs > -700
    assert known.sum() > len(theirs) / 2
    error = np.abs(ours[known] - theirs[known]) / np.maximum(1, np.abs(theirs[known]))
    assert error.max() < 2e-6


@pytest.fixture(scope="module")
def cases():
    random = np.random.default_rng(1)
    n = 1500
    mu = 10 ** random.uniform(-3, 6, n)
    return {
        "mu": mu,
        "k": np.rint(mu * 10 ** random.uniform(-1, 1, n) + random.integers(0, 5, n)),
        "dispersion": 1 + 10 ** random.uniform(-3, 2, n),
        "n": np.rint(10 ** random.uniform(0, 6, n)),
        "p": 10 ** random.uniform(-4, -0.1, n),
        "times": 10 ** random.uniform(-0.5, 0.7, n),
        "precision": 10 ** random.uniform(0.5, 5, n),
    }


def test_log_gamma_is_scipys():
    x = np.concatenate([np.logspace(-8, 8, 3000), np.arange(1, 300.0)])
    assert np.max(np.abs(log_gamma(x) - special.gammaln(x)) / np.maximum(1, np.abs(special.gammaln(x)))) < 1e-13
    assert log_gamma(np.array([0.0]))[0] == np.inf
    assert np.isnan(log_gamma(np.array([-1.0, np.nan]))).all()


def test_poisson_tails_are_scipys(cases):
    k, mu = cases["k"], cases["mu"]
    close(log_poisson_upper(k, mu), stats.poisson.logsf(k - 1, mu))
    close(log_negative_binomial_lower(k, mu, np.ones(())), stats.poisson.logcdf(k, mu))


def test_negative_binomial_tails_are_scipys(cases):
    k, mu, dispersion = cases["k"], cases["mu"], cases["dispersion"]
    size = mu / (dispersion - 1)
    close(log_negative_binomial_upper(k, mu, dispersion), stats.nbinom.logsf(k - 1, size, 1 / dispersion))
    close(log_negative_binomial_lower(k, mu, dispersion), stats.nbinom.logcdf(k, size, 1 / dispersion))


def test_the_beta_binomial_tail_is_the_sum_of_scipys_masses(cases):
    n, p, precision = np.minimum(cases["n"], 20_000)[:300], cases["p"][:300], cases["precision"][:300]
    k = np.minimum(n, np.rint(n * p * cases["times"][:300]))
    a, b = p * precision, (1 - p) * precision
    masses = [
        special.logsumexp(stats.betabinom.logpmf(np.arange(*ends), ends[1] - 1, *shape))
        for *ends, shape in zip(k, n + 1, zip(a, b, strict=True), strict=True)
    ]
    ours, theirs = log_beta_binomial_upper(k, n, a, b), np.array(masses)
    small = theirs < np.log(0.1)
    close(ours[small], theirs[small])
    # Near certainty, a law that is steep at zero is integrated roughly; no decision lies there.
    assert ours[~small] == pytest.approx(theirs[~small], abs=0.02)


def test_far_tails_do_not_underflow():
    one = np.ones(1)
    assert log_negative_binomial_lower(np.array([0.0]), np.array([5000.0]), one)[0] == pytest.approx(-5000)
    far = log_beta_binomial_upper(np.array([5e4]), np.array([1e5]), np.array([1e3]), np.array([1e6]))
    assert -1e6 < far[0] < -1e3


@given(st.integers(0, 3000), st.floats(1e-3, 1e4), st.floats(1, 50), st.integers(0, 3000), st.floats(1e-6, 0.999))
@settings(deadline=None, max_examples=200)
def test_tails_are_probabilities_and_monotone(k, mu, dispersion, n, p):
    ks = np.array([k, k + 1.0])
    uppers = [
        log_negative_binomial_upper(ks, mu, dispersion),
        log_beta_binomial_upper(ks, np.float64(n), p * 50, (1 - p) * 50),
    ]
    for upper in uppers:
        assert (upper <= 0).all()
        assert upper[1] <= upper[0] + 1e-9
    lower = log_negative_binomial_lower(ks, mu, dispersion)
    assert (lower <= 0).all()
    assert lower[0] <= lower[1] + 1e-9
    assert np.exp(uppers[0][1]) + np.exp(lower[0]) == pytest.approx(1, abs=1e-6)


def test_what_is_unknown_stays_unknown():
    one, nan = np.array([1.0]), np.array([np.nan])
    for unknown in (
        log_poisson_upper(nan, one),
        log_negative_binomial_lower(one, nan, one),
        log_negative_binomial_upper(one, one, nan),
        log_beta_binomial_upper(one, nan, one, one),
        log_beta_binomial_upper(one, one, nan, one),
    ):
        assert np.isnan(unknown).all()


def test_edges():
    zero, three = np.array([0.0]), np.array([3.0])
    assert log_poisson_upper(zero, zero)[0] == 0
    assert log_negative_binomial_lower(zero, zero, np.ones(1))[0] == pytest.approx(0)
    assert log_poisson_upper(three, zero)[0] < -1000
    assert log_beta_binomial_upper(three, np.array([2.0]), three, three)[0] == -np.inf
    assert log_beta_binomial_upper(zero, three, three, three)[0] == pytest.approx(0)
