from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from facetally.gender.metrics import (
    GenderEvaluation,
    accuracy_against_coverage,
    expected_calibration_error,
    reliability,
    roc,
)

WOMAN, MAN = True, False


def test_counts_and_ratios_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    draws = np.random.default_rng(0).random((2, 200))
    labels, predictions = draws[0] < 0.4, draws[1] < 0.3
    ours = GenderEvaluation.of(labels, predictions)
    counts = [[ours.male_as_male, ours.male_as_female], [ours.female_as_male, ours.female_as_female]]
    assert counts == metrics.confusion_matrix(labels, predictions).tolist()
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(labels, predictions))
    assert ours.female_recall == pytest.approx(metrics.recall_score(labels, predictions))
    assert ours.male_recall == pytest.approx(metrics.recall_score(labels, predictions, pos_label=False))


def test_precision_and_f1_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    draws = np.random.default_rng(1).random((2, 200))
    labels, predictions = draws[0] < 0.4, draws[1] < 0.3
    ours = GenderEvaluation.of(labels, predictions)
    precision, _, f1, _ = metrics.precision_recall_fscore_support(labels, predictions)
    assert [ours.male_precision, ours.female_precision] == pytest.approx(precision)
    assert [ours.male_f1, ours.female_f1] == pytest.approx(f1)
    assert ours.macro_f1 == pytest.approx(metrics.f1_score(labels, predictions, average="macro"))


def test_a_class_never_predicted_has_zero_precision_and_f1() -> None:
    evaluation = GenderEvaluation(male_as_male=3, male_as_female=0, female_as_male=1, female_as_female=0)
    assert (evaluation.female_precision, evaluation.female_f1, evaluation.male_precision) == (0, 0, 0.75)


def test_the_recall_gap_is_mens_recall_minus_womens() -> None:
    assert GenderEvaluation(9, 1, 3, 7).recall_gap == pytest.approx(0.9 - 0.7)
    assert math.isnan(GenderEvaluation(9, 1, 0, 0).recall_gap)
    assert math.isnan(GenderEvaluation(0, 0, 3, 7).recall_gap)


def test_balance_is_the_predicted_ratio_over_the_labelled_ratio() -> None:
    evaluation = GenderEvaluation(male_as_male=18, male_as_female=12, female_as_male=2, female_as_female=8)
    assert (evaluation.male_count, evaluation.female_count) == (30, 10)
    assert evaluation.balance == pytest.approx((20 / 20) / (30 / 10))


def test_perfect_predictions_are_unbiased_at_any_ratio() -> None:
    assert GenderEvaluation(70, 0, 0, 30).balance == 1


def test_the_dictionary_is_json_with_counts_and_rounded_ratios() -> None:
    values = GenderEvaluation(male_as_male=2, male_as_female=1, female_as_male=1, female_as_female=3).as_dict()
    assert json.loads(json.dumps(values)) == {
        "male_as_male": 2,
        "male_as_female": 1,
        "female_as_male": 1,
        "female_as_female": 3,
        "count": 7,
        "accuracy": 0.71429,
        "male_recall": 0.66667,
        "female_recall": 0.75,
        "male_precision": 0.66667,
        "female_precision": 0.75,
        "male_f1": 0.66667,
        "female_f1": 0.75,
        "macro_f1": 0.70833,
        "balance": 1.0,
    }


@pytest.mark.parametrize("counts", [(5, 0, 0, 0), (0, 0, 0, 5)])
def test_labels_of_one_gender_have_a_dictionary(counts: tuple[int, int, int, int]) -> None:
    assert GenderEvaluation(*counts).as_dict()["accuracy"] == 1


def test_labels_and_predictions_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        GenderEvaluation.of(np.zeros(2, bool), np.zeros(3, bool))


def test_a_bin_has_its_mean_confidence_its_accuracy_and_its_count() -> None:
    labels = np.array([WOMAN, MAN, WOMAN, WOMAN, MAN])
    table = reliability(labels, [0.9, 0.8, 0.6, 0.4, 0.04], bins=2)  # from 0.5, and from 0.75
    assert table.confidence == pytest.approx([0.6, (0.9 + 0.8 + 0.96) / 3])
    assert table.accuracy == pytest.approx([1 / 2, 2 / 3])
    assert table.counts.tolist() == [2, 3]
    assert table.calibration_error == pytest.approx((2 * 0.1 + 3 * (2.66 / 3 - 2 / 3)) / 5)


@pytest.mark.parametrize(("prob", "bin_count"), [([0.5, 1.0, 0.0], 2), ([1.0, 0.0, 0.99], 1), ([0.51, 0.76, 0.99], 3)])
def test_only_bins_with_predictions_have_a_row(prob: list[float], bin_count: int) -> None:
    table = reliability(np.array([WOMAN, MAN, WOMAN]), prob, bins=4)
    assert len(table.confidence) == len(table.accuracy) == len(table.counts) == bin_count
    assert table.counts.sum() == 3


