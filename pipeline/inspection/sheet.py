"""Draws a contact sheet: the faces of appearances with their clock times and what was predicted."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from facetally.detection.faces import ImageArray
from facetally.errors import OutputError
from facetally.files import write_whole
from facetally.images.annotate import COLOURS
from facetally.images.lettering import Colour, Line, line_height_px, text_block
from facetally.tracks.appearances import PredictedGender

TILE_PX = 192
WIDTH_PX = 1600
"""Of a sheet; one that holds a single cell is less wide."""
TEXT_PX = 12
CAPTION_LINES = 3
CAPTION_PX = 8 + CAPTION_LINES * line_height_px(TEXT_PX) + 4
BAR_PX = 4
"""A bar in the colour of the gender, between picture and caption."""
GAP_PX = 8
PAPER: Colour = (32, 32, 32)
NO_PICTURE_PAPER: Colour = (64, 64, 64)
QUIET: Colour = (170, 170, 170)
MARK_KEY, MARK = "Software", "facetally show"
"""In the metadata of a sheet: only files that have it are replaced."""


@dataclass(frozen=True)
class Cell:
    """One appearance on a sheet."""

    pictures: tuple[ImageArray | None, ...]
    """(TILE_PX, TILE_PX, 3) uint8 BGR; None where there is none."""
    lines: tuple[Line, ...]
    """The caption."""
    gender: PredictedGender
    no_picture: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class Sheet:
    """A contact sheet, as the images of its lines, the first of which is the title."""

    bands: tuple[ImageArray, ...] = field(repr=False)
    """(H, W, 3) uint8 BGR, all of one width."""

    def png(self) -> bytes:
        """The whole sheet as a PNG file that is marked as ours."""
        return _png(np.concatenate(self.bands))

    def band_pngs(self) -> list[bytes]:
        """Each line as a PNG file: a terminal scrolls them like lines of text."""
        return [_png(band) for band in self.bands]


def drawn(cells: Sequence[Cell], title: str, width_px: int = WIDTH_PX) -> Sheet:
    """Lays cells out in lines.

    Args:
        cells: at least one, all with the same number of pictures.
        title: above them.
        width_px: as many cells are put side by side as fit into it, and as many pictures within a cell; at least one.
    """
    across = max(1, (width_px - 2 * GAP_PX) // TILE_PX)
    drawings = [_cell(cell, across) for cell in cells]
    cell_px = drawings[0].shape[1]
    columns = max(1, min(len(cells), (width_px - GAP_PX) // (cell_px + GAP_PX)))
    sheet_px = GAP_PX + columns * (cell_px + GAP_PX)
    heading = text_block([Line(title, is_bold=True)], (sheet_px, line_height_px(TEXT_PX) + 12), paper=PAPER, text_px=14)
    starts = range(0, len(drawings), columns)
    return Sheet((heading, *(_band(drawings[start : start + columns], sheet_px) for start in starts)))


def _band(drawings: Sequence[ImageArray], width_px: int) -> ImageArray:
    height, cell_px = drawings[0].shape[:2]
    band = np.full((height + GAP_PX, width_px, 3), PAPER, np.uint8)
    for number, drawing in enumerate(drawings):
        left = GAP_PX + number * (cell_px + GAP_PX)
        band[:height, left : left + cell_px] = drawing
    return band


def _cell(cell: Cell, across: int) -> ImageArray:
    """A cell with its pictures in lines of at most `across`."""
    tiles = [_without_picture(cell.no_picture) if picture is None else picture for picture in cell.pictures]
    across = min(across, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % across)
    lines = [np.concatenate(tiles[start : start + across], axis=1) for start in range(0, len(tiles), across)]
    width = TILE_PX * across
    bar = np.full((BAR_PX, width, 3), COLOURS[cell.gender][0], np.uint8)
    caption = text_block(cell.lines, (width, CAPTION_PX), text_px=TEXT_PX, pad_px=6)
    return np.concatenate([*lines, bar, caption])


def _without_picture(why: str) -> ImageArray:
    lines = [Line(""), Line(""), Line(""), Line(why, QUIET)]
    return text_block(lines, (TILE_PX, TILE_PX), text_px=TEXT_PX, paper=NO_PICTURE_PAPER)


def check_sheet_path(path: Path) -> None:
    """Refuses to replace a file that is no sheet of ours.

    Raises:
        OutputError: there is such a file.
    """
    if path.exists() and not _is_sheet(path):
        raise OutputError(
            f"{path} is there already, and is no sheet that facetally show wrote",
            fix="write another file: facetally show ... -o sheet.png",
        )


def write_sheet(sheet: Sheet, path: Path) -> None:
    """Writes a sheet as a PNG file; one that was written before is replaced.

    Raises:
        OutputError: another file is there, or the folder cannot be written.
    """
    check_sheet_path(path)
    write_whole(path, sheet.png())


def _is_sheet(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return bool(image.info.get(MARK_KEY) == MARK)
    except OSError:  # also for a folder, or no image
        return False


def _png(image: ImageArray) -> bytes:
    marks = PngImagePlugin.PngInfo()
    marks.add_text(MARK_KEY, MARK)
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image[:, :, ::-1])).save(content, "PNG", pnginfo=marks)
    return content.getvalue()
