"""Evaluates a detector on labelled faces: average precision as in the WIDER FACE protocol, and recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facetally.detection import boxes as geometry
from facetally.detection.faces import Faces

MIN_OVERLAP = 0.5
"""A detection matches the face that it overlaps most, from this intersection over union on."""


@dataclass(frozen=True)
class LabelledFaces:
    """The labelled faces of one image, and which of them must be found."""

    boxes: npt.NDArray[np.float32]
    """(F, 4) x1, y1, x2, y2."""
    is_asked: npt.NDArray[np.bool_]
    """(F,) whether the face must be found; detections of the other faces do not count."""


@dataclass(frozen=True)
class Detections:
    """All detections that count, over many images, and the number of faces that had to be found."""

    scores: npt.NDArray[np.float64]
    """(D,)"""
    is_right: npt.NDArray[np.bool_]
    """(D,) whether it is the best detection of a face; duplicates and detections of no face are false positives."""
    asked_count: int

    @property
    def average_precision(self) -> float:
        """The area under the interpolated precision-recall curve; NaN without a face.

        As in the evaluation code of WIDER FACE (Yang et al., CVPR 2016), but without its rounding to 1,000 thresholds.
        """
        if not self.asked_count:
            return float("nan")
        order = np.argsort(-self.scores, kind="stable")
        right = np.cumsum(self.is_right[order])
        recall = np.concatenate([[0.0], right / self.asked_count, [1.0]])
        precision = np.concatenate([[0.0], right / np.arange(1, len(right) + 1), [0.0]])
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(np.diff(recall) * envelope[1:]))

    def recall_at(self, min_score: float) -> float:
        """Share of the faces that have a detection with at least this score; NaN without a face."""
        right = int((self.is_right & (self.scores >= min_score)).sum())
        return right / self.asked_count if self.asked_count else float("nan")


def matched(found: Sequence[Faces], labelled: Sequence[LabelledFaces], *, pixel: float = 0.0) -> Detections:
    """Matches the detections of each image to its faces, best score first.

    Args:
        found: of each image.
        labelled: of each image.
        pixel: added to the width and height of every box: 1 where a box is counted in pixels, including its last ones.
    """
    scores, is_right = [np.zeros(0)], [np.zeros(0, bool)]
    for faces, labels in zip(found, labelled, strict=True):
        right, counts = _matched_in_image(faces, labels, pixel)
        scores.append(faces.scores[counts].astype(np.float64))
        is_right.append(right[counts])
    asked_count = sum(int(labels.is_asked.sum()) for labels in labelled)
    return Detections(np.concatenate(scores), np.concatenate(is_right), asked_count)


def _matched_in_image(
    faces: Faces, labels: LabelledFaces, pixel: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Two (N,): whether a detection is a true positive, and whether it counts."""
    is_right, counts = np.zeros(len(faces), bool), np.ones(len(faces), bool)
    if not len(faces) or not len(labels.boxes):
        return is_right, counts
    grown = np.array([0, 0, pixel, pixel], np.float32)
    overlaps = geometry.iou_matrix(faces.boxes + grown, labels.boxes + grown)
    best = overlaps.argmax(axis=1)
    taken = np.zeros(len(labels.boxes), bool)
    for row in np.argsort(-faces.scores, kind="stable"):
        face = best[row]
        if overlaps[row, face] < MIN_OVERLAP:
            continue
        if not labels.is_asked[face]:
            counts[row] = False
        elif not taken[face]:
            taken[face] = is_right[row] = True
    return is_right, counts
