"""Tracking the faces of a video: what starts, continues and ends an appearance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from drawn_world import (
    ColourEmbedding,
    Film,
    Shot,
    Square,
    SquareDetector,
    StillImage,
    background,
    faces_at,
    one_person,
    with_portraits,
)

from facetally.detection.crops import CropRecipe
from facetally.detection.descriptors import Embedding
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.shots import ShotCutOptions
from facetally.detection.sparse import SparseOptions
from facetally.options import FollowOptions, PeopleOptions, RunOptions
from facetally.tracks.follow import FollowedFrame, follow
from facetally.tracks.open_tracks import Track
from facetally.video.reader import Frame

EVERY_S = 0.2
OPTIONS = RunOptions(sparse=SparseOptions(max_gap_s=0))
"""Faces are searched for in every whole frame."""
ONE_SHOT = replace(OPTIONS, shots=ShotCutOptions(min_evidence=math.inf, max_transition_s=0))
"""No cut is detected."""
STILL = Square("red", (60, 40))


class ScoreDetector(SquareDetector):
    """Finds a face at (60, 40)-(100, 80) in every frame, with the given scores."""

    def __init__(self, scores: Iterable[float]) -> None:
        self._scores = iter(scores)

    def detect(self, images_bgr: Sequence[ImageArray], _frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        box = np.array([[60, 40, 100, 80]], np.float32)
        return [faces_at(box, next(self._scores)) for _ in images_bgr]


def frames_of(film: Film, every_s: float = EVERY_S) -> Iterator[Frame]:
    """The frames of a film of 25 frames/s sampled at these intervals, without encoding."""
    for index in range(round(film.seconds / every_s)):
        time_s = index * every_s
        yield Frame(round(25 * time_s), time_s, every_s, StillImage(film.image(time_s)))


def followed(
    film: Film, options: RunOptions = OPTIONS, embedding: Embedding | None = None, every_s: float = EVERY_S
) -> list[FollowedFrame]:
    frames = frames_of(film, every_s)
    return list(follow(frames, SquareDetector(), recipe=CropRecipe(), options=options, embedding=embedding))


def joined_in(results: Iterable[FollowedFrame]) -> dict[int, int]:
    """For each joined track the earlier one."""
    return {later: earlier for result in results for later, earlier in result.joined.items()}


def tracks_in(results: Iterable[FollowedFrame]) -> list[Track]:
    return [track for result in results for track in result.ended]


def test_a_person_seen_throughout_is_one_appearance() -> None:
    (track,) = tracks_in(followed(one_person(seconds=2)))
    assert (track.track_id, track.face_count) == (0, 10)
    assert (track.first_s, track.last_s, track.screen_time_s) == pytest.approx((0, 1.8, 2.0))
    assert track.face_height_px == 40
    assert track.crops.shape == (4, 112, 112, 3)
    assert track.crops[0, 56, 56].tolist() == [220, 20, 20]  # RGB


def test_every_sampled_frame_gives_its_rows() -> None:
    shots = (Shot(1, (Square("red", (20, 40)), Square("blue", (100, 40), from_s=0.4))),)
    rows = [result.rows for result in followed(Film(shots))]
    assert [row.frame_index for row in rows] == [0, 5, 10, 15, 20]
    assert [len(row.tracked.faces) for row in rows] == [1, 1, 2, 2, 2]
    assert rows[4].tracked.track_ids.tolist() == [0, 1]
    assert rows[4].quality == pytest.approx([0.9 * 0.5**0.5] * 2, rel=1e-4)  # score x root of 40 / 80 px, frontal


def test_the_best_crops_are_kept_best_first() -> None:
    options = replace(OPTIONS, following=FollowOptions(best_crops=2))
    detector = ScoreDetector([0.6, 0.9, 0.7, 0.8, 0.5])
    (track,) = tracks_in(follow(frames_of(Film((Shot(1, (STILL,)),))), detector, recipe=CropRecipe(), options=options))
    assert len(track.crops) == 2
    # a uniform colour counts as blurred: half of score x root of 40 / 80 px
    assert track.crop_quality == pytest.approx([0.45 * 0.5**0.5, 0.40 * 0.5**0.5], rel=1e-3)


def test_a_cut_ends_every_track_even_if_the_face_stays_in_place() -> None:
    film = Film((Shot(1, (STILL,)), Shot(1, (STILL,), grey=190)))
    results = followed(film)
    first, second = tracks_in(results)
    assert (first.last_s, second.first_s) == pytest.approx((0.8, 1.0))
    assert [track.screen_time_s for track in (first, second)] == pytest.approx([1.0, 1.0])
    assert results[5].ended[0].track_id == 0  # the first frame of the new shot


@pytest.mark.parametrize(("away_s", "count"), [(0.8, 1), (1.4, 2)])
def test_a_person_away_for_more_than_a_second_is_a_new_appearance(away_s: float, count: int) -> None:
    parts = replace(STILL, to_s=1), replace(STILL, from_s=1 + away_s)
    tracks = tracks_in(followed(Film((Shot(3.4, parts),))))
    assert len(tracks) == count
    assert sum(track.screen_time_s for track in tracks) == pytest.approx(3.4 - away_s)


def test_a_face_seen_for_one_frame_is_not_an_appearance() -> None:
    film = Film((Shot(2, (replace(STILL, from_s=0.4, to_s=0.6),)),))
    results = followed(film)
    assert sum(len(result.rows.tracked.faces) for result in results) == 1
    assert tracks_in(results) == []


def test_a_face_with_a_low_score_starts_no_track() -> None:
    detector = ScoreDetector([0.4] * 5)
    results = list(follow(frames_of(Film((Shot(1, (STILL,)),))), detector, recipe=CropRecipe(), options=OPTIONS))
    assert [result.rows.tracked.track_ids.tolist() for result in results] == [[-1]] * 5
    assert tracks_in(results) == []


class PortraitDetector(SquareDetector):
    """Finds the portrait at `PORTRAIT_XY`, in frames that it reads at a part of their size."""

    def __init__(self, divisor: int) -> None:
        self._divisor = divisor

    def input_wh(self, frame_hw: tuple[int, int]) -> tuple[int, int]:
        return frame_hw[1] // self._divisor, frame_hw[0] // self._divisor

    def detect(self, images_bgr: Sequence[ImageArray], _frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        return [with_portraits(BACKDROP, [(0, *PORTRAIT_XY)])[1] for _ in images_bgr]


BACKDROP = np.full((240, 640, 3), 90, np.uint8)
PORTRAIT_XY = 540, 130


@pytest.mark.parametrize("divisor", [1, 2])
def test_another_face_in_the_same_place_is_another_appearance_even_without_a_cut(divisor: int) -> None:
    images = [StillImage(with_portraits(BACKDROP, [(person, *PORTRAIT_XY)])[0]) for person in (1, 2)]
    frames = [Frame(5 * step, EVERY_S * step, EVERY_S, images[step // 5]) for step in range(10)]
    tracks = tracks_in(follow(frames, PortraitDetector(divisor), recipe=CropRecipe(), options=ONE_SHOT))
    assert [track.track_id for track in tracks] == [0, 1]
    assert [track.screen_time_s for track in tracks] == pytest.approx([1, 1])


JUMPS = Film((Shot(1, (Square("red", (10, 40), to_s=1),)), Shot(2, (Square("red", (12, 40)),), grey=190)))
"""A face that stays in place across a cut."""


def test_with_an_embedding_a_face_that_stays_in_place_across_a_cut_is_one_appearance() -> None:
    results = followed(JUMPS, embedding=ColourEmbedding())
    (track,) = tracks_in(results)
    assert joined_in(results) == {1: 0}
    assert (track.track_id, track.face_count) == (0, 15)
    assert track.screen_time_s == pytest.approx(3.0)
    assert len(tracks_in(followed(JUMPS))) == 2


def test_an_appearance_never_has_two_faces_in_one_frame() -> None:
    moves = Square("red", (10, 40), size_px=24, to_s=0.4), Square("red", (26, 40), (60, 0), size_px=24, from_s=0.4)
    newcomer = Square("red", (10, 40), size_px=24, from_s=0.8)  # where the first was before it moved
    results = followed(Film((Shot(1.6, (*moves, newcomer)),)), embedding=ColourEmbedding(), every_s=0.04)
    assert joined_in(results) == {1: 0}
    first, second = sorted(tracks_in(results), key=lambda track: track.track_id)
    assert (first.screen_time_s, second.screen_time_s) == pytest.approx((1.6, 0.8))


def test_a_flash_divides_no_appearance() -> None:
    frames = list(frames_of(one_person(seconds=2)))
    white = StillImage(np.maximum(one_person().image(0.8), 235))
    frames[4] = replace(frames[4], image=white)
    results = follow(frames, SquareDetector(), recipe=CropRecipe(), options=OPTIONS, embedding=ColourEmbedding())
    (track,) = tracks_in(results)
    assert track.face_count == 9


def test_appearances_are_compared_with_the_last_frame_and_only_where_people_are_counted() -> None:
    parts = replace(STILL, to_s=1), replace(STILL, from_s=2.4), Square("blue", (110, 40), from_s=0.4)
    film = Film((Shot(4, parts),))
    assert all(result.likenesses is None for result in followed(film, embedding=ColourEmbedding()))
    counting = replace(OPTIONS, people=PeopleOptions(count=True))
    results = followed(film, counting, ColourEmbedding())
    assert [result.likenesses for result in results[:-1]] == [None] * 19
    likenesses = results[-1].likenesses
    assert likenesses
    assert sorted(likenesses.track_ids) == sorted(track.track_id for track in tracks_in(results))
    first, other, again = range(3)
    assert likenesses.cosines[first, again] > 0.9
    assert likenesses.cosines[first, other] == likenesses.cosines[other, again] == -np.inf  # in view together


@pytest.mark.parametrize("batch_frames", [1, 3, 100])
def test_the_size_of_a_batch_changes_nothing(batch_frames: int) -> None:
    squares = Square("red", (10, 40), (20, 0)), Square("blue", (110, 60), (-5, 0), from_s=0.6, to_s=1.4)
    film = Film((Shot(2, squares), *JUMPS.shots))
    batched = replace(OPTIONS, following=FollowOptions(batch_frames))
    wanted, got = (followed(film, options, ColourEmbedding()) for options in (OPTIONS, batched))
    assert [r.joined for r in got] == [r.joined for r in wanted]
    assert joined_in(got)
    assert [r.rows.tracked.track_ids.tolist() for r in got] == [r.rows.tracked.track_ids.tolist() for r in wanted]
    for a, b in zip(tracks_in(got), tracks_in(wanted), strict=True):
        assert (a.track_id, a.first_s, a.screen_time_s) == (b.track_id, b.first_s, b.screen_time_s)
        np.testing.assert_array_equal(a.crops, b.crops)


def test_detection_around_faces_finds_the_same_as_detection_in_whole_frames() -> None:
    squares = Square("red", (10, 40), (20, 0)), Square("blue", (110, 60), (-5, 0), from_s=0.6, to_s=1.4)
    film = Film((Shot(2, squares), Shot(1, (STILL,), grey=190)))
    for sparse, whole in zip(followed(film, RunOptions()), followed(film), strict=True):
        assert sparse.rows.tracked.track_ids.tolist() == whole.rows.tracked.track_ids.tolist()
        np.testing.assert_allclose(sparse.rows.tracked.faces.boxes, whole.rows.tracked.faces.boxes)


def test_frames_are_read_no_further_ahead_than_one_batch() -> None:
    taken: list[int] = []

    def watched() -> Iterator[Frame]:
        for frame in frames_of(one_person(seconds=6)):
            taken.append(frame.index)
            yield frame

    results = follow(watched(), SquareDetector(), recipe=CropRecipe(), options=OPTIONS)
    next(results)
    assert len(taken) == OPTIONS.following.batch_frames


def test_the_frame_size_may_change_within_a_video() -> None:
    small = Frame(0, 0.0, EVERY_S, StillImage(background(70)[:60, :80].copy()))
    frames = [small, replace(small, index=5, time_s=0.2), *(replace(f, time_s=1 + f.time_s) for f in _second_half())]
    results = list(follow(frames, SquareDetector(), recipe=CropRecipe(), options=OPTIONS))
    assert len(results) == 7
    assert [track.first_s for track in tracks_in(results)] == [1.0]


def _second_half() -> list[Frame]:
    return list(frames_of(one_person(seconds=1)))


def test_tracks_in_view_at_the_end_end_with_the_last_frame() -> None:
    results = followed(Film((Shot(1, (Square("red", (20, 40)), Square("blue", (100, 40)))),)))
    assert [len(result.ended) for result in results] == [0, 0, 0, 0, 2]


def test_no_frames_give_nothing() -> None:
    assert list(follow([], SquareDetector(), recipe=CropRecipe(), options=OPTIONS)) == []
