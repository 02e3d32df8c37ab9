"""Painting on pictures as they are stored."""

from __future__ import annotations

import av
import numpy as np
import pytest

from facetally.drawing.placement import Placement
from facetally.drawing.planes import Planes, even_outwards
from facetally.video.reader import FrameImage, Orientation


def frame(width: int = 96, height: int = 64) -> av.VideoFrame:
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return av.VideoFrame.from_ndarray(noise, "bgr24").reformat(format="yuv420p")


def test_a_cover_changes_its_box_and_no_pixel_beyond() -> None:
    before, painted = frame().to_ndarray(), frame()
    Planes(painted).cover(even_outwards((21.3, 10.9, 50.2, 40.0), (96, 64)))
    changed = painted.to_ndarray() != before
    assert changed[10:40, 20:52].mean() > 0.9
    changed[10:40, 20:52] = False
    assert not changed[:64].any()
    assert changed[64:].sum() <= 2 * 15 * 16, "colour changes in the same box, of half the size"


@pytest.mark.parametrize("rgb", [(122, 79, 181), (224, 154, 43), (0, 0, 0), (255, 255, 255)])
def test_a_filled_rectangle_has_its_colour(rgb: tuple[int, int, int]) -> None:
    painted = frame()
    Planes(painted).fill((20, 20, 60, 50), rgb)
    assert np.abs(painted.to_ndarray(format="rgb24")[35, 40].astype(int) - rgb).max() <= 4


@pytest.mark.parametrize("xy", [(-6, -4), (90, 60), (200, 200), (10, 10)])
def test_an_image_that_reaches_beyond_the_picture_is_cut_off(xy: tuple[int, int]) -> None:
    painted = frame()
    Planes(painted).paste(xy, np.full((20, 30, 3), 200, np.uint8))
    shown = painted.to_ndarray(format="rgb24")
    y, x = max(xy[1], 0), max(xy[0], 0)
    assert np.abs(shown[y : y + 4, x : x + 4].astype(int) - 200).max(initial=0) <= 3


@pytest.mark.parametrize("box", [(-5.0, -5.0, 500.0, 500.0), (200.0, 10.0, 300.0, 20.0), (3.1, 3.1, 3.2, 3.2)])
def test_even_boxes_contain_what_lies_in_the_picture(box: tuple[float, float, float, float]) -> None:
    x1, y1, x2, y2 = even_outwards(box, (96, 64))
    assert all(value % 2 == 0 for value in (x1, y1, x2, y2))
    assert 0 <= x1 <= 96 and x2 <= 96 and 0 <= y1 <= 64 and y2 <= 64
    assert x1 <= max(min(box[0], 96), 0) and x2 >= min(box[2], 96)


@pytest.mark.parametrize("is_quarter_turn", [False, True])
@pytest.mark.parametrize("x_step", [1, -1])
@pytest.mark.parametrize("y_step", [1, -1])
@pytest.mark.parametrize("aspect", [1.0, 1.5, 0.75])
def test_a_box_is_displayed_where_it_was_meant(is_quarter_turn: bool, x_step: int, y_step: int, aspect: float) -> None:
    stored = av.VideoFrame.from_ndarray(np.zeros((64, 96, 3), np.uint8), "bgr24").reformat(format="yuv420p")
    orientation = Orientation(is_quarter_turn, x_step, y_step)
    height, width = FrameImage(stored, orientation, aspect).hw
    placement = Placement((width, height), (96, 64), orientation)
    Planes(stored).fill(tuple(map(round, placement.box((12, 24, 36, 36)))), (255, 255, 255))  # type: ignore[arg-type]
    bright = np.argwhere(FrameImage(stored, orientation, aspect).bgr()[:, :, 1] > 128)
    assert np.abs(np.array([*bright.min(0), *(bright.max(0) + 1)]) - [24, 12, 36, 36]).max() <= 2


@pytest.mark.parametrize("is_quarter_turn", [False, True])
@pytest.mark.parametrize("x_step", [1, -1])
def test_an_image_is_displayed_upright(is_quarter_turn: bool, x_step: int) -> None:
    orientation = Orientation(is_quarter_turn, x_step, -1)
    image = np.zeros((20, 40, 3), np.uint8)
    image[:10, :20] = 255  # top left
    stored_wh = (20, 40) if is_quarter_turn else (40, 20)
    stored = Placement((96, 64), (64, 96) if is_quarter_turn else (96, 64), orientation).image(image, stored_wh)
    shown = FrameImage(av.VideoFrame.from_ndarray(stored, "bgr24"), orientation).bgr()
    assert np.array_equal(shown, image)
