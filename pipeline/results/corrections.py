"""Corrections by hand: OUT/corrections.csv says which appearances the machine got wrong.

Tallies, reports and exports apply them. A validation does not: it measures the machine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.errors import OutputError
from facetally.formatting import listed
from facetally.problems import Problems
from facetally.results.copies import Copies
from facetally.results.corrections_file import FILE_NAME, TrackCorrection, read_correction_rows
from facetally.results.ledger import Ledger
from facetally.results.recognition import Appearances
from facetally.results.video_lookup import VideoLookup

MAX_NAMED = 3
"""Corrections that a sentence names; more are counted."""


@dataclass(frozen=True)
class Corrections:
    """The corrections of a run."""

    rows: tuple[TrackCorrection, ...] = ()
    """In the order of the file."""
    found: dict[tuple[str, int], TrackCorrection] = field(default_factory=dict)
    """Those of which the appearance is in the run, by video id and track id; for each copy of its video, too."""
    lost: tuple[TrackCorrection, ...] = ()
    """Those of which it is not: they change nothing."""

    def __bool__(self) -> bool:
        return bool(self.rows)

    def applied(self, tracks: pd.DataFrame) -> pd.DataFrame:
        """The rows of tracks/ with the corrections: other genders and age bands, without what was dropped.

        Where genders are decided again with another threshold, that comes first and this second.

        Args:
            tracks: of one or many videos, with the columns video_id, track_id, gender and age_band.

        Returns:
            A new table with the same columns in the same order and with the same types.
        """
        positions = self._positions(tracks)
        if not positions:
            return tracks
        corrected = tracks.copy()
        for name in ("gender", "age_band"):
            changed = {at: value for at, row in positions.items() if (value := getattr(row, name)) and not row.is_drop}
            if name in tracks and changed:
                corrected[name] = _replaced(tracks[name], changed)
        keep = np.ones(len(tracks), bool)
        keep[[at for at, row in positions.items() if row.is_drop]] = False
        return corrected[keep]

    def are_corrected(self, tracks: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """(N,) bool: which of N rows of tracks/ were corrected by hand."""
        marks = np.zeros(len(tracks), bool)
        marks[list(self._positions(tracks))] = True
        return marks

    def dropped(self) -> set[tuple[str, int]]:
        """The video ids and track ids of the appearances that do not count: not a face, or to be ignored."""
        return {key for key, row in self.found.items() if row.is_drop}

    def disclosure(self, video_ids: Collection[str] | None = None) -> str:
        """A sentence about how many appearances were corrected by hand; empty if none were.

        Args:
            video_ids: counts only those of these videos; by default of all.
        """
        rows = [row for (video_id, _), row in self.found.items() if video_ids is None or video_id in video_ids]
        copied = len(rows) - len({id(row) for row in rows})
        dropped = sum(row.is_drop for row in rows)
        corrected = len(rows) - dropped
        parts = [f"{_appearances(corrected)} corrected by hand"] if corrected else []
        parts += [f"{_appearances(dropped)} dropped by hand"] if dropped else []
        of_copies = f", {copied:,} of them in {'a copy' if copied == 1 else 'copies'} of a video" if copied else ""
        return " and ".join(parts) + of_copies

    def lost_note(self) -> str:
        """A sentence that names the corrections of which the appearance is not in the run; empty if there are none."""
        if not self.lost:
            return ""
        named = listed((row.described() for row in self.lost), MAX_NAMED)
        count = "1 correction is" if len(self.lost) == 1 else f"{len(self.lost)} corrections are"
        return f"{count} not applied, since the run has no such appearance: {named}"

    def _positions(self, tracks: pd.DataFrame) -> dict[int, TrackCorrection]:
        """The corrected rows of the table by their positions."""
        if not self.found or not len(tracks):
            return {}
        near = np.flatnonzero(tracks["video_id"].isin({video_id for video_id, _ in self.found}))
        keys = zip(tracks["video_id"].iloc[near], tracks["track_id"].iloc[near].tolist(), strict=True)
        rows = {int(at): self.found.get(key) for at, key in zip(near, keys, strict=True)}
        return {at: row for at, row in rows.items() if row}


def read_corrections(out: Path) -> Corrections:
    """The corrections of the run in `out`; empty if there are none.

    A correction that states when and where its appearance was seen is applied only if the run has it there still.

    Raises:
        OutputError: the file is damaged, or has wrong values; names all of them with their lines and fixes.
    """
    rows = read_correction_rows(out / FILE_NAME)
    if not rows:
        return Corrections()
    return resolved(Ledger(out), rows)


def resolved(ledger: Ledger, rows: Sequence[TrackCorrection]) -> Corrections:
    """Finds the appearances of corrections in a run.

    Copies of a video have its appearances, so a correction counts for all of them; where several are corrected
    differently, each has its own correction, and the others have the first one.

    Raises:
        OutputError: two rows correct one appearance, a video's name fits two videos, or a damaged table.
    """
    videos, shown = VideoLookup(ledger), Appearances(ledger)
    problems = Problems(FILE_NAME)
    found: dict[tuple[str, int], TrackCorrection] = {}
    lost = []
    for row in rows:
        with problems.collected():
            video_id = video_id_of(videos, row)
            if video_id is None or row.track_id is None or not shown.has(video_id, row):
                lost.append(row)
            elif earlier := found.get((video_id, row.track_id)):
                raise row.contradicts(earlier)
            else:
                found[video_id, row.track_id] = row
    problems.raise_any()
    return Corrections(tuple(rows), _with_copies(found, Copies(ledger), shown), tuple(lost))


def _with_copies(
    found: dict[tuple[str, int], TrackCorrection], copies: Copies, shown: Appearances
) -> dict[tuple[str, int], TrackCorrection]:
    """Corrections by video id and track id, with those that copies of their videos get; own ones come last."""
    of_copies: dict[tuple[str, int], TrackCorrection] = {}
    for (video_id, track_id), row in found.items():
        for other in copies.of(video_id):
            if (other, track_id) not in found and shown.has(other, row):
                of_copies.setdefault((other, track_id), row)
    return of_copies | found


def video_id_of(videos: VideoLookup, row: TrackCorrection) -> str | None:
    """The id of the video that a row names; None if the run has it not.

    Raises:
        OutputError: the name fits two videos.
    """
    try:
        return videos.find(row.video)
    except OutputError as error:
        raise OutputError(f"{row.path}, line {row.line}, column video: {error.what}", fix=error.fix) from error


def _replaced(column: pd.Series, values: dict[int, str]) -> pd.Series:
    """A copy of a column of texts with other values at some positions."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.add_categories(sorted(set(values.values()) - set(column.cat.categories)))
    column = column.copy()
    column.iloc[list(values)] = list(values.values())
    return column


def _appearances(count: int) -> str:
    return "1 appearance" if count == 1 else f"{count:,} appearances"
