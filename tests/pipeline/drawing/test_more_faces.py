"""Faces that the run missed: which finds are covered, and the list of them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from drawn_world import filmed, one_person

from facetally.detection.faces import Faces, ImageArray
from facetally.drawing.boxes_over_time import Stretch
from facetally.drawing.cover_list import COLUMNS, CoverList
from facetally.drawing.more_faces import (
    COVER_GREY,
    ENOUGH_FINDS,
    GOOD_SCORE,
    SEARCH_EVERY_S,
    AddedCover,
    added_covers,
    more_faces,
)
from facetally.drawing.placement import Box

BOX: Box = (20, 20, 60, 60)
ELSEWHERE: Box = (90, 60, 120, 100)
WEAK = GOOD_SCORE - 0.05
Find = tuple[Box, float]


class Scripted:
    """A detector that finds what it is told to, unless it is covered.

    Args:
        finds: boxes and scores by the number of the searched frame.
        is_first: whether it is the first detector, which searches every frame again with its covers.
    """

    def __init__(self, finds: Callable[[int], Sequence[Find]], *, is_first: bool = True) -> None:
        self._finds, self._calls, self._calls_a_frame = finds, 0, 2 if is_first else 1

    def input_wh(self, frame_hw: tuple[int, int]) -> tuple[int, int]:
        return frame_hw[1], frame_hw[0]

    def detect(self, images_bgr: Sequence[ImageArray], _: tuple[int, int] | None = None) -> list[Faces]:
        number, self._calls = self._calls // self._calls_a_frame, self._calls + 1
        found = [(box, score) for box, score in self._finds(number) if not is_covered(images_bgr[0], box)]
        boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
        scores = np.array([score for _, score in found], np.float32)
        return [Faces(boxes, scores, np.zeros((len(found), 5, 2), np.float32))]

    detect_parts = detect


def is_covered(image: ImageArray, box: Box) -> bool:
    x, y = round(box[0] + box[2]) // 2, round(box[1] + box[3]) // 2
    return bool((image[y - 8 : y + 8, x - 8 : x + 8] == COVER_GREY).all())


class Fooled(Scripted):
    """Takes something for a face as soon as the face beside it is covered."""

    def detect(self, images_bgr: Sequence[ImageArray], _: tuple[int, int] | None = None) -> list[Faces]:
        wanted = ELSEWHERE if is_covered(images_bgr[0], BOX) else BOX
        self._finds = lambda _: [(wanted, GOOD_SCORE)]
        return super().detect(images_bgr)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds."""
    return filmed(tmp_path_factory.mktemp("more") / "film.mp4", one_person())


def weak_in(*frames: int) -> Scripted:
    return Scripted(lambda number: [(BOX, WEAK)] if number in frames else [])


def test_a_weak_find_counts_only_if_it_is_found_often_enough(film: Path) -> None:
    assert len(more_faces(film, [weak_in(*range(ENOUGH_FINDS - 1))])) == 0
    assert len(more_faces(film, [weak_in(*range(ENOUGH_FINDS))])) == ENOUGH_FINDS


def test_a_video_without_faces_has_nothing_to_cover(film: Path) -> None:
    found = more_faces(film, [weak_in()])
    assert len(found) == 0 and added_covers(found, []) == []


def test_weak_finds_far_apart_in_time_are_not_the_same_face(film: Path) -> None:
    assert len(more_faces(film, [weak_in(0, 4, 8)])) == 0


def test_one_good_find_counts_and_makes_the_weak_ones_of_its_face_count(film: Path) -> None:
    scores = {2: GOOD_SCORE, 3: WEAK}
    found = more_faces(film, [Scripted(lambda number: [(BOX, scores[number])] if number in scores else [])])
    assert found["time_s"].round(3).tolist() == [round(number * SEARCH_EVERY_S, 3) for number in scores]


def test_a_face_that_two_searches_find_is_one(film: Path) -> None:
    sure = [
        Scripted(lambda _: [(BOX, 0.9)]),
        Scripted(lambda _: [((21, 20, 61, 60), 0.8), (ELSEWHERE, 0.7)], is_first=False),
    ]
    found = more_faces(film, sure)
    assert found.groupby("time_s").size().unique().tolist() == [2]
    assert found["track_id"].nunique() == 2


def test_what_looks_like_a_face_beside_a_cover_is_found_as_well(film: Path) -> None:
    found = more_faces(film, [Fooled(lambda _: [])])
    assert sorted(found["x1"].unique()) == [BOX[0], ELSEWHERE[0]]
    by_the_run = [Stretch(0.0, 10.0, (10, 10, 70, 70), (10, 10, 70, 70), 0)]
    assert len(more_faces(film, [Fooled(lambda _: [])], by_the_run)) == len(found)


def test_a_face_that_shall_stay_visible_is_not_among_them(film: Path) -> None:
    visible = [Stretch(0.0, 10.0, BOX, BOX, 0)]
    found = more_faces(film, [Scripted(lambda _: [((25, 25, 60, 60), 0.9), (ELSEWHERE, 0.9)])], shown=visible)
    assert found["x1"].unique().tolist() == [ELSEWHERE[0]]


def test_what_a_cover_of_the_run_holds_already_is_not_listed_as_added(film: Path) -> None:
    found = more_faces(film, [Scripted(lambda _: [(BOX, 0.9), (ELSEWHERE, 0.9)])])
    (added,) = added_covers(found, [Stretch(0.0, 10.0, (10, 10, 70, 70), (10, 10, 70, 70), 0)])
    assert added.box == ELSEWHERE
    assert (added.start_s, added.face_count) == (0.0, 10)
    assert added.stop_s == pytest.approx(2.0, abs=0.05)


def test_the_list_holds_the_newest_rows_of_every_video(tmp_path: Path) -> None:
    covers = CoverList(tmp_path)
    one, two = AddedCover(0, 1.234, BOX, 0.3, 3), AddedCover(2, 3, ELSEWHERE, 0.5, 1)
    covers.put("=b.mp4", [one])
    covers.put("a\udce9.mp4", [one, two])
    covers.put("=b.mp4", [two])
    with covers.path.open(errors="surrogateescape", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert [row[0] for row in rows] == ["'=b.mp4", "a\udce9.mp4", "a\udce9.mp4"]
    assert rows[1][1:] == ["0.00", "1.23", "20", "20", "60", "60", "0.30", "3"]


def test_there_is_no_list_if_nothing_was_added(tmp_path: Path) -> None:
    CoverList(tmp_path).put("a.mp4", [])
    assert not list(tmp_path.iterdir())
