"""Intervals have their nominal coverage over 1,000 simulated corpora; all other results are by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest
from scipy.special import stdtrit
from scipy.stats import binomtest

from facetally.quantification import intervals
from facetally.quantification.intervals import (
    OF_A_DIFFERENCE,
    OF_A_SHARE,
    Floats,
    Interval,
    Proportion,
    bootstrapped,
    cluster_resamples,
    clustered_interval,
    expanded_percentiles,
    wilson_interval,
)
from facetally.validation.verdict import cases_needed, verdict

CORPORA = 1000
SOURCES = 40


def shares_by_source(mean: float, correlation: float, random: np.random.Generator) -> Floats:
    """(CORPORA, SOURCES) the probability in each source, for an intra-class correlation (a beta-binomial)."""
    if not correlation:
        return np.full((CORPORA, SOURCES), mean)
    scale = (1 - correlation) / correlation
    return random.beta(mean * scale, (1 - mean) * scale, (CORPORA, SOURCES))


def covered(intervals: Iterable[Interval], truth: float) -> float:
    """The share of intervals that cover the true value."""
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


@pytest.fixture
def drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed draws the same clusters: 1,000 corpora of as many sources need them drawn only once."""
    monkeypatch.setattr(intervals, "cluster_resamples", cache(cluster_resamples))


@pytest.mark.parametrize(("right", "count"), [(0, 1), (1, 1), (34, 40), (40, 40), (0, 7), (999, 1000), (1, 3)])
def test_wilson_equals_scipy(right: int, count: int) -> None:
    theirs = binomtest(right, count).proportion_ci(confidence_level=0.95, method="wilson")
    ours = Proportion(right, count).interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_34_of_40_is_85_percent_within_71_to_93() -> None:
    result = Proportion(34, 40)
    assert result.share == 0.85
    assert (round(result.interval().low, 2), round(result.interval().high, 2)) == (0.71, 0.93)


def test_without_cases_the_share_is_nan_and_the_interval_is_everything() -> None:
    assert math.isnan(Proportion(0, 0).share)
    assert Proportion(0, 0).interval() == Interval(0.0, 1.0)


@pytest.mark.parametrize(("right", "count"), [(-1, 3), (4, 3), (0, -1)])
def test_more_right_than_counted_is_an_error(right: int, count: int) -> None:
    with pytest.raises(ValueError, match="right"):
        Proportion(right, count)


@pytest.mark.parametrize("target", [0.5, 0.85, 0.95])
@pytest.mark.parametrize("share", [0.6, 0.8, 0.88, 0.9, 0.97, 1.0])
def test_the_cases_needed_are_the_fewest_that_suffice(share: float, target: float) -> None:
    def settled(count: int) -> bool:
        interval = wilson_interval(share * count, count)
        return interval.low >= target or interval.high < target

    assert cases_needed(share, target) == next(count for count in range(1, 5000) if settled(count))


# Shares of 0.95 and 0.88 need 48.98 and 544.2 cases by Wilson's formula, so the fewest are 49 and 545.
@pytest.mark.parametrize(("share", "count"), [(0.95, 49), (0.92, 100), (0.90, 196), (0.88, 545)])
def test_the_number_of_people_needed_to_show_85_percent(share: float, count: int) -> None:
    assert cases_needed(share, 0.85) == count


def test_no_number_of_cases_separates_a_share_from_an_equal_target() -> None:
    assert cases_needed(17 / 20, 0.85) is None


@pytest.mark.parametrize(
    ("low", "high", "word", "exit_code", "further"),
    [
        (0.85, 0.95, "pass", 0, 0),
        (0.86, 0.95, "pass", 0, 0),
        (0.70, 0.8499, "fail", 1, 0),
        (0.70, 0.85, "not enough labels", 3, 211),
        (0.84, 0.95, "not enough labels", 3, 96),
    ],
)
def test_a_verdict_needs_the_interval_on_one_side(
    low: float, high: float, word: str, exit_code: int, further: int
) -> None:
    found = verdict(Proportion(90, 100), Interval(low, high), 0.85)
    assert (found.word, found.exit_code, found.share) == (word, exit_code, 0.9)
    assert found.further_people == further  # 196 are needed, more where the interval is wider than Wilson's 0.119


