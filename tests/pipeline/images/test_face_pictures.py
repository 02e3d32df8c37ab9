"""Faces are cut from their videos again, by the boxes and times of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_world import COLOURS_BGR, Film, Shot, Square, filmed
from labelled_world import face_rows, faces_of

from facetally.images.face_pictures import FaceBox, face_boxes, face_pictures, square_around, time_span
from facetally.options import Sampling

SIDE_PX = 64


def box(*edges: float) -> np.ndarray:
    return np.array(edges, np.float64)


def is_coloured(pixel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() < 40)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red square at (20, 40) and a blue one at (100, 40), 40 px wide, for two seconds."""
    squares = (Square("red", (20, 40)), Square("blue", (100, 40)))
    return filmed(tmp_path_factory.mktemp("pair") / "pair.mp4", Film((Shot(2.0, squares),)))


def test_each_face_gets_its_own_picture_in_the_order_given(pair: Path) -> None:
    blue, red = FaceBox(1.0, box(100, 40, 140, 80)), FaceBox(1.0, box(20, 40, 60, 80))
    pictures = face_pictures(pair, [blue, red, FaceBox(0.4, red.box)], Sampling(), size_px=SIDE_PX)
    middles = [picture[SIDE_PX // 2, SIDE_PX // 2] for picture in pictures if picture is not None]
    assert [is_coloured(middle, COLOURS_BGR["red"]) for middle in middles] == [False, True, True]
    assert is_coloured(middles[0], COLOURS_BGR["blue"])
    assert {picture.shape for picture in pictures if picture is not None} == {(SIDE_PX, SIDE_PX, 3)}


def test_there_is_no_picture_where_the_video_has_no_frame(pair: Path) -> None:
    at = [FaceBox(time_s, box(20, 40, 60, 80)) for time_s in (9.0, 1.0)]
    pictures = face_pictures(pair, at, Sampling(), size_px=SIDE_PX)
    assert [picture is None for picture in pictures] == [True, False]


def test_a_square_is_black_outside_of_its_image() -> None:
    image = np.full((100, 80, 3), 200, np.uint8)
    square = square_around(image, box(60, 80, 80, 100), 40)  # shows x 50-90 and y 70-110 of 80 x 100
    assert (square[:30, :30] == 200).all()
    assert (square[30:] == 0).all() and (square[:, 30:] == 0).all()


@pytest.mark.parametrize("edges", [(-50, -50, -20, -20), (300, 10, 320, 40), (5, 5, 5, 5)])
def test_a_box_outside_of_the_image_or_without_size_gives_a_square_still(edges: tuple[float, ...]) -> None:
    assert square_around(np.zeros((100, 80, 3), np.uint8), box(*edges), 40).shape == (40, 40, 3)


def test_boxes_are_read_from_rows_of_the_table_of_faces() -> None:
    (first, second) = face_boxes(faces_of(face_rows(1, [0.4], x=5.0), face_rows(2, [0.6], x=9.0)))
    assert (first.time_s, second.time_s) == (0.4, 0.6)
    assert second.box.tolist() == [9, 10, 49, 50]


@pytest.mark.parametrize(("last_s", "text"), [(31.9, "0:31"), (45.0, "0:31-0:45"), (3725.0, "0:31-1:02:05")])
def test_a_span_is_written_as_players_show_it(last_s: float, text: str) -> None:
    assert time_span(31.2, last_s) == text
