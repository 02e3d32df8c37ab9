"""Whether two faces look like one person, from patterns that stand for faces."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from drawn_world import portrait, with_portraits

from facetally.detection.crops import CropRecipe
from facetally.detection.descriptors import CHANGE_ALONE, DOUBT, KEPT_VIEWS, FaceView, TrackLook, face_views
from facetally.detection.faces import Faces, FloatArray, ImageArray

BACKDROP = np.full((240, 320, 3), 90, np.uint8)
Effect = Callable[[ImageArray], ImageArray]


class CountingEmbedding:
    """Gives the vectors that it was made with, one after the other, and counts the crops.

    Args:
        vectors: 2-dimensional ones; the last is repeated.
    """

    recipe = CropRecipe(size_px=24)

    def __init__(self, *vectors: tuple[float, float]) -> None:
        self._vectors, self.count = vectors, 0

    def embed(self, crops: ImageArray) -> FloatArray:
        (crop,) = crops
        assert crop.shape == (24, 24, 3)
        self.count += 1
        return np.array([self._vectors[min(self.count, len(self._vectors)) - 1]], np.float32)


def view(
    person: int, effect: Effect | None = None, jitter_px: float = 0.0, embedding: CountingEmbedding | None = None
) -> FaceView:
    """A portrait in the middle of the frame, its points found a little too far right."""
    image, faces = with_portraits(BACKDROP, [(person, 160, 120)])
    shifted = Faces(faces.boxes, faces.scores, faces.landmarks + np.array([jitter_px, 0], np.float32))
    return face_views(effect(image) if effect else image, shifted, embedding)[0]


def blurred(image: ImageArray) -> ImageArray:
    return np.asarray(cv2.GaussianBlur(image, (9, 9), 0), np.uint8)


def darker(image: ImageArray) -> ImageArray:
    return (image * 0.75).astype(np.uint8)


def turned(image: ImageArray) -> ImageArray:
    """As different as a head that turns quickly."""
    other, _ = with_portraits(BACKDROP, [(7, 160, 120)])
    return np.asarray(cv2.addWeighted(image, 0.25, other, 0.75, 0), np.uint8)


@pytest.mark.parametrize("other", range(1, 9))
def test_another_person_in_the_same_place_looks_different(other: int) -> None:
    assert view(0).change(view(other)) > CHANGE_ALONE
    assert TrackLook(view(0), 0.0).change(view(other)) > 0


@pytest.mark.parametrize(
    ("effect", "jitter_px"), [(None, 2.0), (None, -4.0), (blurred, 0.0), (darker, 0.0), (blurred, 3.0), (darker, -3.0)]
)
def test_a_person_with_jitter_blur_or_less_light_looks_the_same(effect: Effect | None, jitter_px: float) -> None:
    assert view(0).change(view(0, effect, jitter_px)) < 0
    assert TrackLook(view(0), 0.0).change(view(0, effect, jitter_px)) < 0


def test_differences_are_zero_between_a_face_and_itself() -> None:
    np.testing.assert_allclose(view(0).differences(view(0)), np.zeros(4), atol=1e-4)
    assert (view(0).differences(view(1)) > 0.1).all()


def test_a_small_shift_of_the_crop_makes_little_difference() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (78, 78, 3)).astype(np.uint8)
    one, shifted, other = (FaceView(np.ascontiguousarray(noise[y : y + 64, y : y + 64])) for y in (0, 2, 14))
    assert (one.differences(shifted)[:2] < 0.05).all()
    assert (one.differences(other)[:2] > 0.5).all()


def test_views_belong_to_the_faces_in_their_order() -> None:
    image, faces = with_portraits(np.full((240, 500, 3), 90, np.uint8), [(1, 90, 120), (0, 300, 120)])
    first, second = face_views(image, faces)
    assert first.change(view(1)) < 0 < first.change(view(0))
    assert second.change(view(0)) < 0 < second.change(view(1))
    assert face_views(image, Faces.empty()) == []


def test_a_certain_case_does_not_ask_the_embedding() -> None:
    embedding = CountingEmbedding((1, 0))
    look = TrackLook(view(0, embedding=embedding), 0.0)
    assert look.change(view(0, blurred, embedding=embedding)) < 0
    assert embedding.count == 0


@pytest.mark.parametrize(("vectors", "is_other"), [([(1, 0), (1, 0)], False), ([(1, 0), (0, 1)], True)])
def test_a_doubt_is_settled_by_the_embedding(vectors: list[tuple[float, float]], is_other: bool) -> None:
    embedding = CountingEmbedding(*vectors)
    look, after = TrackLook(view(0, embedding=embedding), 0.0), view(0, turned, embedding=embedding)
    assert view(0).change(after) > DOUBT
    assert (look.change(after) > 0) is is_other
    assert embedding.count == 2


def test_a_vector_is_computed_once() -> None:
    embedding = CountingEmbedding((1, 0))
    one = view(0, embedding=embedding)
    assert one.vector is one.vector
    assert embedding.count == 1
    assert view(0).vector is None


def test_a_track_remembers_how_its_face_looked_some_views_ago() -> None:
    front, profile = (
        view(0, effect, embedding=CountingEmbedding(at)) for effect, at in ((None, (1, 0)), (turned, (0, 1)))
    )
    look = TrackLook(front, 0.0)
    look.add(profile, 0.2)
    assert look.change(front) < 0 < TrackLook(profile, 0.0).change(front)


def test_a_long_track_keeps_few_views() -> None:
    embedding = CountingEmbedding((1, 0))
    look = TrackLook(view(0, embedding=embedding), 0.0)
    for second in range(1, 50):
        look.add(view(0, embedding=embedding), float(second))
    look.change(view(1, embedding=embedding))
    assert embedding.count <= 1 + 1 + KEPT_VIEWS  # the new face, the last view, and the earlier ones


def test_a_view_keeps_no_crop_of_the_frame_alive() -> None:
    head = np.ascontiguousarray(cv2.resize(portrait(0), (64, 64)), np.uint8)
    before = FaceView(head).differences(FaceView(head))
    seen, kept = FaceView(head), head.copy()
    head[:] = 0
    np.testing.assert_array_equal(seen.differences(FaceView(kept)), before)
