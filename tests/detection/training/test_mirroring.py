from __future__ import annotations

import pytest

pytest.importorskip("torch")
import torch

from facetally.detection.training.assignment import anchor_centres
from facetally.detection.training.losses import TeacherPredictions
from facetally.detection.training.mirroring import averaged, mirrored_anchors, mirrored_predictions

SIZE_PX = 128
CENTRES = anchor_centres(SIZE_PX, SIZE_PX)


def random_predictions() -> TeacherPredictions:
    count = len(CENTRES)
    return TeacherPredictions(torch.rand(2, count), torch.rand(2, count, 4), torch.rand(2, count, 10))


def test_an_anchor_and_its_mirror_image_are_as_far_from_the_middle() -> None:
    rows, has_mirror = mirrored_anchors(SIZE_PX)
    expected = CENTRES.clone()
    expected[:, 0] = SIZE_PX - expected[:, 0]
    assert torch.equal(CENTRES[rows][has_mirror], expected[has_mirror])
    assert torch.equal(has_mirror, CENTRES[:, 0] > 0)
    assert torch.equal(rows[rows], torch.arange(len(rows)))


def test_boxes_and_points_are_mirrored_in_the_image() -> None:
    own = random_predictions()
    other, has_mirror = mirrored_predictions(own, SIZE_PX), mirrored_anchors(SIZE_PX)[1]
    stride, x = CENTRES[:, 2], CENTRES[:, 0]
    left = (x - own.boxes[0, :, 0] * stride)[mirrored_anchors(SIZE_PX)[0]]
    right = x + other.boxes[0, :, 2] * stride
    assert torch.allclose(right[has_mirror], (SIZE_PX - left)[has_mirror], atol=1e-3)
    left_eye = (x + own.points[0, :, 0] * stride)[mirrored_anchors(SIZE_PX)[0]]
    right_eye = x + other.points[0, :, 2] * stride
    assert torch.allclose(right_eye[has_mirror], (SIZE_PX - left_eye)[has_mirror], atol=1e-3)


def test_the_mean_with_its_own_mirror_image_changes_nothing() -> None:
    own = random_predictions()
    mean = averaged(own, mirrored_predictions(own, SIZE_PX), SIZE_PX)
    for name in ("scores", "boxes", "points"):
        assert torch.allclose(getattr(mean, name), getattr(own, name), atol=1e-5)
