"""Writes text on images, in any script that the font has; `cv2.putText` has ASCII only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facetally.detection.faces import ImageArray
from facetally.formatting import printable

Colour = tuple[int, int, int]

STAMP_PX = 14
STAMP_PAD_PX = 4
STAMP_PAPER, STAMP_INK = (0, 0, 0), (255, 255, 255)
ELLIPSIS = "…"


@dataclass(frozen=True)
class Line:
    """A line of text."""

    text: str
    colour: Colour = (230, 230, 230)
    """BGR."""
    is_bold: bool = False
    keeps_end: bool = False
    """If the line is too long, its beginning is left out instead of its end: the end of a path tells the most."""


@cache
def font(size_px: int, is_bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along."""
    name = "DejaVuSans-Bold.ttf" if is_bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size_px)


def text_block(
    lines: Sequence[Line], size_wh: tuple[int, int], *, text_px: int = 14, paper: Colour = (0, 0, 0), pad_px: int = 8
) -> ImageArray:
    """Lines of text below each other; (H, W, 3) uint8 BGR.

    Args:
        lines: shortened where they are wider than the block; those that do not fit below the others are left out.
        size_wh: of the block in pixels.
        text_px: font size.
        paper: BGR of the background.
        pad_px: distance of the text from the left, right and top edges.
    """
    width, height = size_wh
    canvas = Image.new("RGB", (width, height), paper)
    drawing = ImageDraw.Draw(canvas)
    for number, line in enumerate(lines):
        letters = font(text_px, line.is_bold)
        text = shortened(line.text, letters, width - 2 * pad_px, keeps_end=line.keeps_end)
        drawing.text((pad_px, pad_px + number * line_height_px(text_px)), text, line.colour, letters)
    return np.asarray(canvas, np.uint8)


def line_height_px(text_px: int) -> int:
    """Distance between two lines."""
    return round(1.4 * text_px)


def shortened(text: str, letters: ImageFont.FreeTypeFont, width_px: float, *, keeps_end: bool = False) -> str:
    """The text, or as much of it as fits, with an ellipsis for the rest."""
    text = printable(text)
    if letters.getlength(text) <= width_px:
        return text
    low, high = 0, len(text)  # so many characters fit, so many do not
    while high - low > 1:
        middle = (low + high) // 2
        fits = letters.getlength(_cut(text, middle, keeps_end)) <= width_px
        low, high = (middle, high) if fits else (low, middle)
    return _cut(text, low, keeps_end)


def _cut(text: str, count: int, keeps_end: bool) -> str:
    return ELLIPSIS + text[len(text) - count :] if keeps_end else text[:count] + ELLIPSIS


def stamped(image: ImageArray, text: str) -> ImageArray:
    """A copy of an image with a short text on a dark plate at its lower left corner.

    Args:
        image: (H, W, 3) uint8 BGR.
        text: such as a time.
    """
    canvas = Image.fromarray(image)
    drawing, letters = ImageDraw.Draw(canvas), font(STAMP_PX)
    width = round(letters.getlength(text)) + 2 * STAMP_PAD_PX
    top = image.shape[0] - STAMP_PX - 2 * STAMP_PAD_PX
    drawing.rectangle((0, top, width, image.shape[0]), STAMP_PAPER)
    drawing.text((STAMP_PAD_PX, top + STAMP_PAD_PX - 1), text, STAMP_INK, letters)
    return np.asarray(canvas, np.uint8)
