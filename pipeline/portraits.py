"""Cuts the crop of the one face in a portrait, for training and evaluation on pictures instead of video."""

from __future__ import annotations

import numpy as np

from detection import boxes as geometry
from detection.crops import CropRecipe, cut_crops
from detection.faces import Faces, ImageArray
from detection.scrfd import ScrfdDetector, ScrfdOptions

PORTRAIT_DETECTION = ScrfdOptions(input_px=128, min_score=0.3, wide_px=64, wide_min_height=0.3)
"""Data sets of faces show one, and it nearly fills the picture: little resolution is enough."""


def portrait_crop(
    detector: ScrfdDetector, image_bgr: ImageArray, recipe: CropRecipe, margin_px: int = 0
) -> ImageArray | None:
    """The aligned crop of the most central face.

    Args:
        detector: made with `PORTRAIT_DETECTION`.
        image_bgr: (H, W, 3) uint8 BGR.
        recipe, margin_px: as in `detection.crops.cut_crops`.

    Returns:
        (S + 2m, S + 2m, 3) uint8 RGB, or None where no face is found.
    """
    faces = detector.detect([image_bgr])[0]
    if not len(faces):
        return None
    return cut_crops(image_bgr, most_central(faces, image_bgr.shape[:2]), recipe, margin_px)[0]


def most_central(faces: Faces, frame_hw: tuple[int, int]) -> Faces:
    """The one of at least one faces whose centre is nearest to the frame's centre, in its own sizes."""
    middle = np.array([frame_hw[1] / 2, frame_hw[0] / 2], np.float32)
    distance = np.linalg.norm(geometry.centres(faces.boxes) - middle, axis=1) / geometry.sizes(faces.boxes)
    best = int(np.argmin(distance))
    return faces[best : best + 1]
