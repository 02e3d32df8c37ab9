"""Ratios of a stratified sample, worked out by hand, and the predictions that sharpen them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facetally.quantification.intervals import Interval
from facetally.quantification.sampling_estimates import Estimate, Predicted, Sample, product_estimate

SAMPLE = Sample(np.array([0, 0, 1, 1]), np.array([10, 30]))
"""Two of 10 and two of 30: weights 5 and 15."""
ALL = np.ones(4)


def test_each_case_stands_for_as_many_as_its_stratum_has_for_one_drawn() -> None:
    assert SAMPLE.weights.tolist() == [5, 5, 15, 15]
    assert SAMPLE.total(np.array([1, 0, 1, 1])) == 35
    assert SAMPLE.ratio(np.array([1, 0, 1, 1]), ALL).share == 35 / 40


def test_the_variance_is_that_of_the_textbook() -> None:
    # by stratum N^2 (1 - n/N) s^2 / n: 100 * 0.8 * 0.5 / 2, and nothing from the stratum whose cases agree
    values = np.array([1.0, 0, 1, 1])
    assert SAMPLE.covariance(values, values) == pytest.approx(20)


def test_the_variance_is_that_of_all_samples_that_could_be_drawn() -> None:
    random, values = np.random.default_rng(0), np.array([1.0, 0, 1, 1, 4, 0, 2, 2, 5, 9])
    totals, variances = [], []
    for _ in range(4000):
        drawn = np.concatenate([random.permutation(4)[:2], 4 + random.permutation(6)[:3]])
        sample = Sample(np.array([0, 0, 1, 1, 1]), np.array([4, 6]))
        totals.append(sample.total(values[drawn]))
        variances.append(sample.covariance(values[drawn], values[drawn]))
    assert np.mean(totals) == pytest.approx(values.sum(), rel=0.02)
    assert np.mean(variances) == pytest.approx(np.var(totals), rel=0.08)


def test_neighbouring_strata_are_joined_until_each_has_two_cases() -> None:
    sample = Sample.of([0, 2, 2, 3], [5, 5, 6, 7])
    assert sample.sizes.tolist() == [23]
    assert Sample.of([0, 1, 2, 2, 3], [5, 5, 6, 7]).sizes.tolist() == [10, 13]


def test_cases_that_do_not_count_are_left_out() -> None:
    estimate = SAMPLE.ratio(np.array([1, 0, 0, 1]), np.array([1, 1, 0, 1]))
    assert estimate.share == 20 / 25
    assert estimate.cases == 3


def test_a_complete_count_has_no_uncertainty() -> None:
    estimate = Sample(np.array([0, 0, 1]), np.array([2, 1])).ratio(np.array([1, 0, 1]), np.ones(3))
    assert estimate.interval == Interval(2 / 3, 2 / 3)


def test_without_cases_nothing_is_known() -> None:
    estimate = SAMPLE.ratio(np.zeros(4), np.zeros(4))
    assert math.isnan(estimate.share)
    assert estimate.interval == Interval(0, 1)


def _predicted(noise: float) -> tuple[Estimate, Estimate, float]:
    """With and without predictions of this noise, and the true share."""
    random = np.random.default_rng(1)
    is_female = (random.random(1000) < 0.4).astype(float)
    guess = np.clip(is_female + noise * random.normal(size=1000), 0, 1)
    drawn = random.permutation(1000)[:80]
    sample = Sample(np.zeros(80, int), np.array([1000]))
    predicted = Predicted(guess[drawn], np.ones(80), (float(guess.sum()), 1000.0))
    plain = sample.ratio(is_female[drawn], np.ones(80))
    return sample.ratio(is_female[drawn], np.ones(80), predicted), plain, float(is_female.mean())


def test_good_predictions_make_the_interval_narrower() -> None:
    sharp, plain, true = _predicted(noise=0.1)
    assert sharp.prediction_weight > 0.9
    assert abs(sharp.share - true) < 0.03
    assert sharp.interval.high - sharp.interval.low < 0.5 * (plain.interval.high - plain.interval.low)


def test_useless_predictions_do_little_harm() -> None:
    sharp, plain, _ = _predicted(noise=50.0)
    assert sharp.prediction_weight < 0.4
    assert sharp.interval.high - sharp.interval.low < 1.1 * (plain.interval.high - plain.interval.low)


def test_a_product_is_as_uncertain_as_both_factors_together() -> None:
    sure, unsure = Estimate(0.5, Interval(0.5, 0.5), 9), Estimate(0.8, Interval(0.6, 0.9), 7)
    assert product_estimate(sure, unsure).interval.low == pytest.approx(0.3)
    assert product_estimate(sure, unsure).interval.high == pytest.approx(0.45)
    both = product_estimate(unsure, unsure)
    assert both.share == pytest.approx(0.64)
    assert both.interval.low == pytest.approx(0.64 * math.exp(-math.sqrt(2) * math.log(0.8 / 0.6)))


def test_a_stratum_without_a_sampled_case_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="1 to"):
        Sample(np.array([0, 0]), np.array([3, 3]))
