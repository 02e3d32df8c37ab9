"""Random versions of stored face crops that look like faces in video. Never used on held-out faces.

The imaging chain is simulated in its physical order: imprecise landmarks, a hand or microphone before the face, light,
motion blur, few pixels, noise and compression, and enlargement to the size of the crop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from facetally.detection.faces import FloatArray, ImageArray


@dataclass(frozen=True)
class FaceAugmentOptions:
    """The range of each change; probabilities are per crop."""

    mirror_prob: float = 0.5
    max_turn_degrees: float = 8.0
    max_shift: float = 0.04
    """As a share of the crop's side."""
    zoom: tuple[float, float] = (0.92, 1.1)
    max_brightness: float = 0.35
    max_contrast: float = 0.3
    max_tint: float = 0.12
    max_gamma_log: float = 0.6
    gamma_prob: float = 0.3
    saturation: tuple[float, float] = (0.6, 1.3)
    grey_prob: float = 0.08
    cover_prob: float = 0.1
    """One rectangle of noise or of one colour over part of the crop."""
    blur_prob: float = 0.25
    max_blur_px: int = 7
    shrink_prob: float = 0.5
    min_side_px: int = 20
    """Smallest side of the whole crop to which it is shrunk before it is enlarged again; the face's height is about
    two thirds of it."""
    noise_prob: float = 0.2
    max_noise: float = 12.0
    jpeg_prob: float = 0.45
    jpeg_quality: tuple[int, int] = (12, 80)


def augmented(
    crop: ImageArray, size_px: int, zoom: float, *, options: FaceAugmentOptions, rng: np.random.Generator
) -> ImageArray:
    """One random version of a crop.

    Args:
        crop: (O, O, 3) uint8 RGB, stored with a margin.
        size_px: S, the side of the result.
        zoom: network pixels per stored pixel, without augmentation.
        options: ranges and probabilities.
        rng: the source of randomness.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    moved = _moved(crop, size_px, zoom, options=options, rng=rng)
    if rng.random() < options.cover_prob:
        moved = _covered(moved, rng)
    return _recorded(_relit(moved, options, rng), options, rng)


def plain(crop: ImageArray, size_px: int, zoom: float) -> ImageArray:
    """The crop as inference would cut it, up to interpolation; shapes as in `augmented`."""
    side = round(size_px / zoom)
    first = (crop.shape[0] - side) // 2
    middle = crop[first : first + side, first : first + side]
    return np.asarray(cv2.resize(middle, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)


def _moved(
    crop: ImageArray, size_px: int, zoom: float, *, options: FaceAugmentOptions, rng: np.random.Generator
) -> ImageArray:
    angle = math.radians(rng.uniform(-1, 1) * options.max_turn_degrees)
    scale = zoom * math.exp(rng.uniform(*np.log(options.zoom)))
    mirror = -1.0 if rng.random() < options.mirror_prob else 1.0
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = scale * turn @ np.diag([mirror, 1.0])
    shift = rng.uniform(-1, 1, 2) * options.max_shift * size_px
    centre = np.full(2, (crop.shape[0] - 1) / 2)
    matrix = np.column_stack([linear, (size_px - 1) / 2 + shift - linear @ centre])
    moved = cv2.warpAffine(crop, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _covered(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    side = crop.shape[0]
    width, height = rng.integers(side // 8, side // 2, 2)
    x, y = rng.integers(0, side - width + 1), rng.integers(0, side - height + 1)
    crop = crop.copy()
    noise = rng.integers(0, 40, (height, width, 3)) if rng.random() < 0.5 else 0
    crop[y : y + height, x : x + width] = np.clip(rng.integers(0, 256, 3) + noise, 0, 255)
    return crop


def _relit(crop: ImageArray, options: FaceAugmentOptions, rng: np.random.Generator) -> ImageArray:
    """Changes gamma, brightness, contrast and tint, or to grey, with one lookup table and one matrix."""
    if rng.random() < options.gamma_prob:
        exponent = math.exp(rng.uniform(-1, 1) * options.max_gamma_log)
        crop = np.asarray(cv2.LUT(crop, (255 * np.linspace(0, 1, 256) ** exponent + 0.5).astype(np.uint8)), np.uint8)
    contrast = 1 + rng.uniform(-1, 1) * options.max_contrast
    saturation = 0.0 if rng.random() < options.grey_prob else rng.uniform(*options.saturation)
    light = (1 + rng.uniform(-1, 1) * options.max_brightness) * (1 + rng.uniform(-1, 1, 3) * options.max_tint)
    mix = np.full((3, 3), (1 - saturation) / 3) + np.eye(3) * saturation
    level = float(np.mean(cv2.mean(crop)[:3]))  # contrast is relative to the crop's mean
    matrix = np.column_stack([contrast * light[:, None] * mix, (1 - contrast) * level * light])
    return np.asarray(cv2.transform(crop, matrix), np.uint8)


def _recorded(crop: ImageArray, options: FaceAugmentOptions, rng: np.random.Generator) -> ImageArray:
    """Applies motion blur, few pixels, noise and compression at random, then enlarges to the same size again."""
    side = size_px = crop.shape[0]
    if rng.random() < options.blur_prob:
        crop = np.asarray(cv2.filter2D(crop, -1, _line(int(rng.integers(2, options.max_blur_px + 1)), rng)), np.uint8)
    if rng.random() < options.shrink_prob:
        side = round(math.exp(rng.uniform(math.log(options.min_side_px), math.log(size_px))))
        crop = np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < options.noise_prob:
        noise = rng.standard_normal(crop.shape, np.float32) * np.float32(rng.uniform(0, options.max_noise))
        crop = np.clip(crop + noise, 0, 255).astype(np.uint8)
    if rng.random() < options.jpeg_prob:
        quality = int(rng.integers(*options.jpeg_quality))
        _, packed = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
        crop = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    if side != size_px:
        crop = np.asarray(cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_LINEAR), np.uint8)
    return crop


def _line(length_px: int, rng: np.random.Generator) -> FloatArray:
    """A straight line through the centre of a square kernel, summing to 1."""
    angle = rng.uniform(0, math.pi)
    along = np.linspace(-1, 1, 3 * length_px) * (length_px - 1) / 2
    kernel = np.zeros((length_px, length_px), np.float32)
    middle = (length_px - 1) / 2
    kernel[
        np.rint(middle + along * math.sin(angle)).astype(int), np.rint(middle + along * math.cos(angle)).astype(int)
    ] = 1
    return np.asarray(kernel / kernel.sum(), np.float32)
