"""What the network is trained to make small: quality focal loss, DIoU and smooth L1, against labels and a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from facetally.detection.training.network import LevelOutput


@dataclass(frozen=True)
class LossOptions:
    """The terms and their weights; those of the paper, and the teacher's."""

    focal_beta: float = 2.0
    box_weight: float = 2.0
    point_weight: float = 0.1
    point_beta: float = 1 / 9
    """Where the smooth L1 of the points, in strides, turns from square to straight."""
    teacher_weight: float = 1.0
    """Of the terms that follow the teacher; 0 learns from labels alone."""
    teacher_score: float = 0.3
    """From this score on the teacher's boxes and points are learnt too."""


@dataclass(frozen=True)
class AnchorTargets:
    """What labels say of every anchor of a batch."""

    positive: torch.Tensor
    """(B, n) bool: a face is here."""
    ignored: torch.Tensor
    """(B, n) bool: nobody knows whether a face is here; no term counts it."""
    boxes: torch.Tensor
    """(B, n, 4) distances in strides, where `positive`."""


@dataclass(frozen=True)
class TeacherPredictions:
    """What another detector with the same anchors says at each of them."""

    scores: torch.Tensor
    """(B, n) in [0, 1]."""
    boxes: torch.Tensor
    """(B, n, 4) in strides."""
    points: torch.Tensor
    """(B, n, 10) in strides."""


def joined(levels: list[LevelOutput]) -> LevelOutput:
    """The outputs of all strides as one: (B, n), (B, n, 4), (B, n, 10)."""
    scores, boxes, points = zip(*levels, strict=True)
    return torch.cat(scores, dim=1), torch.cat(boxes, dim=1), torch.cat(points, dim=1)


def label_loss(output: LevelOutput, targets: AnchorTargets, options: LossOptions) -> torch.Tensor:
    """The loss of a batch against labelled boxes; a scalar.

    Scores follow the overlap of their own box with the face (quality focal loss; Li et al., NeurIPS 2020), and boxes
    weigh as much as the score that goes with them.
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
    output: LevelOutput, teacher: TeacherPredictions, ignored: torch.Tensor, options: LossOptions
) -> torch.Tensor:
    """The loss of a batch against a teacher's answers at the same anchors; a scalar. `ignored` (B, n) count nothing."""
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
    """Two (k,): the intersection over union, and the DIoU loss (Zheng et al., AAAI 2020), of boxes given by distances
    left, top, right and bottom from one point."""
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
