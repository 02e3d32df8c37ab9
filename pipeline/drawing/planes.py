"""Paints on decoded pictures as they are stored: a plane of brightness and two of colour, with half the resolution.

Only the painted region is touched, so that a large picture costs no more than a small one, and every other pixel stays
exactly as it was.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from facetally.detection.faces import ImageArray
from facetally.drawing.placement import Box, IntBox

FULL_RANGE = 2
"""FFmpeg's number of a brightness from 0 to 255, instead of 16 to 235."""
BT709, UNSPECIFIED = 1, 2
"""FFmpeg's numbers of matrices from RGB to brightness and colour."""
HD_LINES, HD_COLUMNS = 576, 1280
"""A picture that states no matrix and is larger has that of BT.709, as players assume; else that of BT.601."""
COVER_YUV = 92, 128, 128
"""A dark grey."""

Plane = npt.NDArray[np.uint8]


class Planes:
    """The planes of one picture in yuv420p or yuvj420p, to paint on.

    Args:
        frame: must be writable, and of even width and height.
    """

    def __init__(self, frame: VideoFrame) -> None:
        self.wh = frame.width, frame.height
        self._y, self._u, self._v = map(_pixels, frame.planes)
        is_large = frame.height > HD_LINES or frame.width >= HD_COLUMNS
        stated = int(frame.colorspace)
        self._matrix = _matrix(
            is_bt709=stated == BT709 or (stated == UNSPECIFIED and is_large),
            is_full=int(frame.color_range) == FULL_RANGE or frame.format.name == "yuvj420p",
        )

    def fill(self, box: IntBox, rgb: tuple[int, int, int]) -> None:
        """Fills a rectangle with a colour."""
        self._fill(box, tuple(int(value) for value in self._yuv(np.array([[rgb]], np.uint8))[0, 0]))

    def cover(self, box: IntBox) -> None:
        """Fills a rectangle with grey: nothing of what was there is left."""
        self._fill(box, COVER_YUV)

    def paste(self, xy: tuple[int, int], image_rgb: ImageArray) -> None:
        """Puts an image at a place; what reaches beyond the picture is cut off."""
        x, y = (max(value, 0) // 2 * 2 for value in xy)
        height = min(image_rgb.shape[0], self.wh[1] - y) // 2 * 2
        width = min(image_rgb.shape[1], self.wh[0] - x) // 2 * 2
        if height <= 0 or width <= 0:
            return
        yuv = self._yuv(image_rgb[:height, :width])
        self._y[y : y + height, x : x + width] = yuv[:, :, 0]
        small = cv2.resize(yuv, (width // 2, height // 2), interpolation=cv2.INTER_AREA).reshape(height // 2, -1, 3)
        place = slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2)
        self._u[place], self._v[place] = small[:, :, 1], small[:, :, 2]

    def _fill(self, box: IntBox, yuv: tuple[int, ...]) -> None:
        x1, y1, x2, y2 = box
        self._y[y1:y2, x1:x2] = yuv[0]
        place = slice(y1 // 2, (y2 + 1) // 2), slice(x1 // 2, (x2 + 1) // 2)
        self._u[place], self._v[place] = yuv[1], yuv[2]

    def _yuv(self, image_rgb: ImageArray) -> ImageArray:
        """(H, W, 3) uint8 of brightness and colours."""
        values = image_rgb.astype(np.float32) @ self._matrix[:, :3].T + self._matrix[:, 3]
        return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def even_outwards(box: Box, wh: tuple[int, int]) -> IntBox:
    """The smallest box of even coordinates that contains another, within the picture: it has whole pixels of colour."""
    x1, y1 = (int(max(value, 0) // 2 * 2) for value in box[:2])
    x2, y2 = (int(min(-(-value // 2) * 2, limit)) for value, limit in zip(box[2:], wh, strict=True))
    return (min(x1, wh[0]), min(y1, wh[1]), max(x2, 0), max(y2, 0))


def _pixels(plane: object) -> Plane:
    """(H, W) uint8, without a copy."""
    stored = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[attr-defined, call-overload]
    return np.asarray(stored[:, : plane.width])  # type: ignore[attr-defined]


def _matrix(*, is_bt709: bool, is_full: bool) -> npt.NDArray[np.float32]:
    """(3, 4): from RGB in 0-255, and 1, to brightness and colours (ITU-R BT.601 and BT.709)."""
    red, blue = (0.2126, 0.0722) if is_bt709 else (0.299, 0.114)
    luma = np.array([red, 1 - red - blue, blue])
    rows = np.stack(
        [luma, (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)), (np.array([1, 0, 0]) - luma) / (2 * (1 - red))]
    )
    scales, offsets = (
        ([1.0, 1, 1], [0.0, 128, 128]) if is_full else ([219 / 255, 224 / 255, 224 / 255], [16.0, 128, 128])
    )
    return np.asarray(
        np.concatenate([rows * np.array(scales)[:, None], np.array(offsets)[:, None]], axis=1), np.float32
    )
