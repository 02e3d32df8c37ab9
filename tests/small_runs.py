"""Runs of which tests state every appearance: who, from when to when, and where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from facetally.formatting import player_time
from facetally.inputs import InputVideo
from facetally.options import RunOptions
from facetally.results.ledger import Ledger, Status, VideoRow
from facetally.results.tables import FACES, NOT_COUNTED, TRACKS

FACE_PX = 40.0


class Seen(NamedTuple):
    """An appearance."""

    track_id: int
    first_s: float
    last_s: float
    gender: str = "male"
    age_band: str = "mid"
    x: float = 0.0
    """Left edge of the face in pixels."""
    every_s: float = 0.5
    age_years: float = 40.0


def id_of(video: str) -> str:
    return InputVideo(Path(), video).video_id


def store(out: Path, video: str, *seen: Seen, status: Status = "ok") -> Ledger:
    """Stores a video's results in a run, in place of older ones."""
    ledger = Ledger(out)
    faces = [face for one in seen for face in _faces(video, one)]
    row = VideoRow(id_of(video), video, f"/in/{video}", status, track_count=len(seen), face_count=len(faces))
    tables = (
        pa.Table.from_pylist(rows, schema=kind) for rows, kind in ((faces, FACES), (_tracks(video, seen), TRACKS))
    )
    ledger.store(row, *tables, provenance={"version": "1", "options": RunOptions().as_dict(), "models": {}})
    return ledger


def _tracks(video: str, seen: Sequence[Seen]) -> list[dict[str, object]]:
    return [
        {
            **{"video_id": id_of(video), "video": video, "track_id": one.track_id, "person_in_video": NOT_COUNTED},
            **{"first_s": one.first_s, "last_s": one.last_s, "screen_time_s": one.last_s - one.first_s},
            **{"first_time": player_time(one.first_s), "last_time": player_time(one.last_s)},
            **{"face_count": len(_times(one)), "face_height_px": FACE_PX, "quality": 0.5, "female_prob": 0.1},
            **{"gender": one.gender, "age_years": one.age_years, "age_band": one.age_band},
        }
        for one in seen
    ]


def _faces(video: str, one: Seen) -> list[dict[str, object]]:
    box = {"x1": one.x, "y1": 0.0, "x2": one.x + FACE_PX, "y2": FACE_PX}
    fixed = {
        "video_id": id_of(video),
        "track_id": one.track_id,
        "duration_s": one.every_s,
        "score": 0.9,
        "quality": 0.5,
    }
    return [{**fixed, **box, "frame_index": round(25 * t), "time_s": t} for t in _times(one)]


def _times(one: Seen) -> list[float]:
    return [float(t) for t in np.arange(one.first_s, one.last_s + 1e-6, one.every_s)]
