from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from facetally.detection.crops import ARCFACE_TEMPLATE_112, CropRecipe, alignment_matrices, cut_crops
from facetally.detection.faces import Faces, ImageArray

Points = npt.NDArray[np.float64]


def faces_at(*points: Points) -> Faces:
    """Faces with these (5, 2) landmarks; their boxes and scores play no part in cropping."""
    count = len(points)
    landmarks = np.array(points, np.float32).reshape(count, 5, 2)
    return Faces(np.zeros((count, 4), np.float32), np.ones(count, np.float32), landmarks)


def similarity(scale: float, degrees: float, dx: float, dy: float) -> Points:
    """(2, 3) matrix that scales, rotates clockwise (y points down) and then shifts."""
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[c, -s, dx], [s, c, dy]])


def moved(points: Points, matrix: Points) -> Points:
    return points @ matrix[:, :2].T + matrix[:, 2]


def wave_colours(xy: Points, period_px: float) -> ImageArray:
    """(..., 3) BGR at (..., 2) positions of a smooth image in which every position within a period is different."""
    x, y = np.moveaxis(xy, -1, 0) * (2 * np.pi / period_px)
    return (128 + 120 * np.stack([np.sin(x), np.sin(y), np.cos(x + y)], axis=-1)).round().astype(np.uint8)


def grid(height: int, width: int) -> Points:
    """(height, width, 2) x, y of every pixel."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float64)


def waves(side: int, period_px: float) -> ImageArray:
    return wave_colours(grid(side, side), period_px)


def difference(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Mean absolute difference of the grey levels."""
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def test_landmarks_on_the_template_give_the_image_itself() -> None:
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    (crop,) = cut_crops(image, faces_at(ARCFACE_TEMPLATE_112), CropRecipe())
    assert np.abs(crop.astype(int) - image[..., ::-1]).max() <= 1


def test_a_crop_is_in_rgb() -> None:
    blue_in_bgr = np.full((112, 112, 3), (255, 0, 0), np.uint8)
    crops = cut_crops(blue_in_bgr, faces_at(ARCFACE_TEMPLATE_112, ARCFACE_TEMPLATE_112 + 9), CropRecipe(size_px=64))
    assert (crops.shape, crops.dtype) == ((2, 64, 64, 3), np.dtype(np.uint8))
    assert np.unique(crops.reshape(-1, 3), axis=0).tolist() == [[0, 0, 255]]


