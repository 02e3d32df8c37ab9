"""Detects the faces of consecutive frames while running the detector on few whole frames.

Faces move little between frames. If two frames of one shot, less than a second apart, show the same faces, the frames
in between are searched only around these faces. Otherwise the detector runs on the whole frame halfway between them,
and both halves are treated in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection import boxes as geometry
from facetally.detection.faces import Faces, FloatArray, ImageArray, IntArray

MAX_SHIFT = 1.0
"""Two faces match if their distance is at most this multiple of the smaller face's size, ..."""
MAX_GROWTH = 1.5
"""... and their sizes differ by at most this factor."""
MARGIN = 0.5
"""Margin to search on each side of a face, in its size, in addition to its motion."""
MAX_OVERLAP = 0.5
"""Two faces that overlap by more (intersection over union) are the same face, detected twice."""
MAX_SHARE = 0.5
"""If the parts have more than this share of the frame's pixels, the whole frame is detected instead."""
SURE_SCORE = 0.5
"""Faces of at least this score must be found in every frame between two that show them."""
TIME_TOLERANCE_S = 1e-6

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SparseOptions:
    """How often whole frames are detected.

    Raises:
        ValueError: a value outside its range.
    """

    max_gap_s: float = 0.8
    """Longest time between two detections on whole frames; faces that appear and disappear in between may be missed.
    0: every frame is detected as a whole."""
    part_px: int = 128
    """Side of the squares that are searched in between, as network input; a multiple of 32."""

    def __post_init__(self) -> None:
        if self.max_gap_s < 0 or self.part_px < 32 or self.part_px % 32:
            raise ValueError(f"max_gap_s must be >= 0 and part_px a multiple of 32, got {self}")


class Detector(Protocol):
    """A face detector for images of one size."""

    def input_wh(self, frame_hw: tuple[int, int], /) -> tuple[int, int]:
        """The width and height at which it needs such frames."""

    def detect(self, images_bgr: Sequence[ImageArray], frame_hw: tuple[int, int] | None = None, /) -> list[Faces]:
        """The faces of images of that size, in pixels of the frames; without `frame_hw`, in pixels of the images."""

    def detect_parts(self, parts_bgr: Sequence[ImageArray], /) -> list[Faces]:
        """The faces of squares cut from such images, in pixels of the squares."""


@dataclass(frozen=True)
class _Stretch:
    """Consecutive frames, and the faces found so far."""

    images_bgr: Sequence[ImageArray]
    frame_hw: tuple[int, int]
    times_s: dict[int, float]
    faces: dict[int, Faces]
    """By position; -1 is the frame before the first, if it belongs to the same shot."""

    @property
    def scale(self) -> float:
        """Image pixels per frame pixel."""
        return int(self.images_bgr[0].shape[1]) / self.frame_hw[1]


