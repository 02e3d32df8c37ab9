"""Between whole frames, faces are detected around their expected positions, or else in the whole frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from facetally.detection.faces import Faces, FloatArray, ImageArray
from facetally.detection.sparse import (
    Moves,
    SparseDetection,
    SparseOptions,
    chosen,
    cut_square,
    moves_between,
    squares_around,
)

HW = (240, 320)
EVERY_S = 0.2


def faces_at(*boxes: Sequence[float], scores: Sequence[float] | float = 0.9) -> Faces:
    """Faces with all their points in the middle."""
    array = np.array(boxes, np.float32).reshape(-1, 4)
    middles = (array[:, :2] + array[:, 2:]) / 2
    every = np.broadcast_to(np.asarray(scores, np.float32), len(array)).copy()
    return Faces(array, every, np.repeat(middles[:, None], 5, axis=1))


class DotDetector:
    """Detects the bounding box of all pixels of one brightness, from 100 on, as a face; its score is the brightness.

    Counts the whole images and parts that it was run on.
    """

    def __init__(self) -> None:
        self.whole_count = self.part_count = 0

    def input_wh(self, frame_hw: tuple[int, int]) -> tuple[int, int]:
        return frame_hw[1], frame_hw[0]

    def detect(self, images_bgr: Sequence[ImageArray], _frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        self.whole_count += len(images_bgr)
        return [self._found(image) for image in images_bgr]

    def detect_parts(self, parts_bgr: Sequence[ImageArray]) -> list[Faces]:
        self.part_count += len(parts_bgr)
        return [self._found(part) for part in parts_bgr]

    def _found(self, image: ImageArray) -> Faces:
        grey = image[:, :, 0]
        values = [value for value in range(255, 99, -1) if (grey == value).any()]
        places = [np.argwhere(grey == value) for value in values]
        boxes = [[*place.min(axis=0)[::-1], *(place.max(axis=0)[::-1] + 1)] for place in places]
        return faces_at(*boxes, scores=[value / 255 for value in values])


def drawn(*squares: tuple[int, int, int]) -> ImageArray:
    """A dark image with squares of 20 px: left, top, brightness."""
    image = np.zeros((*HW, 3), np.uint8)
    for left, top, value in squares:
        image[top : top + 20, left : left + 20] = value
    return image


def detected(
    detector: DotDetector,
    images: Sequence[ImageArray],
    *,
    cuts: Sequence[int] = (0,),
    options: SparseOptions | None = None,
) -> list[Faces]:
    """Detects the faces in batches of eight, as a run does."""
    sparse, found = SparseDetection(detector, options), []
    for first in range(0, len(images), 8):
        indices = range(first, min(first + 8, len(images)))
        times_s = [EVERY_S * index for index in indices]
        found += sparse.detect([images[i] for i in indices], HW, times_s, [index in cuts for index in indices])
    return found


def assert_all_found(detector: DotDetector, images: Sequence[ImageArray], found: Sequence[Faces]) -> None:
    for image, faces in zip(images, found, strict=True):
        (expected,) = detector.detect([image])
        np.testing.assert_allclose(faces.boxes, expected.boxes, atol=1e-3)
        np.testing.assert_allclose(faces.landmarks, expected.landmarks, atol=1e-3)


def test_faces_that_stay_or_move_steadily_are_detected_in_parts_between_whole_frames() -> None:
    images = [drawn((10 + 4 * i, 20, 250), (200, 150 - 3 * i, 240)) for i in range(16)]
    detector = DotDetector()
    found = detected(detector, images)
    assert (detector.whole_count, detector.part_count) == (5, 2 * 11)  # 0, 4, 7, 11, 15
    assert_all_found(detector, images, found)


def test_between_frames_without_faces_nothing_is_detected() -> None:
    detector = DotDetector()
    assert all(len(faces) == 0 for faces in detected(detector, [drawn()] * 16))
    assert (detector.whole_count, detector.part_count) == (5, 0)


@pytest.mark.parametrize("change", range(1, 8))
def test_a_face_that_appears_or_disappears_is_found_in_each_frame(change: int) -> None:
    one, two = drawn((20, 20, 250)), drawn((20, 20, 250), (200, 150, 240))
    for images in ([one] * change + [two] * (8 - change), [two] * change + [one] * (8 - change)):
        detector = DotDetector()
        assert_all_found(detector, images, detected(detector, images))
        assert detector.whole_count - 8 < 8  # the comparison itself detects eight


def test_a_face_that_is_briefly_absent_is_not_invented_and_costs_whole_frames() -> None:
    images = [drawn((20, 20, 250))] * 2 + [drawn()] + [drawn((20, 20, 250))] * 5
    detector = DotDetector()
    found = detected(detector, images)
    assert [len(faces) for faces in found] == [1, 1, 0, 1, 1, 1, 1, 1]
    assert detector.whole_count == 4


def test_a_face_with_a_low_score_need_not_be_found_again() -> None:
    images = [drawn((20, 20, 250), (200, 150, 120)), *[drawn((20, 20, 250))] * 3]
    detector = DotDetector()
    found = detected(detector, images)
    assert [len(faces) for faces in found] == [2, 1, 1, 1]
    assert (detector.whole_count, detector.part_count) == (2, 4)


def test_both_sides_of_a_cut_are_detected_as_whole_frames() -> None:
    images = [drawn((20, 20, 250))] * 3 + [drawn((200, 150, 250))] * 5
    detector = DotDetector()
    assert_all_found(detector, images, detected(detector, images, cuts=(0, 3)))
    assert detector.whole_count - 8 == 4  # 0, 2, 3, 7


def test_with_a_gap_of_zero_every_frame_is_detected_as_a_whole() -> None:
    detector = DotDetector()
    detected(detector, [drawn((20, 20, 250))] * 8, options=SparseOptions(max_gap_s=0))
    assert (detector.whole_count, detector.part_count) == (8, 0)


def test_a_crowd_is_detected_in_whole_frames() -> None:
    crowd = drawn(*((20 + 40 * i, 20, 250 - i) for i in range(4)))  # four parts of 128 px are most of the frame
    detector = DotDetector()
    assert_all_found(detector, [crowd] * 8, detected(detector, [crowd] * 8))
    assert detector.part_count == 0


def test_a_large_face_is_shrunk_and_has_a_box_in_frame_pixels() -> None:
    image = np.zeros((*HW, 3), np.uint8)
    image[40:200, 60:220] = 250
    large = [image] * 5
    detector = DotDetector()
    for faces in detected(detector, large):
        np.testing.assert_allclose(faces.boxes, [[60, 40, 220, 200]], atol=4)  # the part is shrunk three times
    assert detector.part_count == 3


def test_frames_larger_than_their_images_have_faces_in_frame_pixels() -> None:
    image = drawn((100, 100, 250))

    class SmallDetector(DotDetector):
        def detect(self, images_bgr: Sequence[ImageArray], _frame_hw: tuple[int, int] | None = None) -> list[Faces]:
            found = super().detect(images_bgr)
            return [Faces(faces.boxes * 2, faces.scores, faces.landmarks * 2) for faces in found]

    sparse = SparseDetection(SmallDetector())
    found = sparse.detect([image] * 4, (2 * HW[0], 2 * HW[1]), [0, 0.2, 0.4, 0.6], [True, False, False, False])
    for faces in found:
        np.testing.assert_allclose(faces.boxes, [[200, 200, 240, 240]], atol=1e-3)


@pytest.mark.parametrize("times_s", [[5.0] * 4, [5.0, 4.0, 9.0, 1.0]], ids=["standing still", "jumping"])
def test_broken_times_are_tolerated(times_s: list[float]) -> None:
    images = [drawn((20, 20, 250))] * 4
    found = SparseDetection(DotDetector()).detect(images, HW, times_s, [True, False, False, False])
    assert [len(faces) for faces in found] == [1] * 4


def test_frames_of_another_size_are_independent_of_earlier_frames() -> None:
    detector = DotDetector()
    sparse = SparseDetection(detector)
    sparse.detect([drawn((20, 20, 250))], HW, [0.0], [True])
    sparse.detect([drawn((20, 20, 250))[:120]] * 4, (120, 320), [0.2, 0.4, 0.6, 0.8], [False] * 4)
    assert detector.whole_count == 3


BOX = (10.0, 10.0, 30.0, 30.0)


@pytest.mark.parametrize(
    ("after", "count"),
    [
        (faces_at(BOX), 1),
        (faces_at((25, 10, 45, 30)), 1),
        (faces_at((31, 10, 51, 30)), None),
        (faces_at((0, 0, 40, 40)), None),
        (faces_at(), None),
        (faces_at(BOX, (100, 10, 120, 30)), None),
        (faces_at(BOX, (100, 10, 120, 30), scores=(0.9, 0.4)), 2),
    ],
    ids=["same", "moved", "moved far", "grown", "gone", "another", "another with a low score"],
)
def test_faces_match_if_they_are_near_and_of_similar_size(after: Faces, count: int | None) -> None:
    moves = moves_between(faces_at(BOX), after)
    assert (moves and len(moves.first)) == count


def test_two_faces_that_swap_positions_are_kept_apart() -> None:
    before, after = faces_at(BOX, (40, 10, 60, 30)), faces_at((38, 10, 58, 30), (12, 10, 32, 30))
    moves = moves_between(before, after)
    assert moves
    np.testing.assert_array_equal(moves.last[:, 0], [12, 38])
    np.testing.assert_allclose(moves.at(0.5)[:, 0], [11, 39])
    np.testing.assert_allclose(moves.lengths, [2, 2])


def test_faces_with_a_low_score_in_one_frame_stay_and_are_not_sure() -> None:
    moves = moves_between(faces_at((100, 0, 120, 20), scores=0.4), faces_at(BOX, scores=0.3))
    assert moves
    assert moves.is_sure.tolist() == [False, False]
    np.testing.assert_array_equal(moves.first, moves.last)


def test_the_nearest_candidate_of_similar_size_is_chosen() -> None:
    expected = np.array([BOX], np.float32)
    candidates = faces_at((14, 10, 34, 30), (11, 10, 31, 30), (10, 10, 14, 14))
    faces = chosen([candidates], expected, np.array([True]))
    assert faces is not None
    np.testing.assert_array_equal(faces.boxes, [[11, 10, 31, 30]])
    assert chosen([candidates[2:]], expected, np.array([True])) is None
    assert len(chosen([candidates[2:]], expected, np.array([False])) or ()) == 0


def test_one_candidate_for_two_faces_is_not_chosen() -> None:
    expected = np.array([BOX, (26, 10, 46, 30)], np.float32)
    between = faces_at((18, 10, 38, 30))
    assert chosen([between, between], expected, np.array([True, True])) is None


@pytest.mark.parametrize(
    ("box", "shift", "square"),
    [((50, 50, 60, 70), 0, (-9, -4, 128)), ((0, 0, 80, 100), 10, (-65, -55, 210))],
    ids=["small: never enlarged", "large and moving"],
)
def test_squares_have_room_for_the_face_and_its_motion(box: FloatArray, shift: float, square: Sequence[int]) -> None:
    squares = squares_around(np.array([box], np.float32), np.array([shift], np.float32), 128)
    assert squares.tolist() == [list(square)]


@pytest.mark.parametrize("square", [(5, 7, 64), (-20, -10, 64), (280, 200, 64), (-50, -90, 400), (400, 10, 64)])
def test_a_square_is_cut_with_black_beyond_the_image(square: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(1, 256, (*HW, 3)).astype(np.uint8)
    wide = np.zeros((1000, 1000, 3), np.uint8)
    wide[300 : 300 + HW[0], 300 : 300 + HW[1]] = image
    left, top, side = square
    expected = wide[300 + top : 300 + top + side, 300 + left : 300 + left + side]
    part = cut_square(image, np.array(square), 64)
    assert part.shape == (64, 64, 3)
    if side == 64:
        np.testing.assert_array_equal(part, expected)
    else:
        assert part.mean() == pytest.approx(expected.mean(), rel=0.02)


def test_frames_without_faces_have_empty_moves() -> None:
    moves = moves_between(Faces.empty(), Faces.empty())
    assert isinstance(moves, Moves)
    assert len(moves.at(0.5)) == 0


@pytest.mark.parametrize(("gap_s", "part_px"), [(-1, 128), (0.8, 0), (0.8, 100)])
def test_options_outside_their_range_are_refused(gap_s: float, part_px: int) -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        SparseOptions(gap_s, part_px)
