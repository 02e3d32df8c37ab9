from __future__ import annotations

import json

import numpy as np
import pytest

from gender.evaluation import GenderEvaluation


def test_counts_and_ratios_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    draws = np.random.default_rng(0).random((2, 200))
    truth, answers = draws[0] < 0.4, draws[1] < 0.3
    ours = GenderEvaluation.of(truth, answers)
    counts = [[ours.male_as_male, ours.male_as_female], [ours.female_as_male, ours.female_as_female]]
    assert counts == metrics.confusion_matrix(truth, answers).tolist()
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(truth, answers))
    assert ours.female_recall == pytest.approx(metrics.recall_score(truth, answers))
    assert ours.male_recall == pytest.approx(metrics.recall_score(truth, answers, pos_label=False))


def test_balance_is_the_ratio_told_over_the_true_ratio() -> None:
    evaluation = GenderEvaluation(male_as_male=18, male_as_female=12, female_as_male=2, female_as_female=8)
    assert (evaluation.male_count, evaluation.female_count) == (30, 10)
    assert evaluation.balance == pytest.approx((20 / 20) / (30 / 10))


def test_perfect_answers_are_unbiased_whatever_the_mix() -> None:
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
        "balance": 1.0,
    }


@pytest.mark.parametrize("counts", [(5, 0, 0, 0), (0, 0, 0, 5)])
def test_a_truth_of_one_gender_can_be_written_down(counts: tuple[int, int, int, int]) -> None:
    assert GenderEvaluation(*counts).as_dict()["accuracy"] == 1


def test_truth_and_answers_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        GenderEvaluation.of(np.zeros(2, bool), np.zeros(3, bool))
