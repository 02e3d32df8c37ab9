"""An image of the people who were misclassified. It is made only on request, to inspect and then delete."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from facetally.detection.faces import ImageArray
from facetally.errors import VideoError
from facetally.files import write_whole
from facetally.formatting import player_time
from facetally.images.face_pictures import face_boxes, face_pictures, time_span
from facetally.images.lettering import Line, stamped, text_block
from facetally.options import Sampling
from facetally.results.ledger import Ledger
from facetally.results.tables import FACES, read_table
from facetally.validation.outcomes import PersonOutcome
from facetally.validation.validate import Validation

TILE_PX = 160
FACES_SHOWN = 5
"""Of each person: the best by quality, in order of time."""
TEXT_PX = 420
NO_PICTURE = "no picture: the video is not where it was"


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
    tiles = _tiles(ledger, video_id, best)
    blank = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
    note = [] if tiles else [NO_PICTURE]
    return np.concatenate([_text(person, own, note), *tiles, *[blank] * (FACES_SHOWN - len(tiles))], axis=1)


def _tiles(ledger: Ledger, video_id: str, faces: pd.DataFrame) -> list[ImageArray]:
    """The faces with their times, cut from the video; none if it is no longer there."""
    row = ledger.row(video_id)
    sampling = Sampling(**ledger.provenance(video_id).get("options", {}).get("sampling", {}))
    boxes = face_boxes(faces)
    if row is None:
        return []
    path, has_jumps = Path(row.path), row.clock_jump_count > 0
    try:
        pictures = face_pictures(path, boxes, sampling, size_px=TILE_PX, has_clock_jumps=has_jumps)
    except VideoError:  # moved or deleted since the run
        return []
    found = zip(pictures, boxes, strict=True)
    return [stamped(picture, player_time(face.time_s)) for picture, face in found if picture is not None]


def _text(person: PersonOutcome, faces: pd.DataFrame, notes: Sequence[str]) -> ImageArray:
    """The label, the prediction and the times of a person, as text; (TILE_PX, TEXT_PX, 3) uint8 BGR."""
    label = person.label
    words = (
        f"{label.person}: {label.gender}, {label.age_band}, {label.face_quality or 'quality not labelled'}",
        f"predicted {person.predicted}, female_prob {person.female_prob:.3f}",
        f"face {person.face_height_px:.0f} px; {_seen(faces)}",
        *notes,
    )
    lines = [Line(label.video, is_bold=True, keeps_end=True), *map(Line, words)]
    return text_block(lines, (TEXT_PX, TILE_PX))


def _seen(faces: pd.DataFrame) -> str:
    """When a person's tracks are in view: "track 3 at 0:31-0:45, track 7 at 1:02-1:08"."""
    spans = faces.groupby("track_id")["time_s"].agg(["min", "max"]).sort_values("min")
    return ", ".join(
        f"track {track_id} at {time_span(first_s, last_s)}" for track_id, first_s, last_s in spans.itertuples()
    )
