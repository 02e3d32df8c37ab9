"""Assigns anchors to faces: adaptive training sample selection (ATSS; Zhang et al., CVPR 2020).

The candidates are each face's nearest anchors on every stride. A candidate is positive if its overlap with the face is
at least the mean plus one standard deviation of the candidates' overlaps, and its cell is inside the face.
"""

from __future__ import annotations

import torch

from facetally.detection.training.network import ANCHORS_PER_CELL, STRIDES

ANCHOR_SIZES_PX = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
"""Sides of the square anchors of each stride."""
NEAREST = 9
"""Number of candidate anchors per face and stride."""


def anchor_centres(height_px: int, width_px: int) -> torch.Tensor:
    """(n, 3) x, y in pixels and the stride of every anchor, in the order of the network's outputs."""
    parts = []
    for stride in STRIDES:
        y, x = torch.meshgrid(torch.arange(height_px // stride), torch.arange(width_px // stride), indexing="ij")
        cells = torch.stack([x.flatten() * stride, y.flatten() * stride, torch.full((x.numel(),), stride)], dim=1)
        parts.append(cells.repeat_interleave(ANCHORS_PER_CELL, dim=0))
    return torch.cat(parts).float()


def anchor_boxes(centres: torch.Tensor) -> torch.Tensor:
    """(n, 4) x1, y1, x2, y2 of the anchors of `anchor_centres`."""
    half = torch.empty(len(centres))
    for stride, sizes in ANCHOR_SIZES_PX.items():
        rows = (centres[:, 2] == stride).nonzero()[:, 0]
        half[rows] = torch.tensor(sizes, dtype=torch.float32).repeat(len(rows) // len(sizes)) / 2
    return torch.cat([centres[:, :2] - half[:, None], centres[:, :2] + half[:, None]], dim=1)


def iou_matrix(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """(N, M) intersection over union of (N, 4) and (M, 4) boxes."""
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    inner = (high - low).clamp(min=0).prod(dim=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1), (others[:, 2:] - others[:, :2]).prod(dim=1)
    return inner / (areas[0][:, None] + areas[1][None, :] - inner).clamp(min=1e-6)


def assign(centres: torch.Tensor, anchors: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Assigns a face to each anchor.

    Args:
        centres: (n, 3) of `anchor_centres`.
        anchors: (n, 4) of `anchor_boxes`.
        faces: (F, 4) x1, y1, x2, y2 in pixels.

    Returns:
        (n,) int64 row of the face assigned to each anchor, -1 for none.
    """
    owner = torch.full((len(anchors),), -1)
    if not len(faces):
        return owner
    overlaps = iou_matrix(anchors, faces)  # (n, F)
    middles = (faces[:, :2] + faces[:, 2:]) / 2
    distances = torch.cdist(centres[:, :2], middles)
    candidates = torch.cat([_nearest(distances, centres[:, 2] == stride) for stride in STRIDES])  # (c, F)
    near = overlaps.gather(0, candidates)
    enough = near.mean(dim=0) + near.std(dim=0)
    at = centres[candidates, :2]  # (c, F, 2)
    inside = torch.cat([at - faces[None, :, :2], faces[None, :, 2:] - at], dim=2).min(dim=2).values > 0.01
    chosen = torch.full_like(overlaps, -1.0).scatter_(0, candidates, torch.where((near >= enough) & inside, near, -1.0))
    best, face = chosen.max(dim=1)
    owner[best >= 0] = face[best >= 0]
    return owner


def _nearest(distances: torch.Tensor, on_stride: torch.Tensor) -> torch.Tensor:
    """(k, F) rows of the anchors of one stride that are nearest to each face."""
    rows = on_stride.nonzero()[:, 0]
    count = min(NEAREST, len(rows))
    return rows[distances[rows].topk(count, dim=0, largest=False).indices]