def test_independent_people_need_the_number_of_the_formula() -> None:
    result = Proportion(92, 100)
    found = verdict(result, result.interval(), 0.86)
    assert cases_needed(0.92, 0.86) == 129
    assert found.further_people == 129 - 100


def test_the_cases_needed_grow_with_the_square_of_the_width() -> None:
    result = Proportion(90, 100)
    wilson = result.interval()
    half = wilson.high - wilson.low  # twice as wide around the same middle
    middle = (wilson.low + wilson.high) / 2
    found = verdict(result, Interval(middle - half, middle + half), 0.85)
    assert found.further_people == pytest.approx(4 * 196 - 100, abs=1)


def test_an_open_verdict_asks_for_at_least_one_more_person() -> None:
    # 49 would suffice if they were independent, 62 with this interval, and there are 95
    assert verdict(Proportion(95, 100), Interval(0.849, 0.95), 0.85).further_people == 1
    assert verdict(Proportion(90, 100), Interval(0.849, 0.851), 0.85).further_people == 96


def test_too_few_people_can_leave_the_verdict_open_without_any_error() -> None:
    result = Proportion(8, 8)
    assert verdict(result, result.interval(), 0.85).further_people == 22 - 8  # 22 of 22: at least 0.851
    assert verdict(Proportion(22, 22), Proportion(22, 22).interval(), 0.85).word == "pass"


def test_a_share_equal_to_the_target_cannot_be_settled() -> None:
    result = Proportion(34, 40)
    found = verdict(result, result.interval(), 0.85)
    assert (found.word, found.further_people) == ("not enough labels", None)


def test_without_labels_the_share_is_assumed_half_way_between_target_and_1() -> None:
    found = verdict(Proportion(0, 0), Interval(0.0, 1.0), 0.85)
    assert (found.word, found.exit_code) == ("not enough labels", 3)
    assert found.further_people == cases_needed(0.925, 0.85) == 88
    assert math.isnan(found.share)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, 85.0, math.nan])
def test_a_target_outside_0_to_1_is_an_error(target: float) -> None:
    with pytest.raises(ValueError, match="target"):
        verdict(Proportion(1, 2), Interval(0.0, 1.0), target)


def test_each_resample_draws_as_many_clusters_as_there_are() -> None:
    weights = cluster_resamples(7, resamples=500, seed=3)
    assert weights.shape == (500, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)
    assert (weights == cluster_resamples(7, resamples=500, seed=3)).all()
    assert (weights != cluster_resamples(7, resamples=500, seed=4)).any()


@pytest.mark.parametrize(
    ("clusters", "freedom", "tail"),
    # normal tail of sqrt(C / (C - 1)) times Student's 97.5 % quantile: 1.054 x 2.262 = 2.384, 1.0005 x 1.962 = 1.963,
    # with 5 degrees of freedom 1.0005 x 2.571 = 2.572
    [(10, None, 0.00855), (1000, None, 0.02480), (1000, 5, 0.00506), (2, None, 0.0)],
)
def test_percentiles_move_out_for_few_clusters(clusters: int, freedom: float | None, tail: float) -> None:
    interval = expanded_percentiles(np.linspace(0, 1, 100_001), clusters, freedom)
    assert (interval.low, interval.high) == pytest.approx((tail, 1 - tail), abs=3e-5)


def test_resamples_where_the_statistic_is_undefined_are_left_out() -> None:
    values = np.linspace(0, 1, 1001)
    assert expanded_percentiles(np.append(values, [np.nan] * 500), 30) == expanded_percentiles(values, 30)
    assert expanded_percentiles(np.full(9, np.nan), 30, bounds=OF_A_SHARE) == OF_A_SHARE


def test_people_each_from_their_own_source_have_nearly_wilsons_interval() -> None:
    right = np.array([1] * 180 + [0] * 20)
    interval, wilson = clustered_interval(right, np.ones(200, int)), Proportion(180, 200).interval()
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high), abs=0.005)


def test_the_variance_of_few_sources_is_not_underestimated() -> None:
    # Ten people, five right: their variance is that of 10 - 1 cases, and Student's quantile for 9 degrees is 2.262
    interval = clustered_interval(np.arange(10) % 2, np.ones(10, int))
    extra = 2.262**2 / 9
    half = math.sqrt(extra * (0.25 + extra / 4)) / (1 + extra)
    assert (interval.low, interval.high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.004)


