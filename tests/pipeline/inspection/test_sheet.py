"""A contact sheet: how its cells are laid out, and which files it replaces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from facetally.detection.faces import ImageArray
from facetally.errors import OutputError
from facetally.images.lettering import Line
from facetally.inspection.sheet import BAR_PX, CAPTION_PX, GAP_PX, TILE_PX, Cell, drawn, write_sheet

RED: ImageArray = np.full((TILE_PX, TILE_PX, 3), (0, 0, 255), np.uint8)
CELL_PX = TILE_PX + GAP_PX


def cell(*pictures: ImageArray | None, why: str = "") -> Cell:
    return Cell(pictures or (RED,), (Line("1.  0:31-0:45"), Line("x" * 200), Line("y")), "female", why)


def decoded(png: bytes) -> ImageArray:
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_cells_stand_side_by_side_as_far_as_the_width_goes() -> None:
    sheet = drawn([cell()] * 7, "title", width_px=3 * CELL_PX + GAP_PX)
    assert len(sheet.bands) == 1 + 3
    assert {band.shape[1] for band in sheet.bands} == {3 * CELL_PX + GAP_PX}
    assert sheet.bands[1].shape[0] == TILE_PX + BAR_PX + CAPTION_PX + GAP_PX
    assert [(band[9, :, 2] == 255).sum() // TILE_PX for band in sheet.bands[1:]] == [3, 3, 1]


def test_a_single_cell_makes_a_small_sheet() -> None:
    assert drawn([cell()], "a title that is much longer than the sheet is wide").bands[0].shape[1] == CELL_PX + GAP_PX


@pytest.mark.parametrize(("width_px", "across", "lines"), [(1600, 6, 1), (1000, 5, 2), (400, 2, 3), (50, 1, 6)])
def test_pictures_of_a_cell_go_on_in_the_next_line(width_px: int, across: int, lines: int) -> None:
    band = drawn([cell(*[RED] * 6)], "t", width_px=width_px).bands[1]
    assert band.shape[1] == across * TILE_PX + 2 * GAP_PX
    assert band.shape[0] == lines * TILE_PX + BAR_PX + CAPTION_PX + GAP_PX


def test_a_missing_picture_is_grey_with_a_word() -> None:
    (_, band), (_, without) = (drawn([cell(None, why=why)], "t").bands for why in ("video not found", ""))
    tile = (slice(0, TILE_PX), slice(GAP_PX, GAP_PX + TILE_PX))
    assert len(np.unique(without[tile])) == 1
    assert len(np.unique(band[tile])) > 1


def test_the_file_is_the_sheet_and_may_be_written_again(tmp_path: Path) -> None:
    sheet, path = drawn([cell()], "t"), tmp_path / "new" / "sheet.png"
    for _ in range(2):
        write_sheet(sheet, path)
        assert np.array_equal(decoded(path.read_bytes()), np.concatenate(sheet.bands))


@pytest.mark.parametrize(
    "content", [b"", b"text", cv2.imencode(".png", RED)[1].tobytes()], ids=["empty", "text", "png"]
)
def test_a_file_that_is_no_sheet_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.png"
    path.write_bytes(content)
    with pytest.raises(OutputError, match="is there already") as caught:
        write_sheet(drawn([cell()], "t"), path)
    assert "-o" in caught.value.fix
    assert path.read_bytes() == content


def test_lines_of_a_sheet_are_pictures_of_their_own() -> None:
    sheet = drawn([cell()] * 3, "t", width_px=2 * CELL_PX + GAP_PX)
    assert np.array_equal(np.concatenate([decoded(png) for png in sheet.band_pngs()]), np.concatenate(sheet.bands))
