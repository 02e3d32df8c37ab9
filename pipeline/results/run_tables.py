"""Reads the output folder of a run in Python: its tables as data frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from facetally.errors import OutputError
from facetally.formatting import command, player_time
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TALLIES, TRACKS, VIDEOS, read_table


class Run:
    """The results of a run in its output folder.

    Args:
        out: the output folder.
        new: rows of the videos that this run processed; none for a run that is only read.
        done: rows of the videos that were done before, also of those that failed.
    """

    def __init__(self, out: str | Path, new: Sequence[VideoRow] = (), done: Sequence[VideoRow] = ()) -> None:
        self.out = Path(out)
        self.new, self.done = tuple(new), tuple(done)
        self._ledger = Ledger(self.out)

    def __repr__(self) -> str:
        return f"Run({str(self.out)!r})"

    @property
    def failed(self) -> tuple[VideoRow, ...]:
        """Rows of the videos of this run that failed, now or before, each with its reason and fix."""
        return tuple(row for row in (*self.new, *self.done) if row.status == "failed")

    def videos(self) -> pd.DataFrame:
        """A row for each video, with the columns of videos/; includes those that failed.

        Raises:
            OutputError: the folder holds no results, or a damaged file. The other tables raise it too.
        """
        return self._frame("videos", VIDEOS, [row.video_id for row in self._ledger.rows()])

    def tracks(self) -> pd.DataFrame:
        """A row for each appearance, with the columns of tracks/; those that older results lack are filled in."""
        usable = self._usable()
        frame = self._frame("tracks", TRACKS, list(usable))
        if (is_old := frame["video"] == "").any():
            frame.loc[is_old, "video"] = frame["video_id"].map(usable)
            for name in ("first", "last"):
                frame.loc[is_old, f"{name}_time"] = frame[f"{name}_s"].map(player_time)
        return frame

    def faces(self) -> pd.DataFrame:
        """A row for each face in a sampled frame, with the columns of faces/."""
        return self._frame("faces", FACES, list(self._usable()))

    def tallies(self) -> pd.DataFrame:
        """The newest tally: a row for each video, time bin, gender and age band, with the columns of tallies/."""
        path = self.out / "tallies" / "tallies.parquet"
        if not path.exists():
            fix = f"make one: {command('facetally', 'tally', '--write', self.out)}"
            raise OutputError(f"{self.out} holds no tally", fix=fix)
        return read_table(path, TALLIES).to_pandas()

    def _usable(self) -> dict[str, str]:
        """The names of the videos that did not fail, by their ids."""
        return {row.video_id: row.video for row in self._ledger.rows() if row.status != "failed"}

    def _frame(self, table: str, schema: pa.Schema, video_ids: Sequence[str]) -> pd.DataFrame:
        parts = [read_table(self._ledger.path(table, video_id), schema) for video_id in video_ids]
        return pa.concat_tables([schema.empty_table(), *parts]).to_pandas()
