from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")
import torch

from facetally.detection.training.losses import (
    AnchorTargets,
    LossOptions,
    TeacherPredictions,
    joined,
    label_loss,
    teacher_loss,
)

OPTIONS = LossOptions()
BOX = [1.0, 1.0, 1.0, 1.0]


def outputs(logits: list[float], boxes: list[list[float]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.tensor([logits]), torch.tensor([boxes]), torch.zeros(1, len(logits), 10)


def targets(positive: list[bool], boxes: list[list[float]], ignored: list[bool] | None = None) -> AnchorTargets:
    return AnchorTargets(
        torch.tensor([positive]), torch.tensor([ignored or [False] * len(positive)]), torch.tensor([boxes])
    )


def test_a_confident_and_exact_prediction_has_no_loss() -> None:
    loss = label_loss(outputs([20.0, -20.0], [BOX, BOX]), targets([True, False], [BOX, BOX]), OPTIONS)
    assert loss.item() == pytest.approx(0, abs=1e-5)


def test_the_quality_focal_loss_by_hand() -> None:
    loss = label_loss(outputs([0.0], [BOX]), targets([False], [BOX]), OPTIONS)
    assert loss.item() == pytest.approx(0.5**2 * math.log(2))


def test_the_target_of_a_score_is_the_overlap_of_its_box() -> None:
    half = [1.0, 1.0, 1.0, 0.0]  # covers half of the face
    exact = label_loss(outputs([0.0], [half]), targets([True], [BOX]), LossOptions(box_weight=0))
    assert exact.item() == pytest.approx(0, abs=1e-6)


def test_the_diou_loss_of_a_shifted_box_by_hand() -> None:
    shifted = [0.0, 1.0, 2.0, 1.0]  # a face's width 2, moved right by 1
    loss = label_loss(outputs([20.0], [shifted]), targets([True], [BOX]), LossOptions(box_weight=1))
    focal = (1 - 1 / 3) ** 2 * 20 * (1 - 1 / 3)
    assert loss.item() == pytest.approx(focal + 1 - 1 / 3 + 1 / (3**2 + 2**2), rel=1e-4)


def test_ignored_anchors_have_no_loss() -> None:
    loss = label_loss(outputs([5.0], [BOX]), targets([False], [BOX], [True]), OPTIONS)
    assert loss.item() == 0


def test_an_image_without_a_face_has_a_finite_loss_and_gradient() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    boxes = torch.ones(1, 3, 4, requires_grad=True)
    none = targets([False] * 3, [BOX] * 3)
    loss = label_loss((logits, boxes, torch.zeros(1, 3, 10)), none, OPTIONS)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad.abs().sum() > 0


def test_the_teachers_own_prediction_has_no_loss() -> None:
    teacher = TeacherPredictions(torch.tensor([[0.9, 0.1]]), torch.tensor([[BOX, BOX]]), torch.zeros(1, 2, 10))
    own = teacher.scores.logit(), teacher.boxes, teacher.points
    loss = teacher_loss(own, teacher, ignored=torch.zeros(1, 2, dtype=torch.bool), options=OPTIONS)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_points_are_learnt_where_the_teacher_has_a_high_score() -> None:
    teacher = TeacherPredictions(torch.tensor([[0.9, 0.1]]), torch.tensor([[BOX, BOX]]), torch.ones(1, 2, 10))
    points = torch.zeros(1, 2, 10, requires_grad=True)
    own = teacher.scores.logit(), teacher.boxes, points
    loss = teacher_loss(own, teacher, ignored=torch.zeros(1, 2, dtype=torch.bool), options=OPTIONS)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
    assert points.grad is not None
    assert (points.grad[0, 0] < 0).all()
    assert (points.grad[0, 1] == 0).all()


def test_levels_are_joined_in_the_order_of_strides() -> None:
    levels = [(torch.full((1, n), float(n)), torch.zeros(1, n, 4), torch.zeros(1, n, 10)) for n in (3, 2, 1)]
    assert joined(levels)[0].tolist() == [[3, 3, 3, 2, 2, 1]]
