"""Reads the tables of all videos of a run that count, as hands corrected them: what tallies and reports sum up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from facetally.options import ClassificationOptions
from facetally.results.corrections import Corrections, read_corrections
from facetally.results.ledger import ROW_COLUMNS, Ledger, VideoRow
from facetally.results.many_files import Advanced, ManyFiles, check_complete, no_progress
from facetally.results.tables import FACES, TRACKS, VIDEOS
from facetally.tracks.appearances import STORED_DECIMALS

TRACK_COLUMNS = (
    *("video_id", "track_id", "first_s", "last_s", "screen_time_s", "face_height_px", "female_prob"),
    *("gender", "age_years", "age_band", "person_in_video", "quality"),
)
FACE_COLUMNS = ("video_id", "track_id", "time_s", "duration_s")
CHUNK_VIDEOS = 500
"""Videos of which the tracks are in memory together."""


class TablesOfRun:
    """The tables of a run.

    Args:
        ledger: the run.
        advanced: is called with a number of files that were read; a run has two of them for each video.
        is_corrected: apply the corrections by hand.
    """

    def __init__(self, ledger: Ledger, advanced: Advanced = no_progress, *, is_corrected: bool = True) -> None:
        self.ledger, self._advanced, self._is_corrected = ledger, advanced, is_corrected
        self._options: dict[str, ClassificationOptions] = {}

    @cached_property
    def rows(self) -> list[VideoRow]:
        """The rows of the videos that count, sorted by name, with the fields of `ROW_COLUMNS`.

        Raises:
            OutputError: there is none, or one is damaged.
        """
        videos = ManyFiles(self.ledger.out, "videos", VIDEOS, ROW_COLUMNS)
        videos.refresh(self._advanced)
        return list(_QuickLedger(self.ledger, videos, self._advanced).rows())

    @cached_property
    def corrections(self) -> Corrections:
        """What was corrected by hand.

        Raises:
            OutputError: its file is damaged.
        """
        return read_corrections(self.ledger.out) if self._is_corrected else Corrections()

    @property
    def disclosure(self) -> str:
        """A sentence about the corrections by hand; empty if there are none."""
        return self.corrections.disclosure({row.video_id for row in self.rows})

    def tracks(
        self, rows: Sequence[VideoRow] | None = None, min_confidence: float | None = None
    ) -> Iterator[pd.DataFrame]:
        """The tracks of these videos, of some hundred videos at a time, with the columns `TRACK_COLUMNS`.

        Args:
            rows: of the videos, in their order; by default all that count. Failed ones have no tracks.
            min_confidence: below this the gender is unknown; in place of the run's own threshold. A gender that was
                corrected by hand stays.

        Raises:
            OutputError: a damaged file.
        """
        usable = [row for row in (self.rows if rows is None else rows) if row.status != "failed"]
        files = ManyFiles(self.ledger.out, "tracks", TRACKS, TRACK_COLUMNS)
        files.refresh(self._advanced)
        for start in range(0, len(usable), CHUNK_VIDEOS):
            chunk = usable[start : start + CHUNK_VIDEOS]
            for row in chunk:
                if not files.is_quick(row.video_id):
                    check_complete(self.ledger.path("faces", row.video_id))
            tracks = files.read([row.video_id for row in chunk], self._advanced).to_pandas()
            if min_confidence is not None:
                tracks = self._with_min_confidence(tracks, chunk, min_confidence)
            yield self.corrections.applied(tracks)

    def faces(self, video_ids: Sequence[str]) -> pd.DataFrame:
        """The faces of these videos, with the columns `FACE_COLUMNS`.

        Raises:
            OutputError: a damaged file.
        """
        return self._face_files.read(video_ids).to_pandas()

    @cached_property
    def _face_files(self) -> ManyFiles:
        """Opened once: that lists the folder."""
        return ManyFiles(self.ledger.out, "faces", FACES, FACE_COLUMNS)

    def options_of(self, row: VideoRow) -> ClassificationOptions:
        """The options with which the genders of a video were decided."""
        key = row.options_digest or row.video_id
        if key not in self._options:
            stored = self.ledger.provenance(row.video_id)["options"]
            self._options[key] = ClassificationOptions.of_run(stored)
        return self._options[key]

    def _with_min_confidence(
        self, tracks: pd.DataFrame, rows: Sequence[VideoRow], min_confidence: float
    ) -> pd.DataFrame:
        options = {row.video_id: self.options_of(row) for row in rows}
        parts = []
        for used in dict.fromkeys(options.values()):
            own = tracks["video_id"].isin([video_id for video_id, other in options.items() if other == used])
            parts.append(with_min_confidence(tracks[own], replace(used, min_confidence=min_confidence)))
        return pd.concat(parts).sort_index()


def with_min_confidence(tracks: pd.DataFrame, options: ClassificationOptions) -> pd.DataFrame:
    """The tracks with their genders decided again by these options, as `predicted_gender` does it for one."""
    prob = tracks["female_prob"].to_numpy(np.float64)
    confidence = np.round(np.maximum(prob, 1 - prob), STORED_DECIMALS)
    unknown = (prob == 0.5) | (confidence < options.min_confidence)
    unknown |= tracks["face_height_px"].to_numpy() < options.min_face_height_px
    unknown |= tracks["age_years"].to_numpy() < options.min_age_years
    predicted = np.where(unknown, "unknown", np.where(prob > 0.5, "female", "male"))
    return tracks.assign(gender=pd.Series(predicted, tracks.index, dtype=tracks["gender"].dtype))


class _QuickLedger(Ledger):
    """A ledger that reads all rows together; a row that it cannot read so is read alone, with the usual errors."""

    def __init__(self, ledger: Ledger, videos: ManyFiles, advanced: Advanced) -> None:
        super().__init__(ledger.out)
        self._videos, self._advanced = videos, advanced

    @cached_property
    def _by_id(self) -> dict[str, dict[str, Any]]:
        ids = [video_id for video_id in self.video_ids() if self._videos.is_quick(video_id)]
        rows = self._videos.read(ids).to_pylist()
        return {row["video_id"]: row for row in rows}

    def read_row(self, video_id: str) -> VideoRow:
        if video_id in self._by_id:
            return VideoRow(**self._by_id[video_id])
        self._advanced(1)
        return super().read_row(video_id)