@pytest.mark.parametrize(("probs", "error"), [([1.0, 0.0, 1.0], 0.0), ([0.0, 1.0, 0.0], 1.0), ([0.8, 0.2, 0.8], 0.2)])
def test_calibration_error_of_correct_wrong_and_underconfident_predictions(probs: list[float], error: float) -> None:
    assert expected_calibration_error(np.array([WOMAN, MAN, WOMAN]), probs) == pytest.approx(error)


def test_one_half_is_classified_as_a_man() -> None:
    table = reliability(np.array([MAN, MAN, WOMAN]), [0.5, 0.5, 0.5])
    assert (table.confidence.tolist(), table.accuracy.tolist()) == ([0.5], [2 / 3])


def test_the_calibration_error_depends_on_the_bins() -> None:
    labels, probs = np.array([WOMAN, MAN]), [0.95, 0.55]  # right at 0.95, wrong at 0.55
    assert expected_calibration_error(labels, probs, bins=1) == pytest.approx(0.75 - 0.5)
    assert expected_calibration_error(labels, probs, bins=2) == pytest.approx((0.05 + 0.55) / 2)


def test_roc_has_one_point_for_equal_probabilities() -> None:
    curve = roc(np.array([WOMAN, MAN, WOMAN, MAN]), [0.9, 0.8, 0.8, 0.1])
    assert curve.false_positive_rate.tolist() == [0, 0, 0.5, 1]
    assert curve.true_positive_rate.tolist() == [0, 0.5, 1, 1]
    assert curve.area == pytest.approx(0.875)


def test_the_area_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(2)
    labels, probs = generator.random(300) < 0.4, generator.random(300).round(2)
    assert roc(labels, probs).area == pytest.approx(metrics.roc_auc_score(labels, probs))


@pytest.mark.parametrize(("probs", "area"), [([0.9, 0.1, 0.8], 1), ([0.1, 0.9, 0.2], 0), ([0.3, 0.3, 0.3], 0.5)])
def test_the_area_of_perfect_wrong_and_constant_probabilities(probs: list[float], area: float) -> None:
    assert roc(np.array([WOMAN, MAN, WOMAN]), probs).area == pytest.approx(area)


@pytest.mark.parametrize("gender", [WOMAN, MAN])
def test_one_gender_alone_has_no_roc(gender: bool) -> None:
    with pytest.raises(ValueError, match="both genders"):
        roc(np.array([gender, gender]), [0.2, 0.8])


def test_coverage_grows_from_the_most_confident_predictions() -> None:
    curve = accuracy_against_coverage(np.array([WOMAN, WOMAN, MAN, WOMAN]), [0.99, 0.2, 0.3, 0.6])
    assert curve.min_confidence == pytest.approx([0.99, 0.8, 0.7, 0.6])
    assert curve.coverage == pytest.approx([0.25, 0.5, 0.75, 1])
    assert curve.accuracy == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])


def test_predictions_of_equal_confidence_become_unknown_together() -> None:
    curve = accuracy_against_coverage(np.array([WOMAN, WOMAN, MAN]), [0.75, 0.25, 1.0])
    assert curve.min_confidence.tolist() == [1, 0.75]
    assert curve.coverage == pytest.approx([1 / 3, 1])
    assert curve.accuracy == pytest.approx([0, 1 / 3])


def test_the_widest_coverage_may_come_after_a_less_accurate_part() -> None:
    curve = accuracy_against_coverage(np.array([WOMAN, WOMAN, MAN, WOMAN]), [0.99, 0.2, 0.3, 0.6])
    assert curve.widest(0.75) == (1, 0.6)
    assert curve.widest(0.76) == (0.25, 0.99)


def test_an_accuracy_out_of_reach_covers_nothing() -> None:
    coverage, confidence = accuracy_against_coverage(np.array([WOMAN, MAN]), [0.1, 0.9]).widest(0.95)
    assert coverage == 0
    assert math.isnan(confidence)


@pytest.mark.parametrize("measure", [reliability, expected_calibration_error, accuracy_against_coverage, roc])
@pytest.mark.parametrize(
    ("labels", "probs", "reason"),
    [
        ([], [], "N > 0"),
        ([WOMAN, MAN], [0.5], r"\(2,\) and \(1,\)"),
        ([WOMAN, MAN], [0.5, math.nan], r"\[0, 1\]"),
        ([WOMAN, MAN], [0.5, 1.01], r"\[0, 1\]"),
        ([WOMAN, MAN], [-0.01, 1], r"\[0, 1\]"),
    ],
)
def test_invalid_labels_and_probabilities_are_refused(
    measure: Callable[..., object], labels: list[bool], probs: list[float], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        measure(np.array(labels, bool), probs)
