"""Which part of a video is labelled, and when people are in view, by boxes, by stays, or by both."""

from __future__ import annotations

import numpy as np
import pytest
from labelled_world import VIDEO, boxes_of, person, truth_of

from facetally.truth.labels import Truth
from facetally.validation.matching import views_s

BY_STAY = truth_of(person("ann", "female", (0, 2)), boxes=boxes_of("ann", [0, 1, 1.96]))
BY_BOXES = truth_of(person("ann"), boxes=boxes_of("ann", [0, 1, 2]))


@pytest.mark.parametrize(
    ("truth", "labelled"),
    [
        (BY_STAY, [True, True, False, False]),  # whoever comes as ann leaves is not labelled
        (BY_BOXES, [True, True, True, False]),
        (truth_of(person("ann", "female", (0, 2)), until_s=2.0), [True, True, True, False]),
        (truth_of(person("ann"), boxes=boxes_of("ann", [0]), until_s=9.0), [True] * 4),
    ],
)
def test_labels_reach_to_a_stated_end_a_last_box_or_before_the_end_of_a_stay(
    truth: Truth, labelled: list[bool]
) -> None:
    assert truth.is_labelled(VIDEO, np.array([0, 1.96, 2.0, 2.2])).tolist() == labelled


def test_a_stay_counts_as_stated_whatever_the_boxes() -> None:
    assert views_s(BY_STAY, VIDEO) == {"ann": [(0, 2)]}


def test_a_box_outside_of_the_stays_counts_as_without_them() -> None:
    truth = truth_of(person("ann", "female", (0, 1)), boxes=boxes_of("ann", [0, 0.5, 3.0, 3.5]))
    assert views_s(truth, VIDEO) == {"ann": [(0, 1), (3.0, 4.0)]}
