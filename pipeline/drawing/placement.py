"""Where a place in the picture as displayed lies in the picture as stored: rotated, and with pixels that are narrow."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from facetally.detection.faces import ImageArray
from facetally.video.reader import Orientation

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""
IntBox = tuple[int, int, int, int]
"""The same; the last column and row are not included."""


@dataclass(frozen=True)
class Placement:
    """Maps the displayed picture to the stored one.

    Stored pictures may be rotated and mirrored for display, have pixels that are not square, and lines above the
    picture that are not displayed.
    """

    displayed_wh: tuple[int, int]
    """Width and height as displayed, in the pixels of the boxes."""
    stored_wh: tuple[int, int]
    orientation: Orientation = field(default_factory=Orientation)
    blank_lines: int = 0
    """Stored lines above the picture."""

    def box(self, displayed: Box) -> Box:
        """A box in stored pixels."""
        (width, height), turn = self.displayed_wh, self.orientation
        x1, y1, x2, y2 = displayed
        if turn.x_step < 0:
            x1, x2 = width - x2, width - x1
        if turn.y_step < 0:
            y1, y2 = height - y2, height - y1
        if turn.is_quarter_turn:
            x1, y1, x2, y2, width, height = y1, x1, y2, x2, height, width
        across = self.stored_wh[0] / width
        down = (self.stored_wh[1] - self.blank_lines) / height
        return (x1 * across, y1 * down + self.blank_lines, x2 * across, y2 * down + self.blank_lines)

    def image(self, displayed: ImageArray, stored_wh: tuple[int, int]) -> ImageArray:
        """An image turned as stored pictures are, and resized.

        Args:
            displayed: (H, W, 3) uint8 as displayed.
            stored_wh: the size of its box in stored pixels.
        """
        turned = displayed[:: self.orientation.y_step, :: self.orientation.x_step]
        if self.orientation.is_quarter_turn:
            turned = turned.transpose(1, 0, 2)
        if turned.shape[1::-1] != stored_wh:
            turned = np.asarray(cv2.resize(np.ascontiguousarray(turned), stored_wh, interpolation=cv2.INTER_AREA))
        return np.ascontiguousarray(turned)
