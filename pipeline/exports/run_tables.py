"""The tables of a run as they are exported: with corrections by hand, and times as players show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from facetally.exports.columns import (
    EXPORTED_CORRECTIONS,
    EXPORTED_FACES,
    EXPORTED_TALLIES,
    EXPORTED_TRACKS,
    EXPORTED_VIDEOS,
)
from facetally.exports.formats import ExportTable
from facetally.formatting import player_time
from facetally.results.corrections import Corrections
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS, read_table

TABLES = ("videos", "tracks", "tallies", "corrections", "faces")
DEFAULT_TABLES = TABLES[:-1]
"""All but the largest."""


class RunTables:
    """Reads the tables of a run for an export.

    Args:
        ledger: the run.
        rows: of its videos, in the order of the export.
        corrections: by hand.
        tallies: computes the table `tallies/` with these corrections.
        on_video: called with the table and the number of videos that were read of it.
    """

    def __init__(
        self,
        ledger: Ledger,
        rows: Sequence[VideoRow],
        corrections: Corrections,
        tallies: Callable[[], pd.DataFrame],
        on_video: Callable[[str, int], None] = lambda *_: None,
    ) -> None:
        self._ledger, self._rows, self._corrections = ledger, rows, corrections
        self._tallies, self._on_video = tallies, on_video
        self._corrected_ids = {video_id for video_id, _ in corrections.found}

    def table(self, name: str) -> ExportTable:
        """One of `TABLES`."""
        usable = [row for row in self._rows if row.status != "failed"]
        if name == "videos":
            return ExportTable(name, EXPORTED_VIDEOS, len(self._rows), self._videos)
        if name == "tracks":
            return ExportTable(name, EXPORTED_TRACKS, sum(row.track_count for row in usable), self._tracks)
        if name == "faces":
            return ExportTable(name, EXPORTED_FACES, sum(row.face_count for row in usable), self._faces)
        if name == "corrections":
            return ExportTable(name, EXPORTED_CORRECTIONS, len(self._corrections.rows), self._corrections_table)
        tallies = self._tallies()
        return ExportTable(name, EXPORTED_TALLIES, len(tallies), lambda: iter([_exported_tallies(tallies)]))

    def _videos(self) -> Iterator[pa.Table]:
        names = ("video_id", "is_drop")
        found = pd.DataFrame([(i, row.is_drop) for (i, _), row in self._corrections.found.items()], columns=names)
        dropped = found["video_id"][found["is_drop"].astype(bool)].value_counts()
        corrected = found["video_id"][~found["is_drop"].astype(bool)].value_counts()
        rows = [
            {
                **asdict(row),
                "cuts_s": " ".join(str(round(cut_s, 3)) for cut_s in row.cuts_s),
                "expected_time": player_time(row.expected_s),
                "decoded_time": player_time(row.decoded_s),
                "corrected_count": int(corrected.get(row.video_id, 0)),
                "dropped_count": int(dropped.get(row.video_id, 0)),
            }
            for row in self._rows
        ]
        yield pa.Table.from_pylist(rows, schema=EXPORTED_VIDEOS)

    def _tracks(self) -> Iterator[pa.Table]:
        for row, table in self._read("tracks", TRACKS):
            columns = {
                **_columns(table),
                "video": pa.repeat(row.video, len(table)),
                "first_time": clock_texts(table["first_s"]),
                "last_time": clock_texts(table["last_s"]),
                "predicted_gender": table["gender"],
                "predicted_age_band": table["age_band"],
                "corrected_by_hand": pa.repeat(0, len(table)),
            }
            yield self._corrected(row, _table(columns, EXPORTED_TRACKS))

    def _corrected(self, row: VideoRow, tracks: pa.Table) -> pa.Table:
        if row.video_id not in self._corrected_ids:
            return tracks
        frame = tracks.to_pandas()
        frame["corrected_by_hand"] = self._corrections.are_corrected(frame).astype(np.int64)
        return pa.Table.from_pandas(self._corrections.applied(frame), schema=EXPORTED_TRACKS, preserve_index=False)

    def _faces(self) -> Iterator[pa.Table]:
        dropped: dict[str, list[int]] = {}
        for video_id, track_id in self._corrections.dropped():
            dropped.setdefault(video_id, []).append(track_id)
        for row, table in self._read("faces", FACES):
            if row.video_id in dropped:
                gone = pc.is_in(table["track_id"], pa.array(dropped[row.video_id], pa.int64()))
                table = table.filter(pc.invert(gone))
            columns = {
                **_columns(table),
                "video": pa.repeat(row.video, len(table)),
                "time": clock_texts(table["time_s"]),
            }
            yield _table(columns, EXPORTED_FACES)

    def _corrections_table(self) -> Iterator[pa.Table]:
        ids = {id(row): video_id for (video_id, _), row in self._corrections.found.items()}
        rows = [
            {
                **{"video_id": ids.get(id(row), ""), "video": row.video, "track_id": row.track_id},
                "first_s": row.anchor and row.anchor.first_s,
                "last_s": row.anchor and row.anchor.last_s,
                "first_time": row.anchor and player_time(row.anchor.first_s),
                "last_time": row.anchor and player_time(row.anchor.last_s),
                **{"gender": row.gender, "age_band": row.age_band},
                **{"corrected_by": row.who, "corrected_on": row.when, "applied": int(id(row) in ids)},
            }
            for row in self._corrections.rows
        ]
        yield pa.Table.from_pylist(rows, schema=EXPORTED_CORRECTIONS)

    def _read(self, name: str, schema: pa.Schema) -> Iterator[tuple[VideoRow, pa.Table]]:
        for count, row in enumerate(self._rows):
            self._on_video(name, count)
            if row.status != "failed":
                yield row, read_table(self._ledger.path(name, row.video_id), schema)


def clock_texts(seconds: pa.ChunkedArray) -> pa.Array:
    """Times in seconds as players show them: "0:31"."""
    whole = pc.floor(pc.add(seconds, 1e-6)).combine_chunks().dictionary_encode()
    texts = pa.array([player_time(second) for second in whole.dictionary.to_pylist()], pa.string())
    return texts.take(whole.indices)


def _exported_tallies(tallies: pd.DataFrame) -> pa.Table:
    columns = {name: pa.chunked_array([pa.array(tallies[name])]) for name in tallies.columns}
    columns["bin_start_time"] = clock_texts(columns["bin_start_s"])
    columns["bin_stop_time"] = clock_texts(columns["bin_stop_s"])
    return _table(columns, EXPORTED_TALLIES)


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.schema.names, table.columns, strict=True))


def _table(columns: dict[str, pa.ChunkedArray | pa.Array], schema: pa.Schema) -> pa.Table:
    """The columns of the schema, in its order and with its types."""
    return pa.table([columns[one.name].cast(one.type) for one in schema], schema=schema)
