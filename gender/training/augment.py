"""Random augmentation of training crops, so that photographs look like video. Never used on held-out images.

A crop is moved first (mirror, rotation, shear, zoom, shift), as imprecise landmarks would. Then the imaging chain is
simulated in its physical order: occlusion, lighting, lens and motion blur, lower resolution and sensor noise,
compression, and finally enlargement to the size of the crop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

ImageArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class AugmentOptions:
    """The range of each change: half-widths of uniform draws around "no change", and probabilities per crop."""

    mirror_prob: float = 0.5
    max_turn_degrees: float = 12.0
    max_shear: float = 0.0
    stretch_prob: float = 0.0
    """Makes the crop wider or narrower, as pixels that are taken for square do."""
    max_stretch: float = 1.4
    """Highest ratio of width to height, whose inverse is the lowest; log-uniform."""
    max_shift: float = 0.04
    """As a share of the crop's side."""
    zoom: tuple[float, float] = (0.92, 1.08)
    """Lowest and highest magnification, log-uniform; below 1 shows more around the face."""
    max_brightness: float = 0.3
    max_contrast: float = 0.3
    max_saturation: float = 0.4
    max_tint: float = 0.0
    gamma_prob: float = 0.0
    max_gamma_log: float = 0.8
    """Half-width of the logarithm of the gamma exponent."""
    grey_prob: float = 0.0
    cover_prob: float = 0.0
    """One plain rectangle over part of the crop."""
    record_prob: float = 1.0
    """Probability of any of the lens, sensor and codec effects below; the other crops stay sharp."""
    blur_prob: float = 0.0
    max_blur_share: float = 0.1
    """Longest path of the motion blur, as a share of the side."""
    shrink_prob: float = 0.0
    min_side_px: int = 14
    """Smallest side to which the crop is shrunk before it is enlarged again."""
    noise_prob: float = 0.0
    max_noise: float = 0.07
    """Highest standard deviation, as a share of white."""
    jpeg_prob: float = 0.0
    jpeg_quality: tuple[int, int] = (15, 90)
    """[lowest, highest) quality, applied at the shrunk size, as a codec would."""


VIDEO = AugmentOptions(
    zoom=(0.9, 1.1),
    max_tint=0.1,
    gamma_prob=0.25,
    grey_prob=0.06,
    cover_prob=0.1,
    record_prob=0.4,
    blur_prob=0.25,
    shrink_prob=0.5,
    noise_prob=0.35,
    jpeg_prob=0.5,
)
"""Makes web photographs look like video frames."""


