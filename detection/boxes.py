"""Pure geometry of boxes: (N, 4) arrays of x1, y1, x2, y2 in pixels."""

from __future__ import annotations

import numpy as np

from facetally.detection.faces import FloatArray, IntArray

SUPPRESSION_BLOCK = 32
"""Boxes that are compared with all others at once."""


def widths(boxes: FloatArray) -> FloatArray:
    """(N,) widths in pixels, never negative."""
    return np.asarray(np.maximum(boxes[:, 2] - boxes[:, 0], 0))


def heights(boxes: FloatArray) -> FloatArray:
    """(N,) heights in pixels, never negative."""
    return np.asarray(np.maximum(boxes[:, 3] - boxes[:, 1], 0))


def areas(boxes: FloatArray) -> FloatArray:
    """(N,) areas in square pixels."""
    return widths(boxes) * heights(boxes)


def centres(boxes: FloatArray) -> FloatArray:
    """(N, 2) x, y of the centres."""
    return ((boxes[:, :2] + boxes[:, 2:]) / 2).astype(np.float32)


def sizes(boxes: FloatArray) -> FloatArray:
    """(N,) geometric mean of width and height in pixels."""
    return np.sqrt(areas(boxes))


def shared_areas(a: FloatArray, b: FloatArray) -> FloatArray:
    """(N, M) intersection in square pixels of every box in `a` (N, 4) with every box in `b` (M, 4)."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.prod(np.maximum(bottom_right - top_left, 0), axis=2))


def iou_matrix(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of every box in `a` (N, 4) with every box in `b` (M, 4): (N, M) in [0, 1]."""
    shared = shared_areas(a, b)
    union = areas(a)[:, None] + areas(b)[None, :] - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float32).eps), np.float32)


def non_maximum_suppression(boxes: FloatArray, scores: FloatArray, max_iou: float) -> IntArray:
    """Indices of the boxes to keep, best score first; ties go to the lower index.

    A box is dropped if its overlap with a better kept box exceeds `max_iou`.
    """
    left = np.argsort(-scores, kind="stable")
    if len(left) < 2:  # most often
        return left
    kept = []
    while len(left):  # a block at a time: the whole matrix of a noisy image would not fit into memory
        block, left = left[:SUPPRESSION_BLOCK], left[SUPPRESSION_BLOCK:]
        overlaps = iou_matrix(boxes[block], boxes[block]) > max_iou
        is_kept = np.ones(len(block), bool)
        for row in range(len(block)):
            if is_kept[row]:
                is_kept[row + 1 :] &= ~overlaps[row, row + 1 :]
        kept.append(block[is_kept])
        if len(left):
            left = left[~(iou_matrix(boxes[kept[-1]], boxes[left]) > max_iou).any(axis=0)]
    return np.concatenate(kept)
