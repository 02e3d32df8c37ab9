"""Which tracks of the tracker become one appearance, with the ids of the tracks given by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from drawn_world import ColourEmbedding, StillImage, background, faces_at

from facetally.detection.crops import CropRecipe
from facetally.detection.faces import TrackedFaces
from facetally.detection.linking import LinkOptions
from facetally.options import RunOptions
from facetally.tracks.open_tracks import OpenTracks, Track
from facetally.video.reader import Frame

EVERY_S = 0.2
SIZE_PX = 24
RED, BLUE, PURPLE, PINK = (20, 20, 220), (220, 20, 20), (190, 20, 220), (70, 20, 220)
"""BGR; by the embedding the cosine of red and pink is 0.97, of red and purple 0.76, of red and blue 0."""
OPTIONS = RunOptions(linking=LinkOptions(decide_after=3, min_likeness=0.55, min_likeness_at_cut=0.8))
Shown = dict[int, tuple[tuple[int, int, int], float]]
"""For each track the colour of its face in this frame, and its left edge."""


class Scene:
    """Frames with squares, 0.2 s apart, whose tracks go to an `OpenTracks`."""

    def __init__(self, embedding: ColourEmbedding | None = None, *, is_blind: bool = False) -> None:
        self.tracks = OpenTracks(CropRecipe(), OPTIONS, None if is_blind else embedding or ColourEmbedding())
        self.joined: dict[int, int] = {}
        self.closed: list[Track] = []
        self._step = 0

    def show(
        self,
        shown: Shown,
        count: int = 1,
        *,
        is_cut: bool = False,
        ended: Sequence[int] = (),
        quality: float = 0.5,
    ) -> None:
        """Adds frames that all show the same."""
        for repeat in range(count):
            image = background(70)
            for colour, x in shown.values():
                image[40 : 40 + SIZE_PX, round(x) : round(x) + SIZE_PX] = colour
            boxes = np.array([[x, 40, x + SIZE_PX, 40 + SIZE_PX] for _, x in shown.values()], np.float32)
            faces = faces_at(boxes.reshape(-1, 4))
            tracked = TrackedFaces(faces, np.array(list(shown), np.int64), () if repeat else tuple(ended))
            frame = Frame(5 * self._step, self._step * EVERY_S, EVERY_S, StillImage(image))
            qualities = np.full(len(faces), quality, np.float32)
            closed, joined = self.tracks.add(frame, tracked, qualities, is_cut and not repeat)
            self._take(closed, joined)
            self._step += 1

    def finish(self) -> list[tuple[int, int]]:
        """Ends the video; returns (track id, faces) of all appearances by id."""
        self._take(*self.tracks.finish())
        return sorted((track.track_id, track.face_count) for track in self.closed)

    def _take(self, closed: list[Track], joined: dict[int, int]) -> None:
        self.closed += closed
        self.joined |= joined


def test_a_face_that_jumps_within_a_shot_goes_on_as_the_same_appearance() -> None:
    scene = Scene()
    scene.show({0: (RED, 20)}, 4)
    scene.show({1: (RED, 50)}, 4)  # 1.25 face sizes in 0.2 s
    assert scene.finish() == [(0, 8)]
    assert scene.joined == {1: 0}
    (track,) = scene.closed
    assert (track.first_s, track.last_s, track.screen_time_s) == pytest.approx((0.0, 1.4, 1.6))


def test_another_face_or_one_too_far_away_is_another_appearance() -> None:
    for colour, x in ((BLUE, 50), (RED, 110)):
        scene = Scene()
        scene.show({0: (RED, 20)}, 4)
        scene.show({1: (colour, x)}, 4)
        assert scene.finish() == [(0, 4), (1, 4)]
        assert scene.joined == {}


def test_without_an_embedding_nothing_is_joined() -> None:
    scene = Scene(is_blind=True)
    scene.show({0: (RED, 20)}, 4)
    scene.show({1: (RED, 20)}, 4, ended=[0])
    assert scene.finish() == [(0, 4), (1, 4)]


@pytest.mark.parametrize(
    ("colour", "x", "is_joined"), [(RED, 20, True), (RED, 28, True), (RED, 50, False), (PURPLE, 20, False)]
)
def test_across_a_cut_a_face_continues_only_in_place_and_very_alike(
    colour: tuple[int, int, int], x: float, is_joined: bool
) -> None:
    scene = Scene()
    scene.show({0: (RED, 20)}, 4)
    scene.show({1: (colour, x)}, 4, is_cut=True, ended=[0])
    assert scene.finish() == ([(0, 8)] if is_joined else [(0, 4), (1, 4)])


def test_a_face_that_is_found_only_some_samples_after_a_cut_is_still_continued() -> None:
    scene = Scene()
    scene.show({0: (RED, 20)}, 4)
    scene.show({}, 2, is_cut=True, ended=[0])
    scene.show({1: (RED, 20)}, 4)
    assert scene.finish() == [(0, 8)]


def test_a_face_after_two_cuts_is_a_new_appearance() -> None:
    scene = Scene()
    scene.show({0: (RED, 20)}, 4)
    scene.show({}, 1, is_cut=True, ended=[0])
    scene.show({1: (RED, 20)}, 4, is_cut=True)
    assert scene.finish() == [(0, 4), (1, 4)]


def test_a_face_that_was_seen_since_is_not_continued() -> None:
    scene = Scene()
    scene.show({0: (RED, 20)}, 4)
    scene.show({1: (RED, 50)}, 1)
    scene.show({0: (RED, 20), 1: (RED, 50)}, 4)
    assert scene.finish() == [(0, 8), (1, 5)]


def test_a_track_after_more_than_the_gap_is_a_new_appearance() -> None:
    for gap, count in ((4, 1), (5, 2)):  # 1.0 s and 1.2 s from the last face to the next
        scene = Scene()
        scene.show({0: (RED, 20)}, 4)
        scene.show({}, gap)
        scene.show({1: (RED, 20)}, 4, ended=[0])
        assert len(scene.finish()) == count


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_tracks_the_one_that_looks_most_alike_is_continued(order: tuple[int, int]) -> None:
    before: Shown = {0: (PURPLE, 20), 1: (PINK, 60)}
    scene = Scene()
    scene.show({track_id: before[track_id] for track_id in order}, 4)
    scene.show({2: (RED, 40)}, 4)
    assert scene.finish() == [(0, 4), (1, 8)]
    assert scene.joined == {2: 1}


def test_of_two_tracks_that_could_continue_one_only_one_does() -> None:
    scene = Scene()
    scene.show({0: (RED, 40)}, 4)
    scene.show({1: (RED, 20), 2: (RED, 60)}, 4)
    assert scene.finish() == [(0, 8), (2, 4)]


def test_a_chain_of_tracks_has_one_id() -> None:
    scene = Scene()
    scene.show({0: (RED, 20)}, 4)
    for track_id, x in ((1, 45), (2, 70), (3, 45)):
        scene.show({track_id: (RED, x)}, 2, ended=[track_id - 1])  # too short to be compared before the next begins
    assert scene.finish() == [(0, 10)]
    assert scene.joined == {1: 0, 2: 0, 3: 0}


def test_a_chain_that_is_joined_from_its_end_has_one_id() -> None:
    scene = Scene()
    scene.show({0: (RED, 20)}, 4)
    scene.show({1: (RED, 54)}, 1)
    scene.show({2: (RED, 88)}, 3)  # too far from 0; joined to 1 before that has been compared with 0
    assert scene.joined == {2: 1}
    scene.show({2: (RED, 88)}, 3, ended=[1])
    assert scene.finish() == [(0, 11)]
    assert scene.joined == {1: 0, 2: 0}


def test_a_joined_appearance_has_the_best_crops_of_its_tracks() -> None:
    scene = Scene()
    for qualities, colours in (((0.9, 0.5), [RED] * 3 + [PINK]), ((0.5, 0.9), [PINK] * 4)):
        scene = Scene()
        scene.show({0: (RED, 20)}, 3, quality=qualities[0])
        scene.show({1: (PINK, 45)}, 4, quality=qualities[1])
        scene.finish()
        (track,) = scene.closed
        assert [tuple(crop[56, 56, ::-1].tolist()) for crop in track.crops] == colours
        assert (np.diff(track.crop_quality) <= 0).all()


def test_the_tracks_that_a_join_replaced_are_named_once() -> None:
    scene = Scene()
    scene.show({0: (RED, 20)}, 4)
    scene.show({1: (RED, 45)}, 3)
    assert scene.tracks.replaced == [0]
    scene.show({1: (RED, 45)})
    assert scene.tracks.replaced == []


def test_a_face_that_jumps_as_the_frames_change_their_size_is_joined() -> None:
    for factor, count in ((0.75, 1), (1.0, 2)):
        scene = Scene()
        scene.show({0: (RED, 100)}, 4)
        scene.tracks.rescale(factor)
        scene.show({1: (RED, 62)}, 4)  # in smaller frames the first face was near
        assert len(scene.finish()) == count


def test_an_appearance_is_released_once_no_other_can_continue_it() -> None:
    scene = Scene()
    scene.show({0: (RED, 20)}, 4)
    scene.show({}, 5)
    assert scene.closed == []
    scene.show({}, 2, ended=[0])
    assert [track.track_id for track in scene.closed] == [0]
