"""The Parquet tables: their columns, and how they are written so that a reader never sees half a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from facetally.detection.tracker import NO_TRACK
from facetally.errors import OutputError
from facetally.tracks.follow import FaceRows
from facetally.tracks.people import Person

PROVENANCE_KEY = b"facetally"


def _schema(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    return pa.schema(
        [pa.field(name, kind, nullable=False, metadata={"description": text}) for name, kind, text in columns]
    )


_VIDEO_ID = ("video_id", pa.string(), "The video's id, the same in all tables")

FACES = _schema(
    _VIDEO_ID,
    ("frame_index", pa.int64(), "0-based position of the frame among all decoded frames"),
    ("time_s", pa.float64(), "Presentation time in seconds from the video's first frame"),
    ("duration_s", pa.float64(), "Seconds that the sampled frame stands for"),
    ("track_id", pa.int64(), "The appearance in tracks/ that the face belongs to; -1: too short to be one"),
    ("x1", pa.float32(), "Left edge in pixels of the frame as displayed"),
    ("y1", pa.float32(), "Top edge in pixels"),
    ("x2", pa.float32(), "Right edge in pixels"),
    ("y2", pa.float32(), "Bottom edge in pixels"),
    ("score", pa.float32(), "The detector's score, 0-1"),
    ("quality", pa.float32(), "How much the face can tell by size, pose and score, 0-1"),
)

TRACKS = _schema(
    _VIDEO_ID,
    (
        "track_id",
        pa.int64(),
        "One appearance, from entering to leaving the picture or the shot; counts from 0",
    ),
    ("first_s", pa.float64(), "Time of the first face"),
    ("last_s", pa.float64(), "Time of the last face"),
    ("screen_time_s", pa.float64(), "Seconds with the face in the picture"),
    ("face_count", pa.int64(), "Sampled frames with the face"),
    ("face_height_px", pa.float32(), "Mean height of the face in pixels"),
    ("quality", pa.float32(), "Quality of the best crop, 0-1"),
    ("female_prob", pa.float32(), "Probability that the person is perceived as female, 0-1"),
    ("gender", pa.string(), "Perceived gender: female, male, unknown"),
    ("age_years", pa.float32(), "Perceived age; NaN where the model gives none"),
    ("age_band", pa.string(), "child 0-12, teen 13-17, young 18-34, mid 35-54, old 55+, unknown"),
)

VIDEOS = _schema(
    _VIDEO_ID,
    ("video", pa.string(), "Path within the input folder, or file name"),
    ("path", pa.string(), "Absolute path"),
    ("status", pa.string(), "ok, partial (part could not be decoded) or failed (nothing could)"),
    ("reason", pa.string(), "Why it is not ok"),
    ("fix", pa.string(), "What to do about it"),
    ("size_bytes", pa.int64(), "Size of the file"),
    ("content_sha256", pa.string(), "Hash of the file's content"),
    ("same_as", pa.string(), "The video with the same content whose results these are; empty: its own"),
    ("options_digest", pa.string(), "Hash of the options and weights that made the rows"),
    ("container", pa.string(), "Container format"),
    ("codec", pa.string(), "Video codec"),
    ("width_px", pa.int64(), "Stored width"),
    ("height_px", pa.int64(), "Stored height"),
    ("fps", pa.float64(), "Mean frame rate by the container; 0: not stated"),
    ("expected_s", pa.float64(), "Duration by the container; 0: not stated"),
    ("decoded_s", pa.float64(), "Seconds that could be decoded"),
    ("coverage", pa.float64(), "decoded_s / expected_s, 0-1"),
    ("frame_count", pa.int64(), "Decoded frames"),
    ("sampled_count", pa.int64(), "Frames that were looked at"),
    ("bad_packet_count", pa.int64(), "Packets that could not be read or decoded"),
    ("face_count", pa.int64(), "Faces found in sampled frames"),
    ("track_count", pa.int64(), "Appearances"),
)

TALLIES = _schema(
    _VIDEO_ID,
    ("video", pa.string(), "Path within the input folder, or file name"),
    ("bin_start_s", pa.float64(), "Start of the time bin, seconds from the video's first frame"),
    ("bin_stop_s", pa.float64(), "End of the time bin, not included"),
    ("gender", pa.string(), "Perceived gender: female, male, unknown"),
    ("age_band", pa.string(), "Perceived age band, or unknown"),
    ("appearances", pa.int64(), "Tracks that begin in the bin"),
    ("screen_time_s", pa.float64(), "Seconds of screen time of all tracks in the bin"),
)


def faces_table(video_id: str, rows: Sequence[FaceRows], kept_ids: Iterable[int]) -> pa.Table:
    """The faces of one video; those of tracks that are not kept as appearances get track id -1."""
    counts = [len(row.tracked.faces) for row in rows]
    total = sum(counts)

    def per_face(values: list[Any], dtype: type) -> np.ndarray:
        return np.repeat(np.array(values, dtype), counts)

    def joined(parts: list[np.ndarray], empty: np.ndarray) -> np.ndarray:
        return np.concatenate(parts) if parts else empty

    track_ids = joined([row.tracked.track_ids for row in rows], np.zeros(0, np.int64))
    boxes = joined([row.tracked.faces.boxes for row in rows], np.zeros((0, 4), np.float32))
    no_floats = np.zeros(0, np.float32)
    columns = [
        pa.repeat(video_id, total),
        per_face([row.frame_index for row in rows], np.int64),
        per_face([row.time_s for row in rows], np.float64),
        per_face([row.duration_s for row in rows], np.float64),
        np.where(np.isin(track_ids, list(kept_ids)), track_ids, NO_TRACK),
        *boxes.T,
        joined([row.tracked.faces.scores for row in rows], no_floats),
        joined([row.quality for row in rows], no_floats),
    ]
    return pa.Table.from_arrays(
        [pa.array(column, type=kind) for column, kind in zip(columns, FACES.types, strict=True)], schema=FACES
    )


def tracks_table(video_id: str, people: Iterable[Person]) -> pa.Table:
    """The appearances of one video, by track id."""
    rows = [{"video_id": video_id} | asdict(p) for p in sorted(people, key=lambda p: p.track_id)]
    return pa.Table.from_pylist(rows, schema=TRACKS)


def with_video_id(table: pa.Table, video_id: str) -> pa.Table:
    """The rows of faces/ or tracks/ as those of another video."""
    return table.set_column(0, table.schema.field(0), pa.repeat(video_id, len(table)))


def write_table(path: Path, table: pa.Table, provenance: dict[str, Any]) -> None:
    """Writes a table whole or not at all, with how it was made.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    metadata = {PROVENANCE_KEY: json.dumps(provenance, sort_keys=True).encode()}
    content = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), content, compression="zstd")
    write_whole(path, content.getvalue().to_pybytes())


def write_whole(path: Path, content: bytes) -> None:
    """Writes to a temporary name, syncs, then renames: the file appears whole or not at all, also after a power cut.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}",
            fix="free space, mend the folder's rights or choose another place with -o; then the same command again "
            "goes on from here",
        ) from error


def _sync_folder(folder: Path) -> None:
    """Makes a renaming last; only where folders can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Reads one of our files.

    Raises:
        OutputError: it is damaged, or from a version with other columns.
    """
    fix = "run the same `facetally run` again with --force"
    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path} cannot be read: {error}", fix=fix) from error
    if table.schema.names != schema.names:
        raise OutputError(f"{path} was written by another version: its columns differ", fix=fix)
    return table


def provenance_of(path: Path) -> dict[str, Any]:
    """What `write_table` stored about how a file was made."""
    stored: dict[str, Any] = json.loads((pq.read_schema(path).metadata or {}).get(PROVENANCE_KEY, b"{}"))
    return stored
