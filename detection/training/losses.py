"""The training loss: quality focal loss, DIoU and smooth L1, against labels and a teacher's predictions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from facetally.detection.training.network import LevelOutput


@dataclass(frozen=True)
class LossOptions:
    """The terms and their weights: those of the paper, and those of the teacher."""

    focal_beta: float = 2.0
    box_weight: float = 2.0
    point_weight: float = 0.1
    point_beta: float = 1 / 9
    """Error, in strides, at which the smooth L1 of the points changes from quadratic to linear."""
    teacher_weight: float = 1.0
    """Weight of the distillation terms; 0: labels only."""
    teacher_score: float = 0.3
    """Boxes and points are distilled where the teacher's score is at least this."""


@dataclass(frozen=True)
class AnchorTargets:
    """The labels at every anchor of a batch."""

    positive: torch.Tensor
    """(B, n) bool: assigned to a face."""
    ignored: torch.Tensor
    """(B, n) bool: unknown whether it is a face; excluded from every term."""
    boxes: torch.Tensor
    """(B, n, 4) distances in strides, valid where `positive`."""


@dataclass(frozen=True)
class TeacherPredictions:
    """The predictions of another detector with the same anchors."""

    scores: torch.Tensor
    """(B, n) in [0, 1]."""
    boxes: torch.Tensor
    """(B, n, 4) in strides."""
    points: torch.Tensor
    """(B, n, 10) in strides."""


def joined(levels: list[LevelOutput]) -> LevelOutput:
    """The outputs of all strides, concatenated: (B, n), (B, n, 4), (B, n, 10)."""
    scores, boxes, points = zip(*levels, strict=True)
    return torch.cat(scores, dim=1), torch.cat(boxes, dim=1), torch.cat(points, dim=1)


def label_loss(output: LevelOutput, targets: AnchorTargets, options: LossOptions) -> torch.Tensor:
    """The loss of a batch against labelled boxes; a scalar.

    The target of a score is the overlap of its own box with the face (quality focal loss; Li et al., NeurIPS 2020). The
    box losses are weighted by the scores.
    """
    logits, boxes, _ = output
    at = targets.positive
    overlap, box_losses = _overlap_and_diou(boxes[at], targets.boxes[at])
    quality = torch.zeros_like(logits)
    quality[at] = overlap.detach().clamp(min=0)
    focal = _focal(logits, quality, options.focal_beta)[~targets.ignored].sum()
    weight = logits[at].detach().sigmoid()
    box_loss = (box_losses * weight).sum() / weight.sum().clamp(min=1.0)
    return focal / at.sum().clamp(min=1) + options.box_weight * box_loss


def teacher_loss(
    output: LevelOutput, teacher: TeacherPredictions, *, ignored: torch.Tensor, options: LossOptions
) -> torch.Tensor:
    """The loss of a batch against a teacher's predictions, except at `ignored` (B, n) anchors; a scalar."""
    logits, boxes, points = output
    at = (teacher.scores >= options.teacher_score) & ~ignored
    weight = teacher.scores[at]
    total = weight.sum().clamp(min=1.0)
    focal = _focal(logits, teacher.scores, options.focal_beta)[~ignored].sum()
    _, box_losses = _overlap_and_diou(boxes[at], teacher.boxes[at])
    point_losses = functional.smooth_l1_loss(points[at], teacher.points[at], reduction="none", beta=options.point_beta)
    box_terms = options.box_weight * box_losses + options.point_weight * point_losses.sum(dim=1)
    return (focal + (box_terms * weight).sum()) / total


def _focal(logits: torch.Tensor, quality: torch.Tensor, beta: float) -> torch.Tensor:
    losses = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    return losses * (quality - logits.sigmoid()).abs() ** beta


def _overlap_and_diou(boxes: torch.Tensor, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Two (k,): the intersection over union and the DIoU loss (Zheng et al., AAAI 2020) of pairs of boxes.

    Boxes are distances left, top, right and bottom from a common point.
    """
    inner = torch.minimum(boxes, faces)
    outer = torch.maximum(boxes, faces)
    shared = _area(inner)
    union = _area(boxes) + _area(faces) - shared
    overlap = shared / union.clamp(min=1e-6)
    shift = (boxes[:, 2:] - boxes[:, :2] - faces[:, 2:] + faces[:, :2]) / 2
    diagonal = ((outer[:, 2:] + outer[:, :2]) ** 2).sum(dim=1)
    return overlap, 1 - overlap + (shift**2).sum(dim=1) / diagonal.clamp(min=1e-6)


def _area(distances: torch.Tensor) -> torch.Tensor:
    return (distances[:, :2] + distances[:, 2:]).clamp(min=0).prod(dim=1)