def test_a_single_error_has_five_degrees_of_freedom() -> None:
    interval = clustered_interval((np.arange(40) > 0).astype(int), np.ones(40, int))
    expected = wilson_interval(0.975 * 39, 39, 2.571)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_sources_that_agree_better_than_chance_count_as_twice_their_people() -> None:
    interval = clustered_interval(np.array([20, 20, 20, 21]), np.full(4, 25))
    assert interval == wilson_interval(0.81 * 200, 200, float(stdtrit(3, 0.975)))


@pytest.mark.parametrize("people", [20, 40, 100])
def test_fewer_errors_never_lower_the_lower_bound(people: int) -> None:
    def low(errors: int) -> float:
        return clustered_interval((np.arange(people) >= errors).astype(int), np.ones(people, int)).low

    lows = [low(errors) for errors in range(8)]
    assert lows == sorted(lows, reverse=True)


def test_copies_of_a_person_do_not_narrow_the_interval() -> None:
    right, count = np.array([1, 2, 0, 4, 3, 3, 2, 5]), np.array([1, 2, 1, 4, 4, 3, 3, 5])
    assert clustered_interval(50 * right, 50 * count) == clustered_interval(right, count)


def test_errors_in_one_source_widen_the_interval_more_than_scattered_errors() -> None:
    count = np.full(20, 5)
    scattered, together = np.array([4] * 5 + [5] * 15), np.array([0] + [5] * 19)
    assert clustered_interval(together, count).low < clustered_interval(scattered, count).low - 0.05


def test_without_errors_the_interval_keeps_a_width_that_shrinks_with_more_people() -> None:
    few, many = (clustered_interval(np.full(10, n), np.full(10, n)) for n in (1, 10))
    assert few.high == many.high == 1.0
    # Student's quantile for 9 degrees, 2.262: n / (n + 2.262^2)
    assert (few.low, many.low) == pytest.approx((10 / 15.117, 100 / 105.117), abs=1e-4)


def test_sources_without_cases_change_nothing() -> None:
    right, count = np.array([3, 2, 4, 1]), np.array([4, 2, 5, 3])
    padded = clustered_interval(np.append(right, [0, 0]), np.append(count, [0, 0]))
    assert padded == clustered_interval(right, count)


@pytest.mark.parametrize(("right", "count"), [([], []), ([30], [30]), ([0, 30], [0, 30])])
def test_a_single_source_gives_no_information_about_others(right: list[int], count: list[int]) -> None:
    assert clustered_interval(np.array(right), np.array(count)) == OF_A_SHARE


def test_two_sources_give_a_wide_interval() -> None:
    interval = clustered_interval(np.array([20, 16]), np.array([20, 20]))
    assert 0.0 < interval.low < 0.2
    assert 0.99 < interval.high <= 1.0


def test_more_sources_than_resamples_are_processed_in_chunks() -> None:
    right = np.array([1] * 2250 + [0] * 250)
    interval, wilson = clustered_interval(right, np.ones(2500, int)), Proportion(2250, 2500).interval()
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high), abs=0.001)


@pytest.mark.parametrize(
    ("value", "bounds", "expected"),
    # Wilson's for 0 of 10 reaches 3.8415 / 13.8415 = 0.2775
    [
        (0.0, OF_A_DIFFERENCE, (-0.2775, 0.2775)),
        (1.0, OF_A_SHARE, (0.7225, 1.0)),
        (0.0, OF_A_SHARE, (0.0, 0.2775)),
    ],
)
def test_clusters_that_all_agree_leave_a_margin(value: float, bounds: Interval, expected: tuple[float, float]) -> None:
    interval = bootstrapped(lambda weights: np.full(len(weights), value), 10, bounds=bounds)
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-4)


def test_a_statistic_undefined_without_one_cluster_has_the_widest_interval() -> None:
    women, right = np.array([0.0, 4.0, 0.0]), np.array([0.0, 3.0, 0.0])
    assert bootstrapped(lambda w: (w @ right) / (w @ women), 3, bounds=OF_A_SHARE) == OF_A_SHARE
    assert bootstrapped(lambda w: w @ right[:1], 1) == OF_A_DIFFERENCE