def augment(
    crop: ImageArray, size_px: int, margin: float, *, options: AugmentOptions, rng: np.random.Generator
) -> ImageArray:
    """Draws one random version of a crop.

    Args:
        crop: (O, O, 3) uint8 RGB, with a margin to rotate and shift in.
        size_px: S, the side of the result.
        margin: the margin on each side, as a share of O.
        options: ranges and probabilities.
        rng: the source of randomness.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    moved = move(crop, size_px, margin, options=options, rng=rng)
    covered = cover(moved, options, rng)
    lit = relight(covered, options, rng)
    return record(lit, options, rng)


def move(
    crop: ImageArray, size_px: int, margin: float, *, options: AugmentOptions, rng: np.random.Generator
) -> ImageArray:
    """Mirrors, rotates, shears, zooms and shifts in one bilinear resampling; shapes as in `augment`."""
    outer = crop.shape[0]
    angle = math.radians(rng.uniform(-1, 1) * options.max_turn_degrees)
    zoom = math.exp(rng.uniform(*np.log(options.zoom))) * size_px / (outer * (1 - 2 * margin))
    mirror = -1.0 if rng.random() < options.mirror_prob else 1.0
    shear = rng.uniform(-1, 1) * options.max_shear
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = zoom * turn @ np.array([[mirror, shear], [0.0, 1.0]])
    if options.stretch_prob and rng.random() < options.stretch_prob:  # at 0 nothing is drawn
        ratio = math.exp(rng.uniform(-1, 1) * math.log(options.max_stretch))
        linear = np.diag([math.sqrt(ratio), 1 / math.sqrt(ratio)]) @ linear  # its alignment keeps a face's size
    shift = rng.uniform(-1, 1, 2) * options.max_shift * size_px
    centre = np.full(2, (outer - 1) / 2)
    matrix = np.column_stack([linear, (size_px - 1) / 2 + shift - linear @ centre])
    moved = cv2.warpAffine(crop, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def cover(crop: ImageArray, options: AugmentOptions, rng: np.random.Generator) -> ImageArray:
    """With `cover_prob`, fills a rectangle of a tenth to a half of each side with one colour."""
    if rng.random() >= options.cover_prob:
        return crop
    side = crop.shape[0]
    width, height = rng.integers(side // 10, side // 2, 2)
    x, y = rng.integers(0, side - width + 1), rng.integers(0, side - height + 1)
    covered = crop.copy()
    covered[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    return covered


def relight(crop: ImageArray, options: AugmentOptions, rng: np.random.Generator) -> ImageArray:
    """Changes gamma, brightness, saturation (or to grey), contrast and tint, with one lookup table and one matrix."""
    if rng.random() < options.gamma_prob:
        exponent = math.exp(rng.uniform(-1, 1) * options.max_gamma_log)
        table = (255 * np.linspace(0, 1, 256) ** exponent + 0.5).astype(np.uint8)
        crop = np.asarray(cv2.LUT(crop, table), np.uint8)
    brightness = 1 + rng.uniform(-1, 1) * options.max_brightness
    saturation = 0.0 if rng.random() < options.grey_prob else 1 + rng.uniform(-1, 1) * options.max_saturation
    contrast = 1 + rng.uniform(-1, 1) * options.max_contrast
    tint = 1 + rng.uniform(-1, 1, 3) * options.max_tint
    mix = (
        np.full((3, 3), (1 - saturation) / 3) + np.eye(3) * saturation
    )  # interpolates between the pixel's mean and its colour
    matrix = brightness * contrast * tint[:, None] * mix
    level = brightness * float(np.mean(cv2.mean(crop)[:3]))  # contrast is relative to the crop's mean
    offset = (1 - contrast) * level * tint
    return np.asarray(cv2.transform(crop, np.column_stack([matrix, offset])), np.uint8)


def record(crop: ImageArray, options: AugmentOptions, rng: np.random.Generator) -> ImageArray:
    """Applies motion blur, lower resolution, noise and compression at random, then enlarges to the same size again."""
    size_px = crop.shape[0]
    if rng.random() >= options.record_prob:
        return crop
    if rng.random() < options.blur_prob:
        crop = np.asarray(cv2.filter2D(crop, -1, _motion_kernel(size_px, options, rng)), np.uint8)
    side = size_px
    if rng.random() < options.shrink_prob:
        side = int(math.exp(rng.uniform(math.log(options.min_side_px), math.log(size_px))))
        crop = np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < options.noise_prob:
        noise = rng.standard_normal(crop.shape, np.float32) * np.float32(255 * rng.uniform(0, options.max_noise))
        crop = np.clip(crop + noise, 0, 255).astype(np.uint8)
    if rng.random() < options.jpeg_prob:
        quality = int(rng.integers(*options.jpeg_quality))
        _, packed = cv2.imencode(".jpg", crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        crop = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB), np.uint8)
    if side != size_px:
        interpolation = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
        crop = np.asarray(cv2.resize(crop, (size_px, size_px), interpolation=interpolation), np.uint8)
    return crop


def _motion_kernel(size_px: int, options: AugmentOptions, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A straight line through the centre of a square kernel, summing to 1."""
    side = int(rng.integers(2, max(int(options.max_blur_share * size_px), 2) + 1))
    angle = rng.uniform(0, math.pi)
    along = np.linspace(-1, 1, 3 * side) * (side - 1) / 2
    kernel = np.zeros((side, side), np.float32)
    rows = np.rint((side - 1) / 2 + along * math.sin(angle)).astype(int)
    columns = np.rint((side - 1) / 2 + along * math.cos(angle)).astype(int)
    kernel[rows, columns] = 1
    return np.asarray(kernel / kernel.sum(), np.float32)
