from __future__ import annotations

import json
import math

import numpy as np
import pytest

from facetally.gender.age_metrics import ERROR_BANDS, LIFE_BANDS, AgeEvaluation, Bands, band_masks, by_age_band


def test_the_metrics_of_four_ages_are_those_computed_by_hand() -> None:
    evaluation = AgeEvaluation.of([10, 20, 30, 40], [15, 20, 19, 50])  # errors 5, 0, -11, 10
    assert vars(evaluation) == {
        "count": 4,
        "mae_years": 6.5,
        "median_error_years": 7.5,
        "mse": 61.5,
        "r2": pytest.approx(1 - 61.5 / 125),
        "within_5": 0.5,
        "within_10": 0.75,
        "bias_years": 1.0,
    }
    assert evaluation.rmse_years == pytest.approx(math.sqrt(61.5))


def test_the_metrics_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    true = generator.integers(0, 90, 200)
    predicted = (true + generator.normal(2, 6, 200)).astype(np.float32)
    ours = AgeEvaluation.of(true, predicted)
    assert ours.r2 == pytest.approx(metrics.r2_score(true, predicted))
    assert ours.mae_years == pytest.approx(metrics.mean_absolute_error(true, predicted))
    assert ours.median_error_years == pytest.approx(metrics.median_absolute_error(true, predicted))
    assert ours.rmse_years == pytest.approx(metrics.root_mean_squared_error(true, predicted))


def test_perfect_ages_have_no_error() -> None:
    evaluation = AgeEvaluation.of([3, 50], [3, 50])
    assert (evaluation.mae_years, evaluation.rmse_years, evaluation.bias_years) == (0, 0, 0)
    assert (evaluation.r2, evaluation.within_5, evaluation.within_10) == (1, 1, 1)


@pytest.mark.parametrize(("predicted", "bias"), [([20, 40], 10), ([0, 20], -10)])
def test_bias_has_the_sign_of_predicted_minus_true(predicted: list[int], bias: int) -> None:
    assert AgeEvaluation.of([10, 30], predicted).bias_years == bias


@pytest.mark.parametrize("true", [[30.0], [30.1, 30.1, 30.1]])
def test_ages_that_are_all_the_same_have_no_r2(true: list[float]) -> None:
    evaluation = AgeEvaluation.of(true, [age + 2 for age in true])
    assert math.isnan(evaluation.r2)
    assert evaluation.as_dict()["r2"] is None


def test_the_dictionary_is_strict_json_with_rounded_values() -> None:
    values = AgeEvaluation.of([30, 31, 33], [30, 32, 34]).as_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == {
        "count": 3,
        "mae_years": 0.66667,
        "median_error_years": 1,
        "mse": 0.66667,
        "r2": 0.57143,
        "within_5": 1,
        "within_10": 1,
        "bias_years": 0.66667,
        "rmse_years": 0.8165,
    }


@pytest.mark.parametrize(
    ("true", "predicted", "reason"),
    [
        ([], [], "N > 0"),
        ([1, 2], [1], r"\(2,\) and \(1,\)"),
        ([1, math.nan], [1, 2], "finite"),
        ([1, 2], [1, math.inf], "finite"),
    ],
)
def test_ages_that_cannot_be_compared_are_refused(true: list[float], predicted: list[float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        AgeEvaluation.of(true, predicted)


def test_a_band_holds_its_first_year_and_ends_before_its_last() -> None:
    bands = by_age_band([17, 17.9, 18, 29, 70, 101], [18, 18.9, 20, 31, 73, 104])
    assert {name: (band.count, round(band.bias_years, 3)) for name, band in bands.items()} == {
        "0-17": (2, 1.0),
        "18-29": (2, 2.0),
        "70+": (2, 3.0),
    }


def test_bands_use_the_true_age_not_the_predicted_one() -> None:
    assert list(by_age_band([10], [80])) == ["0-17"]


def test_bands_of_different_numbers_of_ages_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
        by_age_band([10, 20], [10])


@pytest.mark.parametrize("bands", [ERROR_BANDS, LIFE_BANDS])
def test_bands_are_contiguous_from_birth(bands: Bands) -> None:
    starts, stops = zip(*bands.values(), strict=True)
    assert starts == (0, *stops[:-1])
    assert all(name == f"{start}-{stop - 1}" for name, (start, stop) in list(bands.items())[:-1])


def test_an_unknown_age_is_in_no_band() -> None:
    masks = band_masks(np.array([2, math.nan, 65]), LIFE_BANDS)
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "0-3": [True, False, False],
        "50-69": [False, False, True],
    }
