"""Ratios in a finite population, estimated from a stratified random sample, with intervals.

A ratio of two totals: correct appearances among those of men and women, seconds of women among seconds of both. The
totals are Horvitz-Thompson estimates, each drawn case weighted by the inverse of its probability to be drawn. Where a
prediction for every case of the population is known, the total of the predictions is taken instead, and corrected by
the weighted errors of the predictions in the sample (the difference estimator, known as prediction-powered inference);
the predictions are scaled by the factor that makes the variance smallest, so that useless ones do no harm.

Intervals have the ends of Wilson's for the number of independent cases with the same variance, with Student's quantile
and the correction for a finite population. They are for a sample whose size was not chosen by looking at its labels.

Source: Särndal, Swensson and Wretman, "Model Assisted Survey Sampling", 1992, chapters 5.6 and 6.3; A. Angelopoulos,
J. Duchi and T. Zrnic, "PPI++: Efficient prediction-powered inference", 2023; A. Fisch et al., "Stratified
prediction-powered inference", NeurIPS 2024; Wilson's ends: C. Franco et al., Journal of Survey Statistics and
Methodology 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from facetally.quantification.estimators import TINY, Ints
from facetally.quantification.intervals import LEVEL, MIN_FREEDOM, OF_A_SHARE, Floats, Interval, wilson_interval

MOST_AGREEMENT = 2.0
"""Cases that agree better than this many times as many independent cases do so by chance."""
Values = npt.NDArray[np.bool_] | Floats


@dataclass(frozen=True)
class Estimate:
    """A share of a finite population."""

    share: float
    """In [0, 1]; NaN without cases."""
    interval: Interval
    """95 %."""
    cases: int
    """Sampled cases that it rests on."""
    prediction_weight: float = 0.0
    """0: from the labels alone; 1: from all predictions, corrected by the labels."""


@dataclass(frozen=True)
class Predicted:
    """Predictions of a ratio's numerator and denominator."""

    numerator: Floats
    """(n,) for the sampled cases."""
    denominator: Floats
    """(n,)."""
    totals: tuple[float, float]
    """Of both, over the whole population."""


