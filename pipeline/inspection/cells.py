"""Finds the faces of chosen appearances in their videos, for a contact sheet."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from facetally.detection.faces import ImageArray
from facetally.errors import VideoError
from facetally.formatting import player_time
from facetally.images.face_pictures import face_boxes, face_pictures, time_span
from facetally.images.lettering import Line, stamped
from facetally.inspection.appearances import Chosen
from facetally.inspection.moments import Span
from facetally.inspection.sheet import QUIET, TILE_PX, Cell
from facetally.inspection.videos import UNREADABLE, VideoFinder
from facetally.options import Sampling
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, read_table

PICTURES_OF_ONE = 6
"""Of an appearance that is shown alone; of several each has one."""
NO_FRAME = "no such frame"
Pictures = list[tuple[ImageArray | None, str]]
"""Of one appearance: each picture, or None and why there is none."""
OnVideo = Callable[[str, int], None]
"""Called with each video whose faces were cut, and the number of all videos."""


def cells_of(
    ledger: Ledger,
    chosen: Chosen,
    finder: VideoFinder,
    *,
    at: Span | None,
    picture_count: int,
    on_video: OnVideo,
) -> list[Cell]:
    """A cell for each appearance.

    Args:
        ledger: the run.
        chosen: at least one appearance.
        finder: of the videos.
        at: shows the faces nearest to this time; None: the best ones, spread over the appearance.
        picture_count: of each appearance; 0: by their number.
        on_video: is called after each video.
    """
    table = chosen.table
    picture_count = picture_count or (PICTURES_OF_ONE if len(table) == 1 else 1)
    pictures: dict[Any, Pictures] = {}
    groups = list(table.groupby("video_id", observed=True, sort=False))
    for video_id, tracks in groups:
        row = chosen.rows[str(video_id)]
        pictures |= _pictures(ledger, row, tracks, finder, at, picture_count)
        on_video(row.video, len(groups))
    widest = max(map(len, pictures.values()))
    numbered = enumerate(table.itertuples(), start=1)
    return [_cell(number, track, pictures[track.Index], widest) for number, track in numbered]


def _pictures(
    ledger: Ledger, row: VideoRow, tracks: pd.DataFrame, finder: VideoFinder, at: Span | None, count: int
) -> dict[Any, Pictures]:
    """The pictures of a video's appearances, by their index in the table."""
    faces = read_table(ledger.path("faces", row.video_id), FACES).to_pandas()
    shown = {
        index: shown_faces(faces[faces["track_id"] == track_id], count, at)
        for index, track_id in tracks["track_id"].items()
    }
    wanted = [face for own in shown.values() for face in face_boxes(own)]
    found: list[ImageArray | None] = [None] * len(wanted)
    path, why = finder.find(row)
    if path:
        sampling = Sampling(**ledger.provenance(row.video_id).get("options", {}).get("sampling", {}))
        has_jumps = row.clock_jump_count > 0
        try:
            found = face_pictures(path, wanted, sampling, size_px=TILE_PX, has_clock_jumps=has_jumps)
        except VideoError:
            why = UNREADABLE
    tiles = iter(
        (None, why or NO_FRAME) if picture is None else (stamped(picture, player_time(face.time_s)), "")
        for picture, face in zip(found, wanted, strict=True)
    )
    return {index: [next(tiles) for _ in range(len(own))] or [(None, NO_FRAME)] for index, own in shown.items()}


def shown_faces(faces: pd.DataFrame, count: int, at: Span | None) -> pd.DataFrame:
    """Some faces of an appearance, in order of time.

    Args:
        faces: all of them: rows of faces/.
        count: at most so many.
        at: the nearest to this time; None: the best of each of `count` parts of equal length.
    """
    times_s = faces["time_s"].to_numpy(np.float64)
    if at is not None:
        distance_s = pd.Series([abs(at.clipped(time_s) - time_s) for time_s in times_s], faces.index, float)
        return faces.loc[distance_s.sort_values(kind="stable").index[:count]].sort_values("time_s")
    if not len(faces):
        return faces
    length_s = times_s.max() - times_s.min()
    parts = np.minimum((times_s - times_s.min()) / (length_s or 1.0) * count, count - 1).astype(int)
    return faces.loc[faces["quality"].groupby(parts).idxmax()].sort_values("time_s")


def _cell(number: int, track: Any, pictures: Pictures, count: int) -> Cell:
    times = time_span(track.first_s, track.until_s)
    lines = (
        Line(f"{number}.  {times}  ({track.screen_time_s:.1f} s)", is_bold=True),
        Line(", ".join(word for word in (described_gender(track), described_age(track)) if word)),
        Line(f"{track.video}, track {track.track_id}", QUIET, keeps_end=True),
    )
    why = next((why for picture, why in pictures if picture is None), "")
    padding: list[ImageArray | None] = [None] * (count - len(pictures))
    return Cell((*(picture for picture, _ in pictures), *padding), lines, track.gender, why)


def described_gender(track: Any) -> str:
    """The gender and its probability: "female 97 %", "unknown, male 61 %", "male *" if corrected by hand."""
    if track.corrected:
        return f"{track.gender} *"
    likelier = "female" if track.female_prob > 0.5 else "male"
    probability = f"{likelier} {100 * max(track.female_prob, 1 - track.female_prob):.0f} %"
    return f"unknown, {probability}" if track.gender == "unknown" else probability


def described_age(track: Any) -> str:
    """The age in years: "34"; the band where that was corrected, or where no age is predicted; empty if unknown."""
    if track.corrected or math.isnan(track.age_years):
        return "" if track.age_band == "unknown" else str(track.age_band)
    return f"{track.age_years:.0f}"
