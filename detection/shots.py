"""Detects shot cuts and gradual transitions between sampled frames, and distinguishes them from motion."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.faces import FloatArray, ImageArray
from facetally.detection.likeness import likeness

THUMBNAIL_WH = (64, 36)
ROWS_OF_THUMBNAIL_ROW = 2
"""So many rows of the frame, or up to twice as many, are averaged to one of the thumbnail; more would add cost only."""
SEARCH_PX = (6, 4)
"""The largest camera motion, in thumbnail pixels: a tenth of the frame, as with a shaky hand."""
BLOCKS_WH = (8, 6)
"""Blocks of the thumbnail, across and down."""
BLOCK_SEARCH_PX = (4, 3)
"""The largest motion of a block of the thumbnail between two frames."""
MANY_BLOCKS, HALF_OF_BLOCKS = 4, 24
"""Ranks among the 48 blocks: a person in the middle covers more than the first, a whole new picture the second."""
HUE_BINS, SATURATION_BINS, VALUE_BINS = 8, 4, 4
SMALL_WH = (32, 18)
"""Size in which gradual transitions are looked for."""
CUT_WEIGHTS = np.array([3.11, 3.01, 0.71, -1.06])
CUT_OFFSET = 6.61
"""Logistic regression on the logarithms of unlikeness, colour change, and the change of the two blocks, from the films
of `scripts/cut_films/` that are for choosing; its threshold has the best F1 there (`scripts/fit_following/`)."""
FLOORS = np.array([0.02, 0.03, 2.0, 0.5])
"""Values below are noise."""
CERTAINLY_NO_CUT = 0.08
"""Two frames that are less unlike than this are of one shot, and their blocks are not compared."""

MIN_DIFFERENCE = 14.0
"""Of two frames, root mean square, 0-255, for a transition between them."""
BACKWARDS = 0.08
"""How far a transition may seem to go back from one frame to the next, as a part of the whole."""
MIDDLE = 0.1, 0.9
"""Parts of the way between which a frame counts as mixed."""
PIXEL_WEIGHT = 1.6
"""Of wiped pixels against mixed ones: where each pixel is from one of two pictures, its distance from the nearer is
small by chance, too."""


@dataclass(frozen=True)
class ShotCutOptions:
    """When a new shot begins.

    Raises:
        ValueError: a value outside its range.
    """

    min_evidence: float = 0.0
    """Log-odds from which two frames in a row are of two shots."""
    max_transition_s: float = 2.0
    """Longest gradual transition that is looked for; 0: none."""
    max_likeness: float = 0.7
    """Highest correlation, in [0, 1], of the frames before and after a gradual transition."""
    min_colour_change: float = 0.25
    """Lowest Hellinger distance of their colour histograms, in [0, 1]."""
    max_residue: float = 0.3
    """Largest part of the frames in between, in [0, 1], that is no mixture of the two."""

    def __post_init__(self) -> None:
        if not all(0 <= value <= 1 for value in (self.max_likeness, self.min_colour_change, self.max_residue)):
            raise ValueError(f"likeness, colour change and residue must be in [0, 1], got {self}")
        if self.max_transition_s < 0:
            raise ValueError(f"max_transition_s must be at least 0, got {self.max_transition_s}")


class ShotCutDetector:
    """Compares each frame of one video with the frames before."""

    def __init__(self, options: ShotCutOptions | None = None) -> None:
        self.options = options or ShotCutOptions()
        self._shot: deque[Thumbnail] = deque()
        """The frames of the shot so far, as far back as a gradual transition may last."""

    def is_cut(self, image_bgr: ImageArray, time_s: float) -> bool:
        """Whether a new shot begins with this frame, or a gradual transition to one ends; False for the first frame.

        Args:
            image_bgr: (H, W, 3) uint8 BGR.
            time_s: its time, later than that of the frame before.
        """
        current = Thumbnail(image_bgr, time_s)
        is_cut = bool(self._shot) and (
            cut_evidence(self._shot[-1], current) > self.options.min_evidence or self._ends_transition(current)
        )
        if is_cut:
            self._shot.clear()
        self._shot.append(current)
        while len(self._shot) > 1 and time_s - self._shot[0].time_s > self.options.max_transition_s:
            self._shot.popleft()
        return is_cut

    def _ends_transition(self, current: Thumbnail) -> bool:
        """Whether an earlier frame of the shot turned into this one by and by: all frames in between mix the two."""
        if len(self._shot) < 2:
            return False
        smalls = [frame.small for frame in self._shot]
        for first in possible_starts(np.stack(smalls) - current.small):
            before = self._shot[first]
            if not is_mixed(before.small, smalls[first + 1 :], current.small, self.options.max_residue):
                continue
            is_alike = before.likeness(current) >= self.options.max_likeness
            if not is_alike and before.colour_change(current) > self.options.min_colour_change:
                return True
        return False


class Thumbnail:
    """What is kept of a frame.

    Args:
        image_bgr: (H, W, 3) uint8 BGR.
        time_s: its time.
    """

    def __init__(self, image_bgr: ImageArray, time_s: float) -> None:
        self.time_s = time_s
        every = max(1, image_bgr.shape[0] // (ROWS_OF_THUMBNAIL_ROW * THUMBNAIL_WH[1]))
        self.image = np.asarray(cv2.resize(image_bgr[::every], THUMBNAIL_WH, interpolation=cv2.INTER_AREA), np.uint8)
        self.grey = np.asarray(cv2.cvtColor(self.image, cv2.COLOR_BGR2GRAY), np.uint8)
        self.small = cv2.resize(self.image, SMALL_WH, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()

    @cached_property
    def colours(self) -> FloatArray:
        """The colour histogram, which sums to 1."""
        hsv = cv2.cvtColor(self.image, cv2.COLOR_BGR2HSV)
        bins = [HUE_BINS, SATURATION_BINS, VALUE_BINS]
        histogram = cv2.calcHist([hsv], [0, 1, 2], None, bins, [0, 180, 0, 256, 0, 256])
        return np.asarray(histogram.ravel() / histogram.sum(), np.float32)

    def likeness(self, other: Thumbnail) -> float:
        """The correlation with a later frame at the best shift, in [-1, 1]."""
        return likeness(self.grey, other.grey, SEARCH_PX)

    def colour_change(self, other: Thumbnail) -> float:
        """The Hellinger distance of the two histograms, in [0, 1]."""
        return float(cv2.compareHist(self.colours, other.colours, cv2.HISTCMP_BHATTACHARYYA))


def cut_evidence(before: Thumbnail, after: Thumbnail) -> float:
    """Log-odds that two frames in a row are of different shots."""
    unlike = 1 - before.likeness(after)
    if unlike < CERTAINLY_NO_CUT:
        return -math.inf
    return float(CUT_WEIGHTS @ np.log(np.maximum(cut_values(unlike, before, after), FLOORS)) + CUT_OFFSET)


def cut_values(unlike: float, before: Thumbnail, after: Thumbnail) -> list[float]:
    """What `cut_evidence` weighs: the two frames' unlikeness, as given, their colour change, and that of two blocks."""
    blocks = np.sort(block_changes(before.grey, after.grey))[::-1]
    return [unlike, before.colour_change(after), float(blocks[MANY_BLOCKS]), float(blocks[HALF_OF_BLOCKS])]