class SparseDetection:
    """Detects the faces of one video's frames, a batch of consecutive frames at a time.

    Args:
        detector: detects faces in whole images and in parts.
        options: how often whole frames are detected.
    """

    def __init__(self, detector: Detector, options: SparseOptions | None = None) -> None:
        self._detector, self._options = detector, options or SparseOptions()
        self._last: tuple[tuple[int, int], float, Faces] | None = None

    def detect(
        self,
        images_bgr: Sequence[ImageArray],
        frame_hw: tuple[int, int],
        times_s: Sequence[float],
        cuts: Sequence[bool],
    ) -> list[Faces]:
        """The faces of each frame, in its pixels.

        Args:
            images_bgr: (H, W, 3) uint8 BGR each: the frames in the detector's input size.
            frame_hw: height and width of the frames.
            times_s: times of the frames, which follow those of the call before.
            cuts: whether a new shot begins with each frame.
        """
        stretch = _Stretch(images_bgr, frame_hw, dict(enumerate(times_s)), {})
        if self._last and self._last[0] == frame_hw and not cuts[0]:
            _, stretch.times_s[-1], stretch.faces[-1] = self._last
        self._detect_whole(stretch, self._whole_frames(stretch, cuts))
        for left, right in pairwise(sorted(stretch.faces)):
            self._fill(stretch, left, right)
        self._last = frame_hw, times_s[-1], stretch.faces[len(images_bgr) - 1]
        return [stretch.faces[index] for index in range(len(images_bgr))]

    def _whole_frames(self, stretch: _Stretch, cuts: Sequence[bool]) -> list[int]:
        """The frames to detect as a whole in any case: the first and last of each shot, and enough in between that no
        gap is longer than `max_gap_s`."""
        indices: list[int] = []
        last_s = stretch.times_s.get(-1)
        for index, is_cut in enumerate(cuts):
            is_end = index + 1 == len(cuts) or cuts[index + 1]
            is_due = is_end or stretch.times_s[index + 1] - (last_s or 0.0) > self._options.max_gap_s + TIME_TOLERANCE_S
            if last_s is None or is_cut or is_due:
                indices.append(index)
                last_s = stretch.times_s[index]
        return indices

    def _detect_whole(self, stretch: _Stretch, indices: Sequence[int]) -> None:
        found = self._detector.detect([stretch.images_bgr[index] for index in indices], stretch.frame_hw)
        stretch.faces.update(zip(indices, found, strict=True))

    def _fill(self, stretch: _Stretch, left: int, right: int) -> None:
        """Detects the faces between two frames whose faces are known."""
        if right - left < 2:
            return
        moves = moves_between(stretch.faces[left], stretch.faces[right])
        height, width = stretch.images_bgr[0].shape[:2]
        if moves is None or len(moves.first) * self._options.part_px**2 > MAX_SHARE * height * width:
            middle = (left + right) // 2
            self._detect_whole(stretch, [middle])
            self._fill(stretch, left, middle)
            self._fill(stretch, middle, right)
        else:
            self._detect_around(stretch, range(left + 1, right), moves)

    def _detect_around(self, stretch: _Stretch, between: range, moves: Moves) -> None:
        """Detects moving faces in squares around them; if a sure face is not found, in the whole frame."""
        start_s, stop_s = stretch.times_s[between.start - 1], stretch.times_s[between.stop]
        duration_s = max(stop_s - start_s, TIME_TOLERANCE_S)  # in broken files several frames may have the same time
        expected = [moves.at((stretch.times_s[index] - start_s) / duration_s) for index in between]
        scale, part_px = stretch.scale, self._options.part_px
        squares = [squares_around(boxes * scale, moves.lengths * scale, part_px) for boxes in expected]
        parts = [
            cut_square(stretch.images_bgr[index], square, part_px)
            for index, own in zip(between, squares, strict=True)
            for square in own
        ]
        found = iter(self._detector.detect_parts(parts))
        missed = []
        for index, boxes, own in zip(between, expected, squares, strict=True):
            candidates = [self._in_frame(next(found), square, scale) for square in own]
            faces = chosen(candidates, boxes, moves.is_sure)
            if faces is None:
                missed.append(index)
            else:
                stretch.faces[index] = faces
        self._detect_whole(stretch, missed)

    def _in_frame(self, faces: Faces, square: IntArray, scale: float) -> Faces:
        """Faces of a part, in pixels of the frame."""
        corner, zoom = square[:2].astype(np.float32), np.float32(square[2] / self._options.part_px)

        def in_frame(xy: FloatArray) -> FloatArray:
            return ((xy * zoom + corner) / np.float32(scale)).astype(np.float32)

        boxes = in_frame(faces.boxes.reshape(-1, 2, 2)).reshape(-1, 4)
        return Faces(boxes, faces.scores, in_frame(faces.landmarks))


@dataclass(frozen=True)
class Moves:
    """The motion of faces from one frame to another."""

    first: FloatArray
    """(N, 4) boxes in the first frame."""
    last: FloatArray
    """(N, 4) boxes in the last frame."""
    is_sure: BoolArray
    """(N,) whether both frames show the face with at least `SURE_SCORE`."""

    @property
    def lengths(self) -> FloatArray:
        """(N,) distance in pixels from centre to centre."""
        return np.asarray(
            np.linalg.norm(geometry.centres(self.last) - geometry.centres(self.first), axis=1), np.float32
        )

    def at(self, share: float) -> FloatArray:
        """(N, 4) boxes after a share of the time, in [0, 1], by linear interpolation."""
        return self.first + np.float32(min(max(share, 0.0), 1.0)) * (self.last - self.first)


