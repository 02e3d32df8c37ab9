"""Blurred grey crops as vectors, to stand beside those of a network, and how long a network takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from facetally.detection.crops import CropRecipe, cut_crops
from facetally.detection.embedding import FaceEmbedder
from facetally.detection.faces import Faces, FloatArray, ImageArray
from facetally.detection.training.embedding_faces import STORED_CROP

GREY_PX, GREY_SIGMA = 32, 2.0
"""Side and blur of the grey crops."""

Describe = Callable[[ImageArray, Faces], FloatArray]
"""From an image, BGR, and N faces in it to (N, D) unit vectors."""


def grey_vectors(image: ImageArray, faces: Faces) -> FloatArray:
    """Blurred grey crops without their mean, of length 1: their scalar product is the correlation."""
    crops = cut_crops(image, faces, CropRecipe(GREY_PX, STORED_CROP.template_scale))
    return grey_vectors_of(crops)


def grey_vectors_of(crops: ImageArray) -> FloatArray:
    """The same of crops, (N, S, S, 3) uint8 RGB."""
    blurred = [cv2.GaussianBlur(crop.mean(axis=2, dtype=np.float32), (0, 0), GREY_SIGMA).ravel() for crop in crops]
    flat = np.array(blurred, np.float32).reshape(len(crops), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def speed_ms(embedder: FaceEmbedder, repeats: int = 30) -> dict[str, float]:
    """The shortest time per face, by the number of faces at once."""
    side, rng = embedder.recipe.size_px, np.random.default_rng(0)
    result = {}
    for count in (1, 4, 8, 16):
        crops = rng.integers(0, 256, (count, side, side, 3), np.uint8)
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            embedder.embed(crops)
            times.append(time.perf_counter() - start)
        result[str(count)] = round(1000 * min(times) / count, 3)
    return result
