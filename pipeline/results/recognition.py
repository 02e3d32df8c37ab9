"""Recognises appearances by when and where they were seen, since a later run may number them otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from facetally.detection.boxes import iou_matrix
from facetally.errors import OutputError
from facetally.results.corrections_file import BOX_DECIMALS, TIME_DECIMALS, Anchor, Box, TrackCorrection
from facetally.results.ledger import Ledger
from facetally.results.many_files import read_columns
from facetally.results.tables import FACES, TRACKS

SAME_TIME_S = 0.6
"""By how much the first and last time of the same appearance may differ, as when a person rounded them."""
REACH_S = 1.0
"""By how much a face may be seen before or after an appearance and still be compared with it."""
MIN_IOU = 0.4
"""Of two boxes of one face. When the 254 appearances of 95 clips were looked for in a run with 0.5 instead of 0.2 s
between samples, 245 were found or missed as by all faces of the appearance, 7 more were missed, and 2 were given to the
other one of two parts."""
EDGES = ["x1", "y1", "x2", "y2"]
TRACK_COLUMNS = ("track_id", "first_s", "last_s", "gender", "age_band")
FACE_COLUMNS = ("track_id", "time_s", *EDGES)


class Appearances:
    """The appearances of a run, read by video when they are first asked for.

    Args:
        ledger: the run.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tracks: dict[str, pd.DataFrame] = {}
        self._faces: dict[str, pd.DataFrame] = {}

    def tracks(self, video_id: str) -> pd.DataFrame:
        """The rows of tracks/ of a video, with `TRACK_COLUMNS`; none if it has no results."""
        return self._read(self._tracks, video_id, "tracks", TRACKS, TRACK_COLUMNS)

    def is_readable(self, video_id: str) -> bool:
        """Whether the tables of a video are intact."""
        try:
            self.tracks(video_id)
            self._faces_of(video_id, 0)
        except OutputError:
            return False
        return True

    def track(self, video_id: str, track_id: int) -> pd.Series | None:
        """The row of an appearance."""
        tracks = self.tracks(video_id)
        rows = tracks[tracks["track_id"] == track_id]
        return rows.iloc[0] if len(rows) else None

    def has(self, video_id: str, correction: TrackCorrection) -> bool:
        """Whether the video has the appearance under this number, where and when the correction says it was."""
        if correction.track_id is None:
            return False
        tracks, seen = self.tracks(video_id), correction.anchor
        if seen is not None:
            is_then = (tracks["first_s"] - seen.first_s).abs() <= SAME_TIME_S
            tracks = tracks[is_then & ((tracks["last_s"] - seen.last_s).abs() <= SAME_TIME_S)]
        if correction.track_id not in set(tracks["track_id"]):
            return False
        # faces are read only where two appearances have the same times
        return seen is None or len(tracks) == 1 or self.likeness(video_id, correction.track_id, seen) > 0

    def anchor(self, video_id: str, track_id: int) -> Anchor | None:
        """When and where an appearance is seen: its times, and its face nearest to the middle; as written in a file."""
        track = self.track(video_id, track_id)
        if track is None:
            return None
        first_s, last_s = (round(float(track[name]), TIME_DECIMALS) for name in ("first_s", "last_s"))
        faces = self._faces_of(video_id, track_id)
        if not len(faces):
            return Anchor(first_s, last_s)
        face = faces.iloc[(faces["time_s"] - (first_s + last_s) / 2).abs().argmin()]
        x1, y1, x2, y2 = (round(float(face[edge]), BOX_DECIMALS) for edge in EDGES)
        return Anchor(first_s, last_s, round(float(face["time_s"]), TIME_DECIMALS), (x1, y1, x2, y2))

    def best_match(self, video_id: str, seen: Anchor) -> tuple[int, float] | None:
        """The track id of the appearance that is most like the one seen before, and its likeness; None: none is."""
        likeness = {
            int(track_id): self.likeness(video_id, int(track_id), seen)
            for track_id in self._shown_in(video_id, seen)["track_id"]
        }
        best = max(likeness, key=lambda track_id: likeness[track_id], default=None)
        return (best, likeness[best]) if best is not None and likeness[best] > 0 else None

    def likeness(self, video_id: str, track_id: int, seen: Anchor) -> float:
        """How well an appearance fits one seen before, 0-1; 0: not at all.

        This is the overlap (intersection over union) of the two faces at the stated time; without such a face that of
        the two times.
        """
        track = self.track(video_id, track_id)
        if track is None:
            return 0.0
        if seen.box is None or seen.time_s is None:
            overlap = _overlap((seen.first_s, seen.last_s), (track["first_s"], track["last_s"]))
        else:
            box = self._box_at(video_id, track_id, seen.time_s)
            overlap = 0.0 if box is None else float(iou_matrix(_as_array(seen.box), _as_array(box))[0, 0])
        return overlap if overlap >= MIN_IOU else 0.0

    def _read(
        self, known: dict[str, pd.DataFrame], video_id: str, table: str, schema: pa.Schema, columns: Sequence[str]
    ) -> pd.DataFrame:
        if video_id not in known:
            has_row = self._ledger.has(video_id)
            path = self._ledger.path(table, video_id)
            rows = read_columns(path, schema, columns) if has_row else schema.empty_table().select(columns)
            known[video_id] = rows.to_pandas()
        return known[video_id]

    def _shown_in(self, video_id: str, seen: Anchor) -> pd.DataFrame:
        """The appearances in view at the times of one seen before."""
        tracks = self.tracks(video_id)
        return tracks[(tracks["first_s"] <= seen.last_s + REACH_S) & (tracks["last_s"] >= seen.first_s - REACH_S)]

    def _faces_of(self, video_id: str, track_id: int) -> pd.DataFrame:
        faces = self._read(self._faces, video_id, "faces", FACES, FACE_COLUMNS)
        return faces[faces["track_id"] == track_id]

    def _box_at(self, video_id: str, track_id: int, time_s: float) -> Box | None:
        """The face of an appearance at a time, between two sampled faces in proportion; None: not in view."""
        faces = self._faces_of(video_id, track_id).sort_values("time_s")
        times = faces["time_s"].to_numpy()
        if not len(times) or not times[0] - REACH_S <= time_s <= times[-1] + REACH_S:
            return None
        x1, y1, x2, y2 = (float(np.interp(time_s, times, faces[edge].to_numpy())) for edge in EDGES)
        return x1, y1, x2, y2


def _as_array(box: Box) -> npt.NDArray[np.float32]:
    return np.array([box], np.float32)


def _overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Intersection over union of two intervals; 1 for equal ones without length."""
    union = max(a[1], b[1]) - min(a[0], b[0])
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / union if union else 1.0
