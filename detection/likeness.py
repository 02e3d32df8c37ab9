"""How alike two small pictures are that may be shifted against each other."""

from __future__ import annotations

import cv2

from facetally.detection.faces import ImageArray


def likeness(before: ImageArray, after: ImageArray, shift_px: tuple[int, int]) -> float:
    """The best correlation, in [-1, 1], of the middle of `after` with any place near the middle of `before`.

    Args:
        before, after: (H, W) uint8 grey.
        shift_px: the largest shift along x and y.
    """
    dx, dy = shift_px
    middle = after[dy : after.shape[0] - dy, dx : after.shape[1] - dx]
    return float(cv2.matchTemplate(before, middle, cv2.TM_CCOEFF_NORMED).max())
