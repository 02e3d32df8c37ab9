"""Detects shot cuts between sampled frames, and distinguishes them from motion."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.faces import ImageArray

THUMBNAIL_WH = (64, 36)
SEARCH_PX = (6, 4)
"""The largest camera motion, in thumbnail pixels: a tenth of the frame, as with a shaky hand."""
HUE_BINS, SATURATION_BINS, VALUE_BINS = 8, 4, 4


@dataclass(frozen=True)
class ShotCutOptions:
    """A cut needs both a low correlation with the frame before, at any small shift, and a change of colours.

    Raises:
        ValueError: a value outside its range.
    """

    max_likeness: float = 0.7
    """Highest correlation of the two frames at the best shift, in [0, 1], for a cut."""
    min_colour_change: float = 0.25
    """Lowest Hellinger distance of the two colour histograms, in [0, 1], for a cut."""
    min_difference: float = 0.6
    """Lowest colour change + (1 - likeness) / 2, in [0, 2], for a cut: the more the colours change, the more similar
    the frames may be. A person in the middle of both shots makes them similar."""

    def __post_init__(self) -> None:
        if not (0 <= self.max_likeness <= 1 and 0 <= self.min_colour_change <= 1 and 0 <= self.min_difference <= 2):
            raise ValueError(f"values must be in [0, 1], min_difference in [0, 2], got {self}")


class ShotCutDetector:
    """Compares each frame of one video with the frame before."""

    def __init__(self, options: ShotCutOptions | None = None) -> None:
        self.options = options or ShotCutOptions()
        self._last: tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]] | None = None

    def is_cut(self, image_bgr: ImageArray) -> bool:
        """Whether a new shot begins with this (H, W, 3) uint8 BGR frame; False for the first one."""
        current = _thumbnail(image_bgr)
        last, self._last = self._last, current
        if last is None:
            return False
        colour_change = cv2.compareHist(last[1], current[1], cv2.HISTCMP_BHATTACHARYYA)
        if colour_change < self.options.min_colour_change:
            return False
        alike = likeness(last[0], current[0])
        difference = colour_change + (1 - alike) / 2
        return alike <= self.options.max_likeness and difference >= self.options.min_difference


def likeness(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> float:
    """The best correlation, in [-1, 1], of the middle of `after` with any place near the middle of `before`."""
    dx, dy = SEARCH_PX
    middle = after[dy : after.shape[0] - dy, dx : after.shape[1] - dx]
    return float(cv2.matchTemplate(before, middle, cv2.TM_CCOEFF_NORMED).max())


def _thumbnail(image_bgr: ImageArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """A small grey image, (36, 64) uint8, and the colour histogram, which sums to 1."""
    small = cv2.resize(image_bgr, THUMBNAIL_WH, interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    bins = [HUE_BINS, SATURATION_BINS, VALUE_BINS]
    histogram = cv2.calcHist([hsv], [0, 1, 2], None, bins, [0, 180, 0, 256, 0, 256])
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    return grey, (histogram.ravel() / histogram.sum()).astype(np.float32)
