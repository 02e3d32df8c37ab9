from __future__ import annotations

import numpy as np
import pytest

from facetally.detection.training.embedding_metrics import pair_figures, person_pairs


def test_separated_pairs_are_perfect() -> None:
    figures = pair_figures(np.array([0.8, 0.9]), np.array([0.1, 0.2, 0.3]))
    assert (figures.area, figures.accuracy, figures.accepted) == (1.0, 1.0, 1.0)
    assert (figures.same_count, figures.different_count) == (2, 3)


def test_the_area_is_the_probability_of_the_right_order() -> None:
    assert pair_figures(np.array([0.5, 0.1]), np.array([0.3, 0.5])).area == pytest.approx((1 + 0.5) / 4)


def test_both_kinds_of_pairs_weigh_the_same_in_accuracy() -> None:
    figures = pair_figures(np.array([0.9, 0.2]), np.full(98, 0.5))
    assert figures.accuracy == pytest.approx((0.5 + 1) / 2)


def test_one_false_pair_in_a_hundred_may_be_accepted() -> None:
    different = np.linspace(0, 1, 101)  # the threshold is 0.99
    figures = pair_figures(np.array([0.98, 0.995, 1.0, 0.5]), different)
    assert figures.threshold == pytest.approx(0.99)
    assert figures.accepted == 0.5


def test_pairs_of_one_kind_only_are_refused() -> None:
    with pytest.raises(ValueError, match="got 1 of one person and 0 of two"):
        pair_figures(np.array([0.5]), np.array([]))


def test_every_pair_of_faces_counts_once() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    figures = person_pairs(np.array(["a", "a", "b"], dtype=object), vectors)
    assert (figures.same_count, figures.different_count, figures.area) == (1, 2, 1.0)
