"""Random square parts of images with faces, degraded to video quality. Never used on held-out images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.training.scenes import FloatArray, ImageArray, Scene


@dataclass(frozen=True)
class SceneAugmentOptions:
    """The range of each change; probabilities are per image."""

    scales: tuple[float, ...] = (0.3, 0.3, 0.4, 0.4, 0.5, 0.5, 0.6, 0.6, 0.8, 0.8, 1.0, 1.0, 1.2, 1.4, 2.0)
    """Sides of the square to choose from, relative to the image's shorter side (the paper's sample redistribution). The
    paper trains at twice the resolution: small squares are more frequent here, so that faces are as large as there."""
    mirror_prob: float = 0.5
    max_brightness: float = 0.3
    max_contrast: float = 0.3
    max_saturation: float = 0.4
    grey_prob: float = 0.1
    blur_prob: float = 0.15
    max_blur_px: int = 9
    shrink_prob: float = 0.25
    """Probability of a lower resolution: the image is shrunk, then enlarged again."""
    min_shrink: float = 0.3
    jpeg_prob: float = 0.3
    jpeg_quality: tuple[int, int] = (15, 80)
    min_face_px: float = 5.0
    """Faces with a shorter side are ignored."""


@dataclass(frozen=True)
class Sample:
    """A square training image and its boxes."""

    image: ImageArray
    """(S, S, 3) uint8 BGR."""
    boxes: FloatArray
    """(F, 4) x1, y1, x2, y2 in pixels of `image`."""
    is_ignored: npt.NDArray[np.bool_]
    """(F,)"""


def square_part(
    scene: Scene,
    size_px: int,
    *,
    options: SceneAugmentOptions,
    rng: np.random.Generator,
    image: ImageArray | None = None,
) -> Sample:
    """A random square of the image, resized to `size_px`; grey where it extends beyond the image.

    If faces are labelled, it contains the centre of at least one. `image` is that of the scene, if it is decoded
    already.
    """
    image = scene.image_bgr() if image is None else image
    height, width = image.shape[:2]
    side = float(rng.choice(options.scales)) * min(height, width)
    faces = scene.boxes[~scene.is_ignored]
    face = rng.choice(faces) if len(faces) else None
    left = _start(width, side, None if face is None else (face[0] + face[2]) / 2, rng=rng)
    top = _start(height, side, None if face is None else (face[1] + face[3]) / 2, rng=rng)
    zoom = size_px / side
    matrix = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
    if zoom < 0.5:  # otherwise warping would skip pixels
        image = np.asarray(cv2.blur(image, (round(1 / zoom),) * 2), np.uint8)
    part = cv2.warpAffine(image, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderValue=(127, 127, 127))
    boxes = (scene.boxes - np.array([left, top, left, top], np.float32)) * np.float32(zoom)
    visible, ignored = within(boxes.astype(np.float32), scene.is_ignored, size_px, options=options)
    return Sample(np.asarray(part, np.uint8), visible, ignored)


def _start(length: int, side: float, middle: float | None, *, rng: np.random.Generator) -> float:
    """A random start of a square of this side along an image's length, such that it contains `middle` if given."""
    low, high = sorted((0.0, length - side))
    if middle is not None:
        low, high = max(low, middle - side), min(high, middle)
    return float(rng.uniform(low, max(low, high)))


def within(
    boxes: FloatArray, is_ignored: npt.NDArray[np.bool_], size_px: int, *, options: SceneAugmentOptions
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The boxes clipped to the image; those with their centre outside, and those too small, become ignored."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    is_outside = ((middles < 0) | (middles >= size_px)).any(axis=1)
    cut = boxes.clip(0, size_px)
    sides = (cut[:, 2:] - cut[:, :2]).min(axis=1, initial=np.inf)
    is_in_view = sides > 1
    ignored = is_ignored | is_outside | (sides < options.min_face_px)
    return cut[is_in_view], ignored[is_in_view]


def mirrored(sample: Sample) -> Sample:
    """The mirror image of a sample, with its boxes."""
    boxes = sample.boxes.copy()
    boxes[:, [0, 2]] = sample.image.shape[1] - sample.boxes[:, [2, 0]]
    return replace(sample, image=np.ascontiguousarray(sample.image[:, ::-1]), boxes=boxes)


def relight(image: ImageArray, options: SceneAugmentOptions, rng: np.random.Generator) -> ImageArray:
    """Changes brightness, contrast and saturation (or to grey) with one colour matrix."""
    brightness = 1 + rng.uniform(-1, 1) * options.max_brightness
    contrast = 1 + rng.uniform(-1, 1) * options.max_contrast
    saturation = 0.0 if rng.random() < options.grey_prob else 1 + rng.uniform(-1, 1) * options.max_saturation
    mix = np.full((3, 3), (1 - saturation) / 3) + np.eye(3) * saturation
    offset = np.full((3, 1), (1 - contrast) * brightness * float(np.mean(cv2.mean(image)[:3])))
    return np.asarray(cv2.transform(image, np.hstack([brightness * contrast * mix, offset])), np.uint8)


def degrade(image: ImageArray, options: SceneAugmentOptions, rng: np.random.Generator) -> ImageArray:
    """Applies motion blur (mostly horizontal), lower resolution and compression at random."""
    side = image.shape[0]
    if rng.random() < options.blur_prob:
        length = int(rng.integers(2, options.max_blur_px + 1))
        image = np.asarray(cv2.blur(image, (length, 1) if rng.random() < 0.7 else (1, length)), np.uint8)
    if rng.random() < options.shrink_prob:
        small = round(side * rng.uniform(options.min_shrink, 1))
        image = np.asarray(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < options.jpeg_prob:
        quality = int(rng.integers(*options.jpeg_quality))
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return image if image.shape[0] == side else np.asarray(cv2.resize(image, (side, side)), np.uint8)