def test_each_of_many_clusters_is_left_out_once() -> None:
    women = (np.arange(2500) == 2300).astype(float)
    assert bootstrapped(lambda w: (w @ women) / (w @ women), 2500) == OF_A_DIFFERENCE


def test_a_mean_of_many_clusters_has_the_textbook_interval() -> None:
    values = np.random.default_rng(1).normal(0.2, 0.1, 400)
    interval = bootstrapped(lambda weights: (weights @ values) / weights.sum(axis=1), 400)
    half = 1.966 * values.std(ddof=1) / 20  # Student's quantile for 399 degrees
    expected = values.mean() - half, values.mean() + half
    assert (interval.low, interval.high) == pytest.approx(expected, abs=0.0006)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(2).normal(size=30)
    first, again, other = (bootstrapped(lambda w: w @ values / 30, 30, seed=seed) for seed in (5, 5, 6))
    assert first == again != other
    assert (first.low, first.high) == pytest.approx((other.low, other.high), abs=0.05)


@pytest.mark.parametrize(
    ("people", "accuracy"), [(20, 0.8), (20, 0.9), (50, 0.85), (50, 0.95), (100, 0.8), (100, 0.95), (500, 0.9)]
)
def test_wilson_covers_independent_people(people: int, accuracy: float) -> None:
    right = np.random.default_rng(0).binomial(people, accuracy, CORPORA)
    assert 0.93 <= covered((Proportion(int(r), people).interval() for r in right), accuracy) <= 0.97


# At an accuracy of 0.95 and a correlation of 0.5 it covers 92 to 93 %: too few errors from too few sources.
@pytest.mark.usefixtures("drawn_once")
@pytest.mark.parametrize(
    ("accuracy", "correlation"),
    [(a, c) for a in (0.8, 0.9, 0.95) for c in (0.0, 0.1, 0.3, 0.5) if (a, c) != (0.95, 0.5)],
)
def test_the_clustered_interval_covers_people_of_40_sources(accuracy: float, correlation: float) -> None:
    random = np.random.default_rng(0)
    count = random.integers(2, 11, (CORPORA, SOURCES))
    right = random.binomial(count, shares_by_source(accuracy, correlation, random))
    intervals = (clustered_interval(r, c) for r, c in zip(right, count, strict=True))
    assert 0.93 <= covered(intervals, accuracy) <= 0.97


@pytest.mark.usefixtures("drawn_once")
@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.5])
@pytest.mark.parametrize(("of_women", "of_men"), [(0.8, 0.9), (0.88, 0.97)])
def test_the_bootstrap_covers_balanced_accuracy(of_women: float, of_men: float, correlation: float) -> None:
    random = np.random.default_rng(0)
    people = random.integers(2, 11, (CORPORA, SOURCES))
    women = random.binomial(people, shares_by_source(0.45, 0.1, random))
    men = people - women
    women_right = random.binomial(women, shares_by_source(of_women, correlation, random))
    men_right = random.binomial(men, shares_by_source(of_men, correlation, random))

    def interval(k: int) -> Interval:
        return bootstrapped(
            lambda w: ((w @ women_right[k]) / (w @ women[k]) + (w @ men_right[k]) / (w @ men[k])) / 2, SOURCES
        )

    assert 0.93 <= covered(map(interval, range(CORPORA)), (of_women + of_men) / 2) <= 0.97


@pytest.mark.usefixtures("drawn_once")
@pytest.mark.parametrize("correlation", [0.0, 0.2])
@pytest.mark.parametrize(("improved", "spoiled"), [(0.5, 0.03), (0.3, 0.05)])
def test_the_bootstrap_covers_a_paired_difference(improved: float, spoiled: float, correlation: float) -> None:
    random = np.random.default_rng(0)
    people = random.integers(2, 11, (CORPORA, SOURCES))
    first = random.binomial(people, shares_by_source(0.85, correlation, random))
    second = first + random.binomial(people - first, improved) - random.binomial(first, spoiled)

    def interval(k: int) -> Interval:
        return bootstrapped(lambda w: (w @ second[k] - w @ first[k]) / (w @ people[k]), SOURCES)

    assert 0.93 <= covered(map(interval, range(CORPORA)), 0.15 * improved - 0.85 * spoiled) <= 0.97
