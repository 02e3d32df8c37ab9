from __future__ import annotations

import cv2
import numpy as np
import pytest

from facetally.detection.crops import ARCFACE_TEMPLATE_112
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.quality import crop_quality, frontality, geometric_quality, sharpness


def face(height_px: float = 100.0, score: float = 1.0, nose: float = 0.5, degrees: float = 0.0) -> Faces:
    """A face with its nose at this share of the way from the left to the right eye, and its head tilted."""
    x = np.array([0, 40, 40 * nose, 5, 35])
    y = np.array([0, 0, 25, 45, 45])
    turn = np.exp(1j * np.radians(degrees))
    points = (x + 1j * y) * turn + (200 + 300j)
    landmarks = np.stack([points.real, points.imag], axis=1)[None].astype(np.float32)
    box = np.array([[0, 0, 80, height_px]], np.float32)
    return Faces(box, np.array([score], np.float32), landmarks)


def checks(contrast: int, square_px: int = 8) -> ImageArray:
    """(1, 112, 112, 3) RGB checkerboard with this difference in grey level."""
    y, x = np.mgrid[:112, :112] // square_px
    return np.repeat(((x + y) % 2 * contrast + 60)[None, ..., None], 3, axis=3).astype(np.uint8)


@pytest.mark.parametrize(
    ("nose", "expected"),
    [(0.5, 1.0), (0.25, 0.5), (0.75, 0.5), (0.0, 0.0), (1.0, 0.0), (1.4, 0.0), (-0.4, 0.0)],
)
@pytest.mark.parametrize("degrees", [0.0, 30.0, -90.0])
def test_frontality_is_1_for_a_frontal_face_and_0_for_a_profile_at_any_tilt(
    nose: float, expected: float, degrees: float
) -> None:
    assert frontality(face(nose=nose, degrees=degrees)) == pytest.approx(expected, abs=1e-4)


def test_the_template_face_is_frontal_and_coinciding_eyes_are_not() -> None:
    landmarks = np.stack([ARCFACE_TEMPLATE_112, np.full((5, 2), 30.0)]).astype(np.float32)
    found = frontality(Faces(np.zeros((2, 4), np.float32), np.ones(2, np.float32), landmarks))
    assert found[0] > 0.98
    assert found[1] == 0


@pytest.mark.parametrize(
    ("height_px", "score", "nose", "expected"),
    [(100, 1.0, 0.5, 1.0), (80, 1.0, 0.5, 1.0), (20, 1.0, 0.5, 0.5), (20, 0.6, 0.25, 0.15), (0, 1.0, 0.5, 0.0)],
)
def test_geometric_quality_by_hand(height_px: float, score: float, nose: float, expected: float) -> None:
    assert geometric_quality(face(height_px, score, nose)) == pytest.approx(expected, abs=1e-4)


def test_a_blurred_crop_is_less_sharp_and_a_flat_one_has_sharpness_zero() -> None:
    sharp = checks(contrast=30)
    blurred = np.stack([cv2.GaussianBlur(crop, (0, 0), 2.0) for crop in sharp])
    flat = np.full_like(sharp, 120)
    a, b, c = sharpness(np.concatenate([sharp, blurred, flat]))
    assert a == 1
    assert 0 < b < 0.5
    assert c == 0


def test_sharpness_does_not_depend_on_the_size_of_the_crop() -> None:
    small = np.stack([cv2.GaussianBlur(crop, (0, 0), 2.0) for crop in checks(contrast=30)])
    large = np.stack([cv2.resize(crop, (160, 160), interpolation=cv2.INTER_CUBIC) for crop in small])
    assert sharpness(large) == pytest.approx(sharpness(small), rel=0.1)


def test_sharpness_depends_on_the_middle_only() -> None:
    framed = np.full((1, 112, 112, 3), 120, np.uint8)
    framed[:, :15], framed[:, -15:], framed[:, :, :15], framed[:, :, -15:] = 0, 255, 255, 0
    assert sharpness(framed) == 0


def test_crop_quality_is_halved_by_full_blur_and_unchanged_by_full_sharpness() -> None:
    crops = np.concatenate([checks(contrast=200), np.full((1, 112, 112, 3), 120, np.uint8)])
    np.testing.assert_allclose(crop_quality(np.array([0.8, 0.8], np.float32), crops), [0.8, 0.4], rtol=1e-6)


def test_no_faces_have_no_quality() -> None:
    assert geometric_quality(Faces.empty()).shape == (0,)
    assert sharpness(np.zeros((0, 112, 112, 3), np.uint8)).shape == (0,)
