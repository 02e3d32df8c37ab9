from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from facetally.gender.calibration import Calibration, best_threshold, fit_calibration


def simulated(slope: float, offset: float, spread: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn with the probabilities that a line through random log-odds gives, and these log-odds."""
    random = np.random.default_rng(0)
    predicted = random.normal(0, spread, count)
    return random.random(count) < 1 / (1 + np.exp(-(slope * predicted + offset))), predicted


def macro_f1(is_female: np.ndarray, predicted: np.ndarray) -> float:
    """The mean over both classes of 2 TP / (2 TP + FP + FN)."""
    wrong_count = (is_female != predicted).sum()
    correct_counts = [(is_female & predicted).sum(), (~is_female & ~predicted).sum()]
    return float(np.mean([2 * count / (2 * count + wrong_count) for count in correct_counts]))


def test_a_calibration_is_a_line_through_the_log_odds() -> None:
    odds = Calibration(slope=0.5, offset=-1).apply(np.array([4, 0, -2], np.float32))
    assert odds.tolist() == [1, -1, -2]
    assert Calibration().apply(np.array([3.25])).tolist() == [3.25]


def smoothed(odds: npt.NDArray[np.float64], smoothing: float) -> npt.NDArray[np.float64]:
    """The log-odds of a probability after label smoothing."""
    prob = (1 - smoothing) / (1 + np.exp(-odds)) + smoothing / 2
    return np.asarray(np.log(prob / (1 - prob)))


def test_smoothing_is_inverted_before_the_line() -> None:
    odds = np.array([-6.0, -1.0, 0.0, 0.3, 5.0])
    calibrated = Calibration(0.5, -1, smoothing=0.05).apply(smoothed(odds, 0.05))
    assert calibrated.tolist() == pytest.approx(0.5 * odds - 1)


def test_no_prediction_is_more_confident_than_labels_are_accurate() -> None:
    surest = Calibration(smoothing=0.05).apply(np.array([-1000.0, -3.7, 3.7, 1000.0], np.float32))
    assert (1 / (1 + np.exp(-surest))).tolist() == pytest.approx([0.001, 0.001, 0.999, 0.999])


def test_predictions_trained_on_smoothed_labels_get_the_line_of_the_plain_labels() -> None:
    is_female, odds = simulated(0.8, 0.3, 2)
    line, plain = fit_calibration(is_female, smoothed(odds, 0.1), smoothing=0.1), fit_calibration(is_female, odds)
    assert [line.slope, line.offset] == pytest.approx([plain.slope, plain.offset], abs=1e-2)
    assert line.smoothing == 0.1
    assert abs(fit_calibration(is_female, smoothed(odds, 0.1)).slope - plain.slope) > 0.15


def test_a_label_of_weight_three_counts_as_three() -> None:
    is_female, predicted = simulated(0.8, 0.3, 2, count=400)
    weight = np.where(np.arange(400) % 4 == 0, 3, 1)
    repeated = fit_calibration(is_female.repeat(weight), predicted.repeat(weight))
    weighted = fit_calibration(is_female, predicted, weight=0.1 * weight)
    assert [weighted.slope, weighted.offset] == pytest.approx([repeated.slope, repeated.offset], abs=1e-4)
    assert abs(weighted.offset - fit_calibration(is_female, predicted).offset) > 0.01


def test_a_line_commutes_with_a_weighted_mean() -> None:
    line, predicted, weights = Calibration(0.7, 0.4), np.array([3.0, -1.0, 0.5]), np.array([0.5, 0.2, 0.3])
    after = line.apply(np.array([weights @ predicted]))
    assert weights @ line.apply(predicted) == pytest.approx(after[0])


@pytest.mark.parametrize(("slope", "offset"), [(math.nan, 0), (1, math.inf)])
def test_a_line_that_is_not_finite_is_refused(slope: float, offset: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        Calibration(slope, offset)


@pytest.mark.parametrize("smoothing", [-0.1, 1, math.nan])
def test_a_smoothing_outside_its_range_is_refused(smoothing: float) -> None:
    with pytest.raises(ValueError, match="smoothing must be in"):
        Calibration(smoothing=smoothing)


@pytest.mark.parametrize(
    ("slope", "offset", "spread"), [(1, 0, 2), (0.5, 0.8, 3), (0.2, 1, 3), (0.02, 0, 50), (2, -1, 1), (-1, 0, 3)]
)
def test_the_line_that_the_labels_were_drawn_from_is_recovered(slope: float, offset: float, spread: float) -> None:
    line = fit_calibration(*simulated(slope, offset, spread))
    assert line.slope == pytest.approx(slope, abs=0.08)
    assert line.offset == pytest.approx(offset, abs=0.08)


@pytest.mark.parametrize(("slope", "offset", "spread"), [(0.6, 0.5, 3), (1.5, -1, 1)])
def test_the_line_is_that_of_logistic_regression(slope: float, offset: float, spread: float) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    is_female, predicted = simulated(slope, offset, spread)
    line = fit_calibration(is_female, predicted)
    other = linear.LogisticRegression(C=1e6).fit(predicted[:, None], is_female)
    assert line.slope == pytest.approx(other.coef_[0, 0], abs=1e-2)
    assert line.offset == pytest.approx(other.intercept_[0], abs=1e-2)


def test_few_labels_move_the_line_little_from_its_prior() -> None:
    few, many = (simulated(2, -1, 1, count) for count in (40, 20_000))
    free, near = fit_calibration(*few), fit_calibration(*few, spread=0.1)
    assert abs(near.slope - 1) < 0.2 < abs(free.slope - 1)
    assert abs(near.offset) < 0.2 < abs(free.offset)
    assert fit_calibration(*many, spread=0.1).slope == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("scale", [1, 20, 1000])
def test_separable_predictions_keep_the_line_finite(scale: float) -> None:
    line = fit_calibration(np.array([True, True, False, False]), scale * np.array([2.0, 1.0, -1.0, -2.0]))
    assert 0.5 < line.slope < 20
    assert line.offset == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("is_female", [[True, True], [False, False], []])
def test_labels_of_one_gender_alone_are_refused(is_female: list[bool]) -> None:
    with pytest.raises(ValueError, match="both genders"):
        fit_calibration(np.array(is_female, bool), np.zeros(len(is_female)))


@pytest.mark.parametrize("seed", range(8))
def test_no_threshold_has_a_higher_macro_f1_than_the_best(seed: int) -> None:
    random = np.random.default_rng(seed)
    is_female = random.random(40) < 0.3
    predicted = np.round(is_female + random.normal(0, 1.5, 40), 1)  # rounded, so that some are equal
    cuts = np.concatenate([[-100], np.unique(predicted)])
    best = max(macro_f1(is_female, predicted > cut) for cut in cuts)
    assert macro_f1(is_female, predicted > best_threshold(is_female, predicted)) == pytest.approx(best)


def test_the_threshold_is_halfway_between_two_predictions() -> None:
    is_female, predicted = np.array([False, True, False, True]), np.array([-1.0, 3.0, 1.0, 4.0])
    assert best_threshold(is_female, predicted) == 2