@pytest.mark.parametrize("degrees", [-30.0, 15.0, 90.0, 180.0])
@pytest.mark.parametrize("scale", [0.8, 1.6])
def test_a_rotated_scaled_and_shifted_face_gives_the_upright_crop(degrees: float, scale: float) -> None:
    upright = waves(240, period_px=60)
    points = ARCFACE_TEMPLATE_112 + 64
    change = similarity(scale, degrees, dx=0, dy=0)
    change[:, 2] = 300 - moved(np.array([120.0, 120.0]), change)  # the face is moved to the centre of the image
    image = np.asarray(cv2.warpAffine(upright, change, (600, 600), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    (before,) = cut_crops(upright, faces_at(points), CropRecipe())
    (after,) = cut_crops(image, faces_at(moved(points, change)), CropRecipe())
    assert difference(before, after) < 2
    assert difference(before, np.roll(before, 2, axis=1)) > 5  # a shift of two pixels would be noticed


def test_the_matrix_is_the_least_squares_similarity() -> None:
    transform = pytest.importorskip("skimage.transform")
    target = CropRecipe(size_px=128, template_scale=0.8).template(margin_px=8)
    landmarks = np.random.default_rng(0).uniform(0, 1000, (20, 5, 2)).astype(np.float32)
    for found, points in zip(alignment_matrices(landmarks, target), landmarks, strict=True):
        expected = transform.estimate_transform("similarity", points.astype(np.float64), target).params[:2]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_the_matrix_inverts_a_known_similarity() -> None:
    change = similarity(3, 25, dx=400, dy=-70)
    (found,) = alignment_matrices(faces_at(moved(ARCFACE_TEMPLATE_112, change)).landmarks, CropRecipe().template())
    both = np.vstack([found, [0, 0, 1]]) @ np.vstack([change, [0, 0, 1]])
    np.testing.assert_allclose(both, np.eye(3), atol=1e-4)


def test_the_template_follows_the_size_scale_and_margin() -> None:
    nose = ARCFACE_TEMPLATE_112[2]
    np.testing.assert_allclose(CropRecipe().template()[2], nose)
    np.testing.assert_allclose(CropRecipe(size_px=224).template()[2], 2 * nose)
    np.testing.assert_allclose(CropRecipe(template_scale=0.5).template()[2], 56 + (nose - 56) / 2)
    np.testing.assert_allclose(CropRecipe().template(margin_px=10)[2], nose + 10)


def test_a_margin_extends_the_crop_and_keeps_its_middle() -> None:
    image = waves(400, period_px=40)
    face = faces_at(moved(ARCFACE_TEMPLATE_112, similarity(1.3, 10, dx=120, dy=90)))
    plain, wider = (cut_crops(image, face, CropRecipe(), margin_px=margin)[0] for margin in (0, 16))
    assert wider.shape == (144, 144, 3)
    assert np.abs(wider[16:-16, 16:-16].astype(int) - plain).max() <= 1


def test_outside_the_image_is_its_edge_or_black() -> None:
    white = np.full((112, 112, 3), 255, np.uint8)
    half_out = faces_at(ARCFACE_TEMPLATE_112 - [56, 0])  # the crop's left half is outside the image
    assert cut_crops(white, half_out, CropRecipe(border="replicate")).min() == 255
    (black,) = cut_crops(white, half_out, CropRecipe(border="black"))
    assert black[:, :55].max() == 0
    assert black[:, 57:].min() == 255


def test_coinciding_points_do_not_affect_other_crops() -> None:
    image = waves(200, period_px=50)
    collapsed, good = np.full((5, 2), 70.0), ARCFACE_TEMPLATE_112 + 30
    crops = cut_crops(image, faces_at(collapsed, good), CropRecipe())
    np.testing.assert_array_equal(crops[1], cut_crops(image, faces_at(good), CropRecipe())[0])
    assert len(np.unique(crops[0].reshape(-1, 3), axis=0)) == 1  # scale 0 shows one point


def test_a_large_face_is_averaged_before_it_is_shrunk() -> None:
    y, x = np.mgrid[:900, :900]
    board = np.repeat(((x + y) % 2 * 255)[..., None], 3, axis=2).astype(
        np.uint8
    )  # squares of one pixel: grey from afar
    (crop,) = cut_crops(board, faces_at(moved(ARCFACE_TEMPLATE_112, similarity(7, 5, dx=60, dy=40))), CropRecipe())
    assert crop.mean() == pytest.approx(127.5, abs=2)
    assert crop.std() < 3


@pytest.mark.parametrize("scale", [1.5, 2.03, 2.5, 3.5, 7.7, 11.5])
def test_a_large_face_is_cut_at_its_exact_position(scale: float) -> None:
    image = waves(1500, period_px=24 * scale)  # 24 px in the crop: a shift of a tenth of a pixel changes 2 levels
    matrix = similarity(scale, 3, dx=100.3, dy=60.7)
    (crop,) = cut_crops(image, faces_at(moved(ARCFACE_TEMPLATE_112, matrix)), CropRecipe())
    exact = wave_colours(moved(grid(112, 112), matrix), period_px=24 * scale)[..., ::-1]
    assert difference(crop, exact) < 1.5
    assert difference(crop[-20:, -20:], exact[-20:, -20:]) < 2


@pytest.mark.parametrize("shift", [(-700, 100), (-470, 0), (100, 2000)])
def test_a_large_face_outside_the_image_is_cut_from_its_edge(shift: tuple[int, int]) -> None:
    grey = np.full((480, 640, 3), 90, np.uint8)
    crops = cut_crops(grey, faces_at(ARCFACE_TEMPLATE_112 * 4 + shift), CropRecipe(border="replicate"))
    assert np.unique(crops).tolist() == [90]


def test_a_frame_without_faces_gives_no_crops() -> None:
    assert cut_crops(waves(50, period_px=20), Faces.empty(), CropRecipe(size_px=96)).shape == (0, 96, 96, 3)


@pytest.mark.parametrize("wrong", [{"border": "mirror"}, {"size_px": 0}, {"template_scale": -1.0}])
def test_an_invalid_recipe_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        CropRecipe(**wrong)
