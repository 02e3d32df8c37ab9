"""The quality of a face crop in [0, 1], from its size, sharpness, frontality and detection score."""

from __future__ import annotations

import cv2
import numpy as np

from facetally.detection import boxes as geometry
from facetally.detection.faces import Faces, FloatArray, ImageArray

GOOD_HEIGHT_PX = 80.0
"""Faces of at least this height have full quality for size."""
GOOD_SHARPNESS = 12.0
"""Root mean square of the Laplacian of an aligned crop of `SHARPNESS_PX` from which on it is fully sharp."""
SHARPNESS_PX = 112


def geometric_quality(faces: Faces) -> FloatArray:
    """(N,) in [0, 1] from the detection alone: size x frontality x score."""
    size = np.clip(geometry.heights(faces.boxes) / GOOD_HEIGHT_PX, 0, 1)
    return np.asarray(np.sqrt(size) * frontality(faces) * faces.scores, np.float32)


def frontality(faces: Faces) -> FloatArray:
    """(N,) in [0, 1]: 1 if the nose is midway between the eyes, 0 if it is at or beyond one of them (profile)."""
    left_eye, right_eye, nose = (faces.landmarks[:, i] for i in range(3))
    axis = right_eye - left_eye
    length_squared = np.maximum((axis**2).sum(axis=1), 1e-6)
    along = ((nose - left_eye) * axis).sum(axis=1) / length_squared  # 0 at the left eye, 1 at the right
    return np.asarray(np.clip(1 - np.abs(2 * along - 1), 0, 1), np.float32)


def sharpness(crops: ImageArray) -> FloatArray:
    """(N,) in [0, 1] of (N, S, S, 3) uint8 RGB aligned crops: the centre's Laplacian, relative to `GOOD_SHARPNESS`.

    Crops are first resized to `SHARPNESS_PX`: an edge spread over more pixels has a smaller Laplacian.
    """
    values = np.zeros(len(crops), np.float32)
    middle = slice(SHARPNESS_PX // 6, -SHARPNESS_PX // 6)
    for index, crop in enumerate(crops):
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        if len(grey) != SHARPNESS_PX:
            grey = cv2.resize(grey, (SHARPNESS_PX, SHARPNESS_PX), interpolation=cv2.INTER_AREA)
        grey = grey[middle, middle]
        values[index] = np.sqrt(np.mean(cv2.Laplacian(grey, cv2.CV_32F) ** 2))
    return np.asarray(np.clip(values / GOOD_SHARPNESS, 0, 1), np.float32)


def crop_quality(geometric: FloatArray, crops: ImageArray) -> FloatArray:
    """(N,) in [0, 1]: `geometric_quality`, reduced by up to half for blur."""
    return np.asarray(geometric * (0.5 + 0.5 * sharpness(crops)), np.float32)
