from __future__ import annotations

import numpy as np
import pytest

from facetally.detection.evaluation import Detections, LabelledFaces, matched
from facetally.detection.faces import Faces

FACE = (0.0, 0.0, 10.0, 10.0)
OTHER = (100.0, 100.0, 110.0, 110.0)
NOWHERE = (50.0, 50.0, 60.0, 60.0)


def found(*rows: tuple[tuple[float, float, float, float], float]) -> Faces:
    boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    return Faces(boxes, np.array([score for _, score in rows], np.float32), np.zeros((len(rows), 5, 2), np.float32))


def labelled(*boxes: tuple[float, float, float, float], asked: list[bool] | None = None) -> LabelledFaces:
    return LabelledFaces(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(asked or [True] * len(boxes), bool).reshape(-1)
    )


def test_finding_all_faces_and_nothing_else_has_average_precision_one() -> None:
    result = matched([found((FACE, 0.9), (OTHER, 0.8))], [labelled(FACE, OTHER)])
    assert result.average_precision == 1


def test_a_false_positive_with_the_highest_score_lowers_precision_by_hand() -> None:
    result = matched([found((NOWHERE, 0.9), (FACE, 0.8))], [labelled(FACE, OTHER)])
    assert result.average_precision == pytest.approx(0.5 * 0.5)


def test_a_false_positive_below_all_faces_costs_nothing() -> None:
    result = matched([found((FACE, 0.9), (NOWHERE, 0.1))], [labelled(FACE)])
    assert result.average_precision == 1


def test_the_second_detection_of_a_face_is_a_false_positive() -> None:
    result = matched([found((FACE, 0.9), ((0.0, 0.0, 10.0, 9.0), 0.8))], [labelled(FACE)])
    assert result.is_right.tolist() == [True, False]


def test_a_detection_of_an_ignored_face_does_not_count() -> None:
    result = matched([found((OTHER, 0.9), (FACE, 0.8))], [labelled(FACE, OTHER, asked=[True, False])])
    assert result.asked_count == 1
    assert result.is_right.tolist() == [True]


def test_an_overlap_below_one_half_is_not_a_match() -> None:
    result = matched([found(((0.0, 0.0, 10.0, 4.9), 0.9))], [labelled(FACE)])
    assert not result.is_right.any()


def test_detections_match_faces_of_their_own_image_only() -> None:
    result = matched([found((OTHER, 0.9)), found((FACE, 0.8))], [labelled(FACE), labelled(OTHER)])
    assert not result.is_right.any()


def test_recall_counts_detections_of_at_least_a_score() -> None:
    result = matched([found((FACE, 0.9), (OTHER, 0.4))], [labelled(FACE, OTHER)])
    assert result.recall_at(0.5) == 0.5
    assert result.recall_at(0.3) == 1


def test_without_faces_the_metrics_are_nan() -> None:
    empty = Detections(np.zeros(0), np.zeros(0, bool), 0)
    assert np.isnan(empty.average_precision)
    assert np.isnan(empty.recall_at(0.5))


def test_finding_nothing_has_average_precision_zero() -> None:
    assert matched([found()], [labelled(FACE)]).average_precision == 0
