"""Sheets with the faces of a drawn sample, numbered like its lines in people.csv: to see whom one labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facetally.detection.faces import ImageArray
from facetally.errors import VideoError
from facetally.files import write_whole
from facetally.formatting import player_time
from facetally.images.face_pictures import FaceBox, face_boxes, face_pictures
from facetally.images.lettering import Line, text_block
from facetally.options import Sampling
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, read_table
from facetally.truth.labels import DrawnAppearance, Sample

TILE_PX = 128
FACES_SHOWN = 4
"""Of each appearance: the best by quality, in order of time."""
NUMBER_WIDTH_PX, TEXT_WIDTH_PX = 72, 300
SHEET_LINES = 20
"""Appearances on one sheet."""
NO_PICTURE = "no picture: the video is not where it was"


@dataclass(frozen=True)
class _Shown:
    """An appearance and its faces to show."""

    drawn: DrawnAppearance
    row: VideoRow
    faces: list[FaceBox]
    first_s: float
    last_s: float


@dataclass(frozen=True)
class Sheets:
    """The sheets of a sample."""

    paths: tuple[Path, ...]
    without_picture: int
    """Appearances whose video is no longer where it was."""


def write_sheets(ledger: Ledger, sample: Sample, folder: Path) -> Sheets:
    """Writes sheet_1.png, sheet_2.png, ... to a truth folder; predictions are not shown.

    Raises:
        OutputError: a damaged run, or a file that cannot be written.
    """
    rows = {row.video: row for row in ledger.rows()}
    paths, without_picture = [], 0
    for number, start in enumerate(range(0, len(sample.drawn), SHEET_LINES), 1):
        drawn = sample.drawn[start : start + SHEET_LINES]
        shown = [_shown(ledger, rows[one.video], one) for one in drawn]
        pictures = _pictures(ledger, shown)
        without_picture += sum(not own for own in pictures)
        lines = [_line(one, own) for one, own in zip(shown, pictures, strict=True)]
        paths.append(folder / f"sheet_{number}.png")
        write_whole(paths[-1], cv2.imencode(".png", np.concatenate(lines))[1].tobytes())
    return Sheets(tuple(paths), without_picture)


def _shown(ledger: Ledger, row: VideoRow, drawn: DrawnAppearance) -> _Shown:
    faces = read_table(ledger.path("faces", row.video_id), FACES).to_pandas()
    own = faces[faces["track_id"] == drawn.track_id]
    best = own.nlargest(FACES_SHOWN, "quality").sort_values("time_s", kind="stable")
    return _Shown(drawn, row, face_boxes(best), float(own["time_s"].min()), float(own["time_s"].max()))


def _pictures(ledger: Ledger, shown: Sequence[_Shown]) -> list[list[ImageArray]]:
    """The pictures of each appearance; each video is decoded once."""
    pictures: list[list[ImageArray]] = [[] for _ in shown]
    for video_id in dict.fromkeys(one.row.video_id for one in shown):
        places = [place for place, one in enumerate(shown) if one.row.video_id == video_id]
        faces = [(place, face) for place in places for face in shown[place].faces]
        cut = _cut(ledger, shown[places[0]].row, [face for _, face in faces])
        for (place, _), picture in zip(faces, cut, strict=True):
            if picture is not None:
                pictures[place].append(picture)
    return pictures


def _cut(ledger: Ledger, row: VideoRow, faces: list[FaceBox]) -> Sequence[ImageArray | None]:
    sampling = Sampling(**ledger.provenance(row.video_id).get("options", {}).get("sampling", {}))
    has_jumps = row.clock_jump_count > 0
    try:
        return face_pictures(Path(row.path), faces, sampling, size_px=TILE_PX, has_clock_jumps=has_jumps)
    except VideoError:  # moved or deleted since the run
        return [None] * len(faces)


def _line(shown: _Shown, pictures: list[ImageArray]) -> ImageArray:
    """The number, where and when, and the faces; (TILE_PX, W, 3) uint8 BGR."""
    number = text_block([Line(shown.drawn.person, is_bold=True)], (NUMBER_WIDTH_PX, TILE_PX), text_px=28, pad_px=12)
    words = text_block(list(_words(shown, bool(pictures))), (TEXT_WIDTH_PX, TILE_PX))
    blank = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
    return np.concatenate([number, words, *pictures, *[blank] * (FACES_SHOWN - len(pictures))], axis=1)


def _words(shown: _Shown, has_pictures: bool) -> Iterator[Line]:
    yield Line(shown.drawn.video, keeps_end=True)
    yield Line(f"{player_time(shown.first_s)} to {player_time(shown.last_s)}")
    if not has_pictures:
        yield Line(NO_PICTURE)