def moves_between(before: Faces, after: Faces) -> Moves | None:
    """The motion of the faces from one frame to another; None if a sure face appears or disappears.

    A face with a low score that only one of the frames shows is kept where it is.
    """
    match_cost = _match_cost(before.boxes, after.boxes)
    pairs = [
        (row, column)
        for row, column in enumerate(match_cost.argmin(axis=1) if match_cost.size else [])
        if match_cost[row, column] <= 1 and match_cost[:, column].argmin() == row
    ]
    rows, columns = (np.array(side, np.int64) for side in (zip(*pairs) if pairs else ((), ())))
    gone, new = (faces[np.delete(np.arange(len(faces)), own)] for faces, own in ((before, rows), (after, columns)))
    if max(gone.scores.max(initial=0), new.scores.max(initial=0)) >= SURE_SCORE:
        return None
    staying = np.concatenate([gone.boxes, new.boxes])
    is_sure = np.minimum(before.scores[rows], after.scores[columns]) >= SURE_SCORE
    return Moves(
        np.concatenate([before.boxes[rows], staying]),
        np.concatenate([after.boxes[columns], staying]),
        np.concatenate([is_sure, np.zeros(len(staying), bool)]),
    )


def chosen(candidates: Sequence[Faces], expected: FloatArray, is_sure: BoolArray) -> Faces | None:
    """The best match for each expected box among its candidates.

    Args:
        candidates: the faces detected around each of the N boxes.
        expected: (N, 4) boxes.
        is_sure: (N,) whether the face must be found.

    Returns:
        The matches, best score first; None if a sure face is missing or cannot be distinguished from another.
    """
    picked, is_picked_sure = [], []
    for faces, box, is_needed in zip(candidates, expected, is_sure, strict=True):
        match_cost = _match_cost(box[None], faces.boxes)[0]
        if match_cost.min(initial=np.inf) <= 1:
            picked.append(faces[match_cost.argmin(keepdims=True)])
            is_picked_sure.append(is_needed)
        elif is_needed:
            return None
    together = Faces.concatenate([Faces.empty(), *picked])
    order = geometry.non_maximum_suppression(together.boxes, together.scores, MAX_OVERLAP)
    return together[order] if np.sum(np.array(is_picked_sure, bool)[order]) == np.sum(is_sure) else None


def _match_cost(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """(N, M) match cost of boxes (N, 4) and (M, 4); up to 1 they may be the same face."""
    sizes, other_sizes = geometry.sizes(boxes)[:, None], geometry.sizes(others)[None, :]
    shifts = np.linalg.norm(geometry.centres(boxes)[:, None] - geometry.centres(others)[None, :], axis=2)
    low, high = np.minimum(sizes, other_sizes), np.maximum(sizes, other_sizes)
    match_cost = np.where(high <= MAX_GROWTH * low, shifts / np.maximum(MAX_SHIFT * low, 1e-6), np.inf)
    return np.asarray(match_cost, np.float32)


def squares_around(boxes: FloatArray, shifts: FloatArray, part_px: int) -> IntArray:
    """(N, 3) left, top and side of squares around boxes (N, 4) that move by `shifts` (N,), in pixels.

    A side is at least `part_px`, so that nothing is enlarged.
    """
    longest = np.maximum(geometry.widths(boxes), geometry.heights(boxes))
    sides = np.maximum(np.ceil((1 + 2 * MARGIN) * longest + shifts), part_px)
    corners = np.round(geometry.centres(boxes) - sides[:, None] / 2)
    return np.concatenate([corners, sides[:, None]], axis=1).astype(np.int64)


def cut_square(image_bgr: ImageArray, square: IntArray, part_px: int) -> ImageArray:
    """(part_px, part_px, 3) uint8 BGR: the square (left, top, side) of the image, shrunk; black beyond the image."""
    left, top, side = (int(value) for value in square)
    inside = image_bgr[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if inside.shape[:2] != (side, side):
        before_y, before_x = min(max(-top, 0), side), min(max(-left, 0), side)
        after_y, after_x = side - before_y - inside.shape[0], side - before_x - inside.shape[1]
        inside = np.asarray(
            cv2.copyMakeBorder(inside, before_y, after_y, before_x, after_x, cv2.BORDER_CONSTANT), np.uint8
        )
    if side == part_px:
        return inside
    return np.asarray(cv2.resize(inside, (part_px, part_px), interpolation=cv2.INTER_AREA), np.uint8)
