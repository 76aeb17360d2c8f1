"""How improbable a count is: tails of the Poisson, negative binomial, binomial and beta-binomial laws.

All results are natural logarithms: the tails that matter are far below the smallest float. A tail is summed term by
term away from the mode, where each term is the last one times a simple ratio, so it converges fastest exactly where
it is needed; what is left after `TERMS` terms is a smooth curve and is integrated. Counts are rounded to whole
numbers. NaN in gives NaN out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from detectors.series import BoolArray, FloatArray

TERMS = 192
"""Summed exactly before integration takes over; enough where each is at most 0.87 of the one before."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NEGLIGIBLE = 1e-12
_TINY = 1e-300
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def log_gamma(x: FloatArray) -> FloatArray:
    """The logarithm of the gamma function for x > 0; inf at 0, NaN below.

    Stirling's series (Abramowitz and Stegun 6.1.41) where x >= 10; smaller arguments are shifted up by the recurrence
    gamma(x + 1) = x * gamma(x). Relative error below 1e-13.
    """
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        small = x < 10
        shift = np.ones_like(x)
        if small.any():
            below = x[small]
            shift[small] = np.prod([below + i for i in range(10)], axis=0)
        z = np.where(small, x + 10, x)
        inverse = 1 / z
        square = inverse * inverse
        series = np.zeros_like(z)
        for coefficient in reversed(_STIRLING):
            series = series * square + coefficient
        result = (z - 0.5) * np.log(z) - z + 0.9189385332046727 + series * inverse - np.log(shift)
    return np.where(x < 0, np.nan, result)


class _Law(Protocol):
    """A law on the whole numbers 0 ... upper, one per row."""

    @property
    def upper(self) -> FloatArray | float: ...

    def mean(self) -> FloatArray: ...

    def log_mass(self, x: FloatArray) -> FloatArray:
        """The log probability, continued smoothly between whole numbers."""
        ...

    def ratio(self, x: FloatArray) -> FloatArray:
        """mass(x + 1) / mass(x)."""
        ...

    def take(self, rows: BoolArray) -> Self: ...


class _Rows:
    def take(self, rows: BoolArray) -> Self:
        """The laws of some rows."""
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class _NegativeBinomial(_Rows):
    """Mean mu and variance dispersion * mu; Poisson where the dispersion is 1."""

    mu: FloatArray
    dispersion: FloatArray
    upper = np.inf

    def mean(self) -> FloatArray:
        return self.mu

    def log_mass(self, x: FloatArray) -> FloatArray:
        mu, dispersion = _align(x, self.mu, self.dispersion)
        excess = dispersion - 1
        poisson = excess < 1e-7
        size = mu / np.where(poisson, 1.0, excess)
        spread = log_gamma(x + size) - log_gamma(size) - size * np.log(dispersion)
        spread = spread + x * np.log(np.where(poisson, 1.0, excess) / dispersion)
        return np.where(poisson, x * np.log(mu) - mu, spread) - log_gamma(x + 1)

    def ratio(self, x: FloatArray) -> FloatArray:
        ratio: FloatArray = (self.mu + x * (self.dispersion - 1)) / (self.dispersion * (x + 1))
        return ratio


@dataclass(frozen=True)
class _BetaBinomial(_Rows):
    n: FloatArray
    a: FloatArray
    b: FloatArray

    @property
    def upper(self) -> FloatArray:
        return self.n

    def mean(self) -> FloatArray:
        mean: FloatArray = self.n * self.a / (self.a + self.b)
        return mean

    def log_mass(self, x: FloatArray) -> FloatArray:
        n, a, b = _align(x, self.n, self.a, self.b)
        drawn = log_gamma(a + x) + log_gamma(b + n - x) - log_gamma(a + b + n)
        return _log_choose(n, x) + drawn - (log_gamma(a) + log_gamma(b) - log_gamma(a + b))

    def ratio(self, x: FloatArray) -> FloatArray:
        ratio: FloatArray = (self.n - x) * (self.a + x) / ((x + 1) * (self.n - x - 1 + self.b))
        return ratio


def log_poisson_upper(k: FloatArray, mu: FloatArray) -> FloatArray:
    """Log P(X >= k) for X Poisson with mean mu."""
    return log_negative_binomial_upper(k, mu, np.ones(()))


