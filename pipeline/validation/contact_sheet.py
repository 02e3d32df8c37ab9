"""An image of the people who were misclassified. It is made only on request, to inspect and then delete."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from facetally.detection.faces import ImageArray
from facetally.errors import VideoError
from facetally.files import write_whole
from facetally.options import Sampling
from facetally.results.ledger import Ledger
from facetally.results.tables import FACES, read_table
from facetally.truth.labels import Floats
from facetally.validation.outcomes import PersonOutcome
from facetally.validation.validate import Validation
from facetally.video.reader import VideoReader

TILE_PX = 160
FACES_SHOWN = 5
"""Of each person: the best by quality, in order of time."""
MARGIN = 0.5
"""Around the face, relative to its size: hair and clothes help the viewer."""
TEXT_PX = 420


def write_contact_sheet(ledger: Ledger, validation: Validation, path: Path) -> int:
    """Writes a PNG with one line for each person found and misclassified; returns their number. Without any: no file.

    Raises:
        OutputError: the file cannot be written.
    """
    wrong = [p for p in validation.outcomes.people if p.label.counts and p.is_found and not p.is_right]
    if not wrong:
        return 0
    lines = [_line(ledger, person, validation.video_ids[person.label.video]) for person in wrong]
    write_whole(path, cv2.imencode(".png", np.concatenate(lines))[1].tobytes())
    return len(lines)


def _line(ledger: Ledger, person: PersonOutcome, video_id: str) -> ImageArray:
    faces = read_table(ledger.path("faces", video_id), FACES).to_pandas()
    own = faces[faces["track_id"].isin(person.track_ids)]
    best = own.nlargest(FACES_SHOWN, "quality").sort_values("time_s")
    row = ledger.row(video_id)
    try:
        tiles = _tiles(Path(row.path), best) if row else []
    except VideoError:  # moved or deleted since the run
        tiles = []
    blank = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
    return np.concatenate([_text(person), *tiles, *[blank] * (FACES_SHOWN - len(tiles))], axis=1)


def _tiles(path: Path, faces: pd.DataFrame) -> list[ImageArray]:
    """The faces with their margins, cut from the video."""
    boxes = faces[["x1", "y1", "x2", "y2"]].to_numpy()
    wanted = {round(time_s, 6): box for time_s, box in zip(faces["time_s"], boxes, strict=True)}
    tiles: list[ImageArray] = []
    with VideoReader(path, Sampling(every_s=0.0)) as reader:
        for frame in reader:
            if round(frame.time_s, 6) in wanted:
                tiles.append(_tile(frame.image.bgr(), wanted[round(frame.time_s, 6)]))
            if len(tiles) == len(wanted):
                break
    return tiles


def _tile(image: ImageArray, box: Floats) -> ImageArray:
    """A square around a box; (TILE_PX, TILE_PX, 3) uint8 BGR, black outside the frame."""
    centre = (box[:2] + box[2:]) / 2
    scale = TILE_PX / ((1 + 2 * MARGIN) * max(box[2] - box[0], box[3] - box[1]))
    shift = TILE_PX / 2 - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    return np.asarray(cv2.warpAffine(image, matrix, (TILE_PX, TILE_PX), flags=cv2.INTER_AREA), np.uint8)


def _text(person: PersonOutcome) -> ImageArray:
    """The label and the prediction of a person, as text; (TILE_PX, TEXT_PX, 3) uint8 BGR."""
    canvas = np.zeros((TILE_PX, TEXT_PX, 3), np.uint8)
    label = person.label
    words = (
        label.video[-48:],
        f"{label.person}: {label.gender}, {label.age_band}, {label.face_quality}",
        f"predicted {person.predicted}, female_prob {person.female_prob:.3f}",
        f"face {person.face_height_px:.0f} px, {len(person.track_ids)} tracks",
    )
    for i, line in enumerate(words):
        safe = line.encode("ascii", "replace").decode()
        cv2.putText(canvas, safe, (8, 30 + 32 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (230, 230, 230), 1, cv2.LINE_AA)
    return canvas