def block_changes(before: ImageArray, after: ImageArray) -> npt.NDArray[np.float64]:
    """(48,) how much each block of a thumbnail differs from the most similar place nearby in the one before.

    Args:
        before, after: (36, 64) uint8 grey.

    Returns:
        Root mean squares over pixels, 0-255. What moves changes little, what is replaced changes much.
    """
    (dx, dy), (height, width) = BLOCK_SEARCH_PX, after.shape
    padded = cv2.copyMakeBorder(before, dy, dy, dx, dx, cv2.BORDER_REPLICATE)
    shifted = np.lib.stride_tricks.sliding_window_view(padded, after.shape).reshape(-1, width)  # all shifts, stacked
    shifts = len(shifted) // height
    differences = cv2.absdiff(shifted, np.tile(after, (shifts, 1))).astype(np.float32)
    across, down = BLOCKS_WH
    means = cv2.resize(differences * differences, (across, shifts * down), interpolation=cv2.INTER_AREA)
    return np.asarray(np.sqrt(means.reshape(shifts, across * down).min(axis=0)), np.float64)


def possible_starts(away: FloatArray) -> list[int]:
    """Frames that can have turned into the present one by what `is_mixed` asks of lengths and parts, the last first.

    Args:
        away: (N, D) pixel values of consecutive frames, less those of the present one.
    """
    squares = np.square(np.linalg.norm(away, axis=1))
    far = np.flatnonzero(squares >= MIN_DIFFERENCE**2 * away.shape[1])
    if not len(far):
        return []
    is_later = np.arange(len(away)) > far[:, None]
    # (far, N) of the way from a far frame to the present one, as far as each later frame has come; 0 before
    parts = np.where(is_later, 1 - (away[far] @ away.T) / squares[far, None], 0.0)
    goes_back = (np.diff(parts, axis=1) < -BACKWARDS).any(axis=1)
    has_mixed = ((parts > MIDDLE[0]) & (parts < MIDDLE[1])).any(axis=1)
    return [int(first) for first in far[~goes_back & has_mixed][::-1]]


def is_mixed(before: FloatArray, between: Sequence[FloatArray], after: FloatArray, max_residue: float) -> bool:
    """Whether frames lead from one to another by dissolving or wiping: each is further on, none shows anything else.

    A frame of a dissolve lies on the line between the two. In one of a wipe each pixel is from one of the two. Pictures
    of something that moves are neither.

    Args:
        before, after: (N,) pixel values.
        between: the same for each frame in between, in order.
        max_residue: largest part of a mixed frame, in [0, 1], that is no mixture.
    """
    way = after - before
    length = float(np.linalg.norm(way))
    if length / math.sqrt(len(way)) < MIN_DIFFERENCE:
        return False
    reached, has_mixed = 0.0, False
    for frame in between:
        step = frame - before
        part = float(step @ way) / length**2
        if part < reached - BACKWARDS:
            return False
        reached = part
        if MIDDLE[0] < part < MIDDLE[1]:
            off_line = float(np.linalg.norm(step - part * way)) / length
            by_pixel = float(np.minimum(np.abs(step), np.abs(step - way)).sum() / np.abs(way).sum())
            if min(off_line, PIXEL_WEIGHT * by_pixel) > max_residue:
                return False
            has_mixed = True
    return has_mixed