def log_negative_binomial_upper(k: FloatArray, mu: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Log P(X >= k) for X negative binomial with mean mu and variance dispersion * mu (dispersion >= 1)."""
    return _evaluate(_upper, _NegativeBinomial, k, np.maximum(mu, _TINY), np.maximum(dispersion, 1.0))


def log_negative_binomial_lower(k: FloatArray, mu: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Log P(X <= k) for X negative binomial with mean mu and variance dispersion * mu (dispersion >= 1)."""
    return _evaluate(_lower, _NegativeBinomial, k, np.maximum(mu, _TINY), np.maximum(dispersion, 1.0))


def log_beta_binomial_upper(k: FloatArray, n: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Log P(X >= k) for X binomial with n trials whose probability is itself Beta(a, b)."""
    return _evaluate(_upper, _BetaBinomial, k, np.rint(n), a, b)


def _evaluate(tail: _Tail, law: type[_Law], k: FloatArray, *parameters: FloatArray) -> FloatArray:
    """Broadcast, leave out what has no answer, and flatten for the tail functions."""
    k, *parameters = np.broadcast_arrays(np.rint(k), *parameters)  # type: ignore[assignment]
    result = np.full(k.shape, np.nan)
    known = np.isfinite(k)
    for parameter in parameters:
        known = known & np.isfinite(parameter) & (parameter >= 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result[known] = np.minimum(tail(law(*(p[known] for p in parameters)), k[known]), 0.0)
    return result


def _upper(law: _Law, k: FloatArray) -> FloatArray:
    result = np.where(k > law.upper, -np.inf, 0.0)
    above = (k > law.mean()) & (k <= law.upper)
    result[above] = _sum(law.take(above), k[above], up=True)
    below = (k > 0) & (k <= law.mean())
    result[below] = _complement(_sum(law.take(below), k[below] - 1, up=False))
    return result


def _lower(law: _Law, k: FloatArray) -> FloatArray:
    result = np.where(k < 0, -np.inf, 0.0)
    below = (k >= 0) & (k <= law.mean())
    result[below] = _sum(law.take(below), k[below], up=False)
    above = (k > law.mean()) & (k < law.upper)
    result[above] = _complement(_sum(law.take(above), k[above] + 1, up=True))
    return result


def _complement(log_p: FloatArray) -> FloatArray:
    return np.log(-np.expm1(np.minimum(log_p, 0.0)))


def _sum(law: _Law, k: FloatArray, *, up: bool) -> FloatArray:
    """The log of mass(k) + mass(k +- 1) + ..., to the end of the support."""
    first = law.log_mass(k)
    term, total, x = np.ones_like(k), np.ones_like(k), k.copy()
    for _ in range(TERMS):
        if up:
            factor = law.ratio(x)
            x += 1
        else:
            x -= 1
            factor = 1 / law.ratio(x)
        inside = (x >= 0) & (x <= law.upper)
        term = np.where(inside, term * factor, 0.0)
        total += term
        if not (term > _NEGLIGIBLE * total).any():
            break
    rest = term > _NEGLIGIBLE * total
    if rest.any():
        total[rest] += np.exp(_integral(law.take(rest), x[rest], up=up) - first[rest])
    return first + np.log(total)


def _integral(law: _Law, x: FloatArray, *, up: bool) -> FloatArray:
    """The log of the sum of the masses beyond x, as the integral of the smooth mass from x +- 1/2 on.

    Gauss-Legendre on panels that double in width, so that about twenty reach a million counts away.
    """
    sign = 1.0 if up else -1.0
    end = law.upper + 0.5 if up else np.full_like(x, -0.5)
    start, width = x + sign * 0.5, float(TERMS)
    peak = law.log_mass(x)
    total = np.zeros_like(x)
    for _ in range(40):
        stop = np.minimum(start + width, end) if up else np.maximum(start - width, end)
        half = np.abs(stop - start)[:, None] / 2
        points = (start + stop)[:, None] / 2 + half * _NODES
        part = half[:, 0] * (np.exp(law.log_mass(np.maximum(points, 0.0)) - peak[:, None]) @ _WEIGHTS)
        total += part
        if not (part > _NEGLIGIBLE * total).any():
            break
        start, width = stop, width * 2
    return peak + np.log(total)


def _log_choose(n: FloatArray, x: FloatArray) -> FloatArray:
    # Points of an integration may lie up to half a count beyond n.
    return log_gamma(n + 1) - log_gamma(x + 1) - log_gamma(np.maximum(n - x, -0.5) + 1)


def _align(x: FloatArray, *parameters: FloatArray) -> list[FloatArray]:
    """Give one-per-row parameters a second axis where x has one."""
    return [p[:, None] if x.ndim > p.ndim else p for p in parameters]


class _Tail(Protocol):
    def __call__(self, law: _Law, k: FloatArray) -> FloatArray: ...
