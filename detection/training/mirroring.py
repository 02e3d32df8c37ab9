"""Predictions at every anchor of a mirrored image, from those of the image itself.

Anchors are at x = 0, stride, 2 strides, ...; so the mirror image of each is another one, except for those at x = 0.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from facetally.detection.training.losses import TeacherPredictions
from facetally.detection.training.network import ANCHORS_PER_CELL, STRIDES

MIRRORED_SIDES = (2, 1, 0, 3)
"""Left, top, right, bottom in the mirror image."""
MIRRORED_POINTS = (1, 0, 2, 4, 3)
"""Left and right eye, nose, left and right corner of the mouth in the mirror image."""


@lru_cache(maxsize=4)
def mirrored_anchors(size_px: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two (n,): the mirror image of every anchor of a square image, and whether it has one; itself if it has none."""
    rows, start = [], 0
    for stride in STRIDES:
        cells = size_px // stride
        count = cells * cells * ANCHORS_PER_CELL
        grid = torch.arange(start, start + count).reshape(cells, cells, ANCHORS_PER_CELL)
        rows.append(torch.cat([grid[:, :1], grid[:, 1:].flip(1)], dim=1).flatten())
        start += count
    has_mirror = torch.cat(
        [
            torch.arange(size_px // stride).repeat_interleave(ANCHORS_PER_CELL).repeat(size_px // stride) > 0
            for stride in STRIDES
        ]
    )
    return torch.cat(rows), has_mirror


def mirrored_predictions(predictions: TeacherPredictions, size_px: int) -> TeacherPredictions:
    """The predictions for the mirror images; those at anchors without a mirror image have no meaning."""
    rows, _ = mirrored_anchors(size_px)
    boxes = predictions.boxes[:, rows][..., MIRRORED_SIDES]
    points = predictions.points[:, rows].reshape(*predictions.scores.shape, 5, 2)[..., MIRRORED_POINTS, :]
    points = points * torch.tensor([-1.0, 1.0], dtype=points.dtype)
    return TeacherPredictions(predictions.scores[:, rows], boxes, points.flatten(-2))


def averaged(one: TeacherPredictions, of_mirrored: TeacherPredictions, size_px: int) -> TeacherPredictions:
    """The mean of the predictions for images and, mirrored back, of those for their mirror images.

    Boxes and points are weighted by the scores.
    """
    other, has_mirror = mirrored_predictions(of_mirrored, size_px), mirrored_anchors(size_px)[1]
    share = one.scores / (one.scores + other.scores).clamp(min=1e-9)
    share = torch.where(has_mirror, share, torch.ones(()))[..., None]
    return TeacherPredictions(
        torch.where(has_mirror, (one.scores + other.scores) / 2, one.scores),
        one.boxes * share + other.boxes * (1 - share),
        one.points * share + other.points * (1 - share),
    )
