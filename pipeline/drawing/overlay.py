"""Draws boxes around faces, and captions beside them, on a picture: in place, readable at any size.

What is drawn is laid out first, as filled rectangles and captions, so that it can be painted on pictures of any kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from facetally.detection.boxes import shared_areas
from facetally.detection.faces import ImageArray
from facetally.drawing.placement import IntBox
from facetally.formatting import printable
from facetally.images.lettering import font
from facetally.tracks.appearances import PredictedGender

Colour = tuple[int, int, int]
"""RGB, 0-255."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
COLOURS: dict[PredictedGender, tuple[Colour, Colour]] = {
    "female": ((0x7A, 0x4F, 0xB5), WHITE),
    "male": ((0xE0, 0x9A, 0x2B), BLACK),
    "unknown": ((0xB9, 0xC0, 0xC9), BLACK),
}
"""RGB of box and caption, as in the report, and of the letters. The caption's text says the gender as well."""
TEXT_OF_FACE = 0.17
"""Height of the letters, relative to the face, ..."""
TEXT_OF_PICTURE = 1 / 42, 1 / 24
"""... within these limits, relative to the picture's height; ..."""
MIN_TEXT_PX = 11
"""... and never smaller."""
LINE_OF_PICTURE = 1 / 300
"""Width of a box's line, relative to the longer side of the picture."""


@dataclass(frozen=True)
class FaceLabel:
    """A face and what is written beside it."""

    box: tuple[float, float, float, float]
    """x1, y1, x2, y2 in pixels of the picture."""
    text: str = ""
    """One line; empty: only the box."""
    gender: PredictedGender = "unknown"
    """Selects the colour."""


@dataclass(frozen=True)
class Bar:
    """A filled rectangle: a side of a box, or its outline."""

    box: IntBox
    colour: Colour


@dataclass(frozen=True)
class Caption:
    """A caption at its place."""

    xy: tuple[int, int]
    """Top left corner in pixels."""
    image: ImageArray
    """(H, W, 3) uint8 RGB; shared, do not change."""

    @property
    def box(self) -> IntBox:
        height, width = self.image.shape[:2]
        return (self.xy[0], self.xy[1], self.xy[0] + width, self.xy[1] + height)


def draw_faces(image: ImageArray, labels: Sequence[FaceLabel], *, order: Literal["bgr", "rgb"] = "bgr") -> None:
    """Draws boxes and captions on a picture, in place.

    Args:
        image: (H, W, 3) uint8, in the order that `order` names.
        labels: what to draw; boxes may reach beyond the picture.
        order: of the image's channels.
    """
    step = -1 if order == "bgr" else 1
    bars, captions = laid_out(labels, (image.shape[1], image.shape[0]))
    for bar in bars:
        x1, y1, x2, y2 = bar.box
        image[y1:y2, x1:x2] = bar.colour[::step]
    for one in captions:
        x1, y1, x2, y2 = one.box
        image[y1:y2, x1:x2] = one.image[:, :, ::step]


def laid_out(labels: Sequence[FaceLabel], size_wh: tuple[int, int]) -> tuple[list[Bar], list[Caption]]:
    """What to paint, in this order: the bars of all boxes, then the captions; all within the picture.

    Args:
        labels: what to draw.
        size_wh: of the picture in pixels.
    """
    boxes = [_clipped(label.box, size_wh) for label in labels]
    shown = [(label, box) for label, box in zip(labels, boxes, strict=True) if box[2] > box[0] and box[3] > box[1]]
    bars = [bar for label, box in shown for bar in _bars(box, COLOURS[label.gender][0], size_wh)]
    covered = np.array([box for _, box in shown], np.float32).reshape(-1, 4)
    captions = []
    for label, box in shown:
        if not label.text:
            continue
        image = _caption_image(label.text, label.gender, _text_px(box, size_wh), size_wh[0])
        image = image[: size_wh[1]]
        one = Caption(_place(box, (image.shape[1], image.shape[0]), covered, size_wh), image)
        covered = np.concatenate([covered, np.array([one.box], np.float32)])
        captions.append(one)
    return bars, captions


def _clipped(box: Sequence[float], size_wh: tuple[int, int]) -> IntBox:
    if not all(map(math.isfinite, box)):
        return (0, 0, 0, 0)
    width, height = size_wh
    x1, x2 = (min(max(round(x), 0), width) for x in (box[0], box[2]))
    y1, y2 = (min(max(round(y), 0), height) for y in (box[1], box[3]))
    return (x1, y1, x2, y2)


def _bars(box: IntBox, colour: Colour, size_wh: tuple[int, int]) -> list[Bar]:
    """The four sides of a box, on a dark outline that shows on bright pictures; lines lie inside the box's edges."""
    line_px = max(2, round(max(size_wh) * LINE_OF_PICTURE))
    x1, y1, x2, y2 = box
    wide = (max(x1 - 1, 0), max(y1 - 1, 0), min(x2 + 1, size_wh[0]), min(y2 + 1, size_wh[1]))
    return _frame(wide, line_px + 2, BLACK) + _frame(box, line_px, colour)


def _frame(box: IntBox, line_px: int, colour: Colour) -> list[Bar]:
    x1, y1, x2, y2 = box
    across, down = min(line_px, x2 - x1), min(line_px, y2 - y1)
    sides = ((x1, y1, x2, y1 + down), (x1, y2 - down, x2, y2), (x1, y1, x1 + across, y2), (x2 - across, y1, x2, y2))
    return [Bar(side, colour) for side in sides]


def _text_px(box: IntBox, size_wh: tuple[int, int]) -> int:
    """Font size: in proportion to the face, in steps, so that few captions are drawn anew while a face moves."""
    smallest, largest = (share * size_wh[1] for share in TEXT_OF_PICTURE)
    wanted = min(max(TEXT_OF_FACE * (box[3] - box[1]), smallest), largest)
    return max(MIN_TEXT_PX, 2 * round(wanted / 2))


@lru_cache(maxsize=512)
def _caption_image(text: str, gender: PredictedGender, text_px: int, max_width_px: int) -> ImageArray:
    """(H, W, 3) uint8 RGB; smaller letters where the text is wider than the picture."""
    text = printable(text)
    width = font(text_px).getlength(text) + text_px // 2
    if width > max_width_px:
        text_px = max(4, int(text_px * max_width_px / width))
    letters, pad = font(text_px), text_px // 4
    width = min(math.ceil(letters.getlength(text)) + 2 * pad, max_width_px)
    paper, ink = COLOURS[gender]
    canvas = Image.new("RGB", (width, round(1.25 * text_px) + pad), paper)
    ImageDraw.Draw(canvas).text((pad, pad // 2), text, ink, letters)
    return np.asarray(canvas, np.uint8)


def _place(
    box: IntBox, size: tuple[int, int], covered: npt.NDArray[np.float32], size_wh: tuple[int, int]
) -> tuple[int, int]:
    """Above, below, or inside the box at its top or bottom, aligned left or right: the first that hides least."""
    (width, height), (picture_width, picture_height) = size, size_wh
    lefts = np.clip([box[0], box[2] - width], 0, max(picture_width - width, 0))
    tops = np.clip([box[1] - height, box[3], box[1], box[3] - height], 0, max(picture_height - height, 0))
    places = np.array([[left, top, left + width, top + height] for top in tops for left in lefts], np.float32)
    hidden_px = shared_areas(places, covered).sum(axis=1)
    left, top = places[np.argmin(hidden_px)][:2]
    return int(left), int(top)
