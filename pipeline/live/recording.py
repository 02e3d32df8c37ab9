"""Stores the results of a live source: a file every few seconds, joined to the tables of a run at the end.

Each file holds the faces since the one before, and in its metadata the appearances that ended meanwhile, those that
were open, and the state of the source. A process that is killed loses what came after its last file.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pyarrow as pa

from facetally.detection.tracker import NO_TRACK
from facetally.errors import OutputError
from facetally.formatting import command, player_time
from facetally.live.frames import LiveFrames
from facetally.live.reader import Gap, Reader
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, faces_table, provenance_of, read_table, tracks_table, write_table
from facetally.tracks.appearances import Appearance
from facetally.tracks.follow import FaceRows

FOLDER = "live"
"""In the output folder; gone when the tables are complete."""
FLUSH_S = 5.0
SHOWN_GAPS = 10
"""Gaps that the note names; all are in the metadata of the tables."""
CUT_OFF = "facetally live was ended by force: up to ten seconds before that may be missing"


@dataclass(frozen=True)
class Segment:
    """What a file of the recording holds besides faces."""

    row: dict[str, Any]
    """Of the ledger, as it is by now."""
    about: dict[str, Any]
    """How the tables are made: version, options, models; and about the source, under `live`."""
    ended: list[dict[str, Any]]
    open: list[dict[str, Any]]
    joined: list[tuple[int, int]]


class Recording:
    """Collects results and writes them, in a thread of its own, so that no frame waits for the disk.

    Args:
        ledger: the output folder.
        row: the name of the source, and what else is known before it is read.
        reader: of the source.
        about: how the results are made: version, options, models.
        started_at: in UTC, by ISO 8601.
    """

    def __init__(self, ledger: Ledger, row: VideoRow, reader: Reader, about: dict[str, Any], started_at: str) -> None:
        self._ledger, self._row, self._reader, self._about = ledger, row, reader, about
        self._started_at = started_at
        self._rows: list[FaceRows] = []
        self._ended: list[Appearance] = []
        self._joined: dict[int, int] = {}
        self._count = self._face_count = self._track_count = 0
        self._written_s = time.monotonic()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="live-recording")
        self._pending: Future[str] | None = None

    @property
    def is_due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() - self._written_s >= FLUSH_S

    def add(self, rows: FaceRows | None, ended: Iterable[Appearance], joined: Mapping[int, int]) -> None:
        """Adds the results of a frame."""
        if rows is not None:
            self._rows.append(rows)
            self._face_count += len(rows.tracked.faces)
        self._ended += ended
        self._joined |= joined

    def write(self, open_appearances: Sequence[Appearance], frames: LiveFrames) -> None:
        """Begins to write what was added since the last time.

        Args:
            open_appearances: those in view, as they are by now.
            frames: the sampled frames, for the counts.

        Raises:
            OutputError: what was to be written before could not be: the folder cannot be written, or the disk is full.
        """
        self._wait()
        self._track_count += len(self._ended)
        info, hw = self._reader.info, frames.taken.frame.image.hw if frames.taken else (0, 0)
        row = replace(
            self._row,
            container=info.container,
            codec=info.codec,
            width_px=info.width_px,
            height_px=info.height_px,
            displayed_width_px=hw[1],
            displayed_height_px=hw[0],
            fps=info.fps,
            coverage=1.0,
            frame_count=self._reader.frame_count,
            sampled_count=frames.sampled_count,
            decoded_s=frames.watched_s,
            face_count=self._face_count,
            track_count=self._track_count,
        )
        live = {
            "started_at": self._started_at,
            "dropped_count": frames.dropped_count,
            "skipped_count": self._reader.skipped_count,
            "gaps": [asdict(gap) for gap in self._reader.gaps],
        }
        segment = Segment(
            asdict(row),
            self._about | {"live": live},
            [asdict(appearance) for appearance in self._ended],
            [asdict(appearance) for appearance in open_appearances],
            list(self._joined.items()),
        )
        ids = {int(track_id) for rows in self._rows for track_id in rows.tracked.track_ids}
        faces = faces_table(row.video_id, self._rows, ids)
        path = self._ledger.out / FOLDER / f"{self._count:07d}.parquet"
        self._pending = self._writer.submit(write_table, path, faces, asdict(segment))
        self._rows, self._ended, self._joined = [], [], {}
        self._count += 1
        self._written_s = time.monotonic()

    def finish(self) -> None:
        """Waits until all is written.

        Raises:
            OutputError: as `write`.
        """
        self._wait()
        self._writer.shutdown()

    def _wait(self) -> None:
        pending, self._pending = self._pending, None
        if pending:
            pending.result()


def is_left_over(out: Path) -> bool:
    """Whether a folder holds a recording whose tables are not complete."""
    return any((out / FOLDER).glob("*.parquet"))


def join(ledger: Ledger, *, is_cut_off: bool = False, keep: bool = False) -> VideoRow:
    """Makes the tables of a recording from its files, and deletes these.

    Args:
        ledger: the output folder.
        is_cut_off: its process was killed: the appearances that were open then end there.
        keep: the recording goes on: leave the files.

    Raises:
        OutputError: there is none, a file is damaged, or the folder cannot be written.
    """
    paths = sorted((ledger.out / FOLDER).glob("*.parquet"))
    if not paths:
        fix = f"begin one: {command('facetally', 'live', 'SOURCE', '-o', ledger.out)}"
        raise OutputError(f"{ledger.out} holds no recording that is not complete", fix=fix)
    segments = [Segment(**provenance_of(path)) for path in paths]
    appearances = [_appearance(found) for segment in segments for found in segment.ended]
    if is_cut_off or keep:
        appearances += [_appearance(found) for found in segments[-1].open]
    last = segments[-1]
    row = replace(VideoRow(**last.row), status="ok", track_count=len(appearances), note=_note(last.about["live"]))
    if is_cut_off:
        row = replace(row, status="partial", reason=CUT_OFF, fix="nothing to do: all that was stored is in the tables")
    joined = dict(pair for segment in segments for pair in segment.joined)
    kept = [appearance.track_id for appearance in appearances]
    faces = _final_faces(pa.concat_tables(read_table(path, FACES) for path in paths), joined, kept)
    tracks = tracks_table(row.video_id, row.video, appearances)
    row = ledger.store(row, faces, tracks, provenance=last.about)
    ledger.store_names({row.video_id: row.video})
    if not keep:
        rmtree(ledger.out / FOLDER, ignore_errors=True)
    return row


def _appearance(found: dict[str, Any]) -> Appearance:
    return Appearance(**found)


def _final_faces(faces: pa.Table, joined: Mapping[int, int], kept: Sequence[int]) -> pa.Table:
    """The faces with the appearances that they turned out to belong to."""
    ids = faces["track_id"].to_numpy()
    unique, places = np.unique(ids, return_inverse=True)
    known = set(kept)
    final = [joined.get(track_id, track_id) for track_id in unique.tolist()]
    final = [track_id if track_id in known else NO_TRACK for track_id in final]
    column = np.array(final, np.int64)[places] if len(ids) else ids
    place = FACES.get_field_index("track_id")
    return faces.set_column(place, FACES.field(place), pa.array(column, pa.int64())).replace_schema_metadata(None)


def _note(live: dict[str, Any]) -> str:
    """A sentence for the ledger: when it began, and what is missing."""
    parts = [f"live, started_at {live['started_at']}"]
    if live["dropped_count"]:
        parts.append(f"{live['dropped_count']} samples left out, as the machine was busy")
    gaps = [Gap(**gap) for gap in live["gaps"]]
    for gap in gaps[:SHOWN_GAPS]:
        parts.append(f"gap {player_time(gap.start_s)}-{player_time(gap.stop_s)} ({gap.reason})")
    if len(gaps) > SHOWN_GAPS:
        parts.append(f"{len(gaps) - SHOWN_GAPS} more gaps")
    return "; ".join(parts)