@dataclass(frozen=True)
class Sample:
    """A stratified sample of n cases.

    Raises:
        ValueError: more cases of a stratum than it has, or none.
    """

    stratum: Ints
    """(n,) from 0."""
    sizes: Ints
    """(H,) cases of the population in each stratum."""

    def __post_init__(self) -> None:
        drawn = self.drawn
        if len(drawn) != len(self.sizes) or np.any(drawn > self.sizes) or (len(self.stratum) and not drawn.all()):
            raise ValueError(f"expected 1 to {self.sizes} sampled cases in the strata, got {drawn}")

    @classmethod
    def of(cls, stratum: Sequence[int], sizes: Sequence[int], phases: Sequence[int] | None = None) -> Sample:
        """Joins neighbouring strata until each has two sampled cases, which a variance needs.

        Args:
            stratum: of each sampled case.
            sizes: of the strata.
            phases: of the strata, ascending; those of different phases, drawn at different rates, are not joined.
        """
        drawn = np.bincount(np.asarray(stratum, np.int64), minlength=len(sizes))
        of_phase = np.zeros(len(sizes), np.int64) if phases is None else np.asarray(phases, np.int64)
        joined, group, count = np.zeros(len(sizes), np.int64), 0, 0
        for index in range(len(sizes)):
            joined[index] = group
            count += int(drawn[index])
            is_last = index + 1 < len(sizes) and of_phase[index + 1] != of_phase[index]
            if is_last or (count >= 2 and drawn[index + 1 :][of_phase[index + 1 :] == of_phase[index]].sum() >= 2):
                group, count = group + 1, 0
        return cls(joined[np.asarray(stratum, np.int64)], np.bincount(joined, np.asarray(sizes)).astype(np.int64))

    @property
    def drawn(self) -> Ints:
        """(H,) sampled cases by stratum."""
        return np.bincount(self.stratum, minlength=len(self.sizes))

    @property
    def weights(self) -> Floats:
        """(n,) how many cases of the population each stands for: the inverse of its inclusion probability."""
        return np.asarray(self.sizes / np.maximum(self.drawn, 1))[self.stratum]

    @property
    def drawn_share(self) -> float:
        """The sampled share of the population."""
        return len(self.stratum) / float(self.sizes.sum())

    def total(self, values: Values) -> float:
        """The Horvitz-Thompson estimate of the population's total of (n,) values."""
        return float(self.weights @ values)

    def covariance(self, first: Values, second: Values) -> float:
        """Of the estimated totals of two (n,) values."""
        drawn = np.maximum(self.drawn, 1)
        means = [np.bincount(self.stratum, values, len(drawn)) / drawn for values in (first, second)]
        products = np.bincount(self.stratum, (first - means[0][self.stratum]) * (second - means[1][self.stratum]))
        factor = self.sizes**2 * (1 - drawn / self.sizes) / (drawn * np.maximum(drawn - 1, 1))
        return float(factor @ products)

    def freedom(self, values: Values) -> float:
        """Student's degrees of freedom for the variance of an estimated total, as in `quantification.intervals`.

        A variance that depends on a few cases, as with few errors or long appearances, is known less precisely than the
        number of cases suggests (Satterthwaite, Biometrics 1946).
        """
        drawn = np.maximum(self.drawn, 1)
        means = np.bincount(self.stratum, values, len(drawn)) / drawn
        squares = (self.weights * (values - means[self.stratum])) ** 2
        most = max(len(self.stratum) - len(self.sizes), 1.0)
        spread = squares.var() * len(squares)
        if spread <= TINY * squares.sum() ** 2:
            return most
        return float(min(max(2 * squares.sum() ** 2 / spread, MIN_FREEDOM), most))

    def ratio(self, numerator: Values, denominator: Values, predicted: Predicted | None = None) -> Estimate:
        """The ratio of the population's totals.

        Args:
            numerator: (n,) between 0 and the denominator.
            denominator: (n,) at least 0; 0 for cases that do not count.
            predicted: predictions of both; None: the sample alone.
        """
        cases, amount = int(np.count_nonzero(denominator)), self.total(denominator)
        if not amount > 0:
            return Estimate(math.nan, OF_A_SHARE, 0)
        share = self.total(numerator) / amount
        residual, weight = np.asarray(numerator - share * denominator, np.float64), 0.0
        if predicted is not None:
            guess = predicted.numerator - share * predicted.denominator
            spread = self.covariance(guess, guess)
            weight = min(max(self.covariance(residual, guess) / spread, 0.0), 1.0) if spread > 0 else 0.0
            missing = [
                total - self.total(values)
                for total, values in zip(predicted.totals, (predicted.numerator, predicted.denominator), strict=True)
            ]
            amount += weight * missing[1]
            share = min(max((self.total(numerator) + weight * missing[0]) / amount, 0.0), 1.0)
            guess = predicted.numerator - share * predicted.denominator
            residual = np.asarray(numerator - share * denominator - weight * guess, np.float64)
        variance = self.covariance(residual, residual) / amount**2
        return Estimate(
            share, self._interval(share, variance, denominator, weight, self.freedom(residual)), cases, weight
        )

    def _interval(self, share: float, variance: float, denominator: Values, weight: float, freedom: float) -> Interval:
        weighted = self.weights * denominator
        independent = float(weighted.sum() ** 2 / (weighted**2).sum())
        rest = 1 - self.drawn_share
        if rest < 1e-9:
            return Interval(share, share)
        most = MOST_AGREEMENT * independent / rest
        if weight > 0:
            # where few predictions are wrong, the sample may hold none of them by chance: count one more
            variance += rest * weight / independent**2
            most = math.inf
        effective = min(share * (1 - share) / variance, most) if variance > 0 and 0 < share < 1 else independent / rest
        return wilson_interval(share * effective, effective, float(stdtrit(freedom, (1 + LEVEL) / 2)))


def product_estimate(first: Estimate, second: Estimate) -> Estimate:
    """The product of two shares estimated independently, with the interval that follows from theirs.

    Source: G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general approach",
    Statistics in Medicine 2008 (the method of variance estimates recovery), for the logarithm of the product.
    """
    if not first.cases or not second.cases:
        return Estimate(math.nan, OF_A_SHARE, 0)
    share = first.share * second.share
    logs = [
        [math.log(max(value, TINY)) for value in (estimate.interval.low, estimate.share, estimate.interval.high)]
        for estimate in (first, second)
    ]
    below = math.hypot(*(middle - low for low, middle, _ in logs))
    above = math.hypot(*(high - middle for _, middle, high in logs))
    interval = Interval(share * math.exp(-below), min(share * math.exp(above), 1.0))
    return Estimate(share, interval, min(first.cases, second.cases))
