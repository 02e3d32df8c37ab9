"""The Parquet tables: their columns, and how they are written and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from facetally.detection.tracker import NO_TRACK
from facetally.errors import OutputError
from facetally.files import parsed_json, write_whole
from facetally.formatting import command, player_time
from facetally.results.compacted import holder_of
from facetally.tracks.appearances import Appearance
from facetally.tracks.follow import FaceRows

NOT_COUNTED = -1
"""`person_in_video` in a run that did not count people."""
READ_ERRORS = (OSError, pa.ArrowException, UnicodeDecodeError)
"""What pyarrow raises for damaged files; the last for names of columns."""
PROVENANCE_KEY = b"facetally"
SCHEMA_KEY = b"facetally_schema_version"
SCHEMA_VERSION = 2
"""Of all tables, raised when the meaning of a column changes. facetally 0.1 stored none; its columns are those of 2."""


def _schema(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    return pa.schema(
        [pa.field(name, kind, nullable=False, metadata={"description": text}) for name, kind, text in columns]
    )


_VIDEO_ID = ("video_id", pa.string(), "The video's id, the same in all tables")
_VIDEO = ("video", pa.string(), "Path within the input folder, or file name")

FACES = _schema(
    _VIDEO_ID,
    ("frame_index", pa.int64(), "0-based position of the frame among all decoded frames"),
    ("time_s", pa.float64(), "Presentation time in seconds from the video's first frame"),
    ("duration_s", pa.float64(), "Seconds that the sampled frame adds to the screen time of its faces"),
    ("track_id", pa.int64(), "The appearance in tracks/ that the face belongs to; -1: none, or one that is too short"),
    (
        "x1",
        pa.float32(),
        "Left edge, in pixels of the frame as displayed: rotated, and with square pixels (`displayed_width_px` x "
        "`displayed_height_px` of the video)",
    ),
    ("y1", pa.float32(), "Top edge, in the same pixels"),
    ("x2", pa.float32(), "Right edge, in the same pixels"),
    ("y2", pa.float32(), "Bottom edge, in the same pixels"),
    ("score", pa.float32(), "The detector's score, 0-1"),
    ("quality", pa.float32(), "How informative the face is, by size, pose and score, 0-1"),
)

TRACKS = _schema(
    _VIDEO_ID,
    ("video", pa.string(), "Path within the input folder, or file name; empty in results of facetally 0.1"),
    (
        "track_id",
        pa.int64(),
        "One appearance, from entering to leaving the frame or the shot; counts from 0, and some numbers are left out",
    ),
    ("first_s", pa.float64(), "Time of the first face"),
    ("last_s", pa.float64(), "Time of the last face"),
    ("first_time", pa.string(), "`first_s` as players show it: 0:31, 1:02:05; empty in results of facetally 0.1"),
    ("last_time", pa.string(), "`last_s` as players show it; empty in results of facetally 0.1"),
    ("screen_time_s", pa.float64(), "Seconds with the face in view"),
    ("face_count", pa.int64(), "Sampled frames with the face"),
    ("face_height_px", pa.float32(), "Mean height of the face in pixels"),
    ("quality", pa.float32(), "Quality of the best crop, 0-1"),
    ("female_prob", pa.float32(), "Probability that the person is perceived as female, 0-1"),
    ("gender", pa.string(), "Perceived gender: female, male, unknown"),
    ("age_years", pa.float32(), "Perceived age; NaN if the model predicts none"),
    ("age_band", pa.string(), "child 0-12, teen 13-17, young 18-34, mid 35-54, old 55+, unknown"),
    (
        "person_in_video",
        pa.int64(),
        "Number of the person within the video, the same in all of their appearances; -1: people were not counted",
    ),
)

VIDEOS = _schema(
    _VIDEO_ID,
    _VIDEO,
    ("path", pa.string(), "Absolute path"),
    ("status", pa.string(), "ok, partial (part could not be decoded) or failed (nothing could)"),
    ("reason", pa.string(), "Why the status is not ok"),
    ("fix", pa.string(), "What to do about it"),
    ("size_bytes", pa.int64(), "Size of the file"),
    (
        "content_sha256",
        pa.string(),
        "Hash of the file's content; empty: it could not be read, or the video is tried again by the next run",
    ),
    ("same_as", pa.string(), "The video with the same content whose results were copied; empty: none"),
    ("options_digest", pa.string(), "Hash of the options and weights that made the rows"),
    ("container", pa.string(), "Container format"),
    ("codec", pa.string(), "Video codec"),
    ("width_px", pa.int64(), "Stored width, before rotation, in pixels that may not be square"),
    ("height_px", pa.int64(), "Stored height, before rotation"),
    ("displayed_width_px", pa.int64(), "Width as players show it, of the first frame; 0: no frame"),
    ("displayed_height_px", pa.int64(), "Height as players show it, of the first frame"),
    ("fps", pa.float64(), "Mean frame rate stated by the file; if that is far off, that of the frames; 0: unknown"),
    ("expected_s", pa.float64(), "How long the video should last by its file; 0: not stated"),
    ("decoded_s", pa.float64(), "Seconds that could be decoded"),
    ("coverage", pa.float64(), "decoded_s / expected_s, 0-1"),
    ("frame_count", pa.int64(), "Decoded frames"),
    ("sampled_count", pa.int64(), "Frames that were sampled"),
    ("bad_packet_count", pa.int64(), "Packets (compressed pieces of the video) that could not be read or decoded"),
    ("face_count", pa.int64(), "Faces found in sampled frames"),
    ("track_count", pa.int64(), "Appearances"),
    ("clock_jump_count", pa.int64(), "Jumps of the video's clock, on or back, that were closed up"),
    ("note", pa.string(), "What else to know about the video; may be set whatever the status"),
    ("faces_sha256", pa.string(), "Hash of the video's file in faces/; empty in results of facetally 0.1"),
    ("tracks_sha256", pa.string(), "Hash of the video's file in tracks/; empty in results of facetally 0.1"),
    (
        "cuts_s",
        pa.list_(pa.float64()),
        "Shot cuts: time of the first sampled frame of each new shot, in order; the video's own beginning is none of "
        "them; empty in results of facetally 0.1",
    ),
)

TALLIES = _schema(
    _VIDEO_ID,
    _VIDEO,
    ("bin_start_s", pa.float64(), "Start of the time bin, seconds from the video's first frame"),
    ("bin_stop_s", pa.float64(), "End of the time bin, not included"),
    ("gender", pa.string(), "Perceived gender: female, male, unknown"),
    ("age_band", pa.string(), "Perceived age band, or unknown"),
    ("appearances", pa.int64(), "Appearances that begin in the bin"),
    ("people", pa.int64(), "People of whom the first appearance in the video begins in the bin; 0 without --people"),
    ("screen_time_s", pa.float64(), "Seconds of screen time in the bin, summed over appearances"),
)


ADDED: dict[str, Any] = {
    **{"displayed_width_px": 0, "displayed_height_px": 0, "clock_jump_count": 0, "note": ""},
    **{"person_in_video": NOT_COUNTED, "people": 0},
    **{"video": "", "first_time": "", "last_time": "", "faces_sha256": "", "tracks_sha256": ""},
    "cuts_s": [],
}
"""Columns that older tables do not have, and the values that they get when such a table is read."""


def faces_table(
    video_id: str, rows: Sequence[FaceRows], kept_ids: Iterable[int], joined: Mapping[int, int] = MappingProxyType({})
) -> pa.Table:
    """The faces of one video.

    Args:
        video_id: of the video.
        rows: its faces.
        kept_ids: the appearances; faces of other tracks get track id -1.
        joined: for each track that continues an earlier one that one's id.
    """
    counts = [len(row.tracked.faces) for row in rows]
    total = sum(counts)

    def per_face(values: list[Any], dtype: type) -> np.ndarray:
        return np.repeat(np.array(values, dtype), counts)

    def together(parts: list[np.ndarray], empty: np.ndarray) -> np.ndarray:
        return np.concatenate(parts) if parts else empty

    track_ids = together([row.tracked.track_ids for row in rows], np.zeros(0, np.int64))
    track_ids = np.array([joined.get(track_id, track_id) for track_id in track_ids.tolist()], np.int64)
    boxes = together([row.tracked.faces.boxes for row in rows], np.zeros((0, 4), np.float32))
    no_floats = np.zeros(0, np.float32)
    columns = [
        pa.repeat(video_id, total),
        per_face([row.frame_index for row in rows], np.int64),
        per_face([row.time_s for row in rows], np.float64),
        per_face([row.duration_s for row in rows], np.float64),
        np.where(np.isin(track_ids, list(kept_ids)), track_ids, NO_TRACK),
        *boxes.T,
        together([row.tracked.faces.scores for row in rows], no_floats),
        together([row.quality for row in rows], no_floats),
    ]
    return pa.Table.from_arrays(
        [pa.array(column, type=kind) for column, kind in zip(columns, FACES.types, strict=True)], schema=FACES
    )


def tracks_table(
    video_id: str, video: str, appearances: Iterable[Appearance], person_of: Mapping[int, int] = MappingProxyType({})
) -> pa.Table:
    """The appearances of one video, sorted by track id.

    Args:
        video_id: of the video.
        video: its name.
        appearances: in any order.
        person_of: the number of the person that each shows, by track id; empty if people were not counted.
    """
    rows = [
        {
            **{"video_id": video_id, "video": video, **asdict(a)},
            **{"first_time": player_time(a.first_s), "last_time": player_time(a.last_s)},
            "person_in_video": person_of.get(a.track_id, NOT_COUNTED),
        }
        for a in sorted(appearances, key=lambda a: a.track_id)
    ]
    return pa.Table.from_pylist(rows, schema=TRACKS)


def for_other_video(table: pa.Table, video_id: str, video: str) -> pa.Table:
    """A copy of faces/ or tracks/ rows for another video, with its id and its name."""
    for index, field in enumerate(table.schema):
        if value := {"video_id": video_id, "video": video}.get(field.name):
            table = table.set_column(index, field, pa.repeat(value, len(table)))
    return table


def write_table(path: Path, table: pa.Table, provenance: dict[str, Any]) -> str:
    """Writes a table completely or not at all, with its provenance; returns the SHA-256 of the file.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    metadata = {
        PROVENANCE_KEY: json.dumps(provenance, sort_keys=True).encode(),
        SCHEMA_KEY: str(SCHEMA_VERSION).encode(),
    }
    content = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), content, compression="zstd", write_page_checksum=True)
    written = content.getvalue().to_pybytes()
    write_whole(path, written)
    return hashlib.sha256(written).hexdigest()


class NewerTableError(OutputError):
    """A table of a schema that only a newer facetally reads."""


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Reads a file of one of the tables, or the rows that OUT/compacted/ holds in its place.

    Raises:
        NewerTableError: it was written by a newer facetally.
        OutputError: it is damaged or missing, or its columns are those of another table or version.
    """
    if holder := holder_of(path):
        table = holder.read(path.parent.name, path.stem)
        check_schema(path, table.schema, schema)
    else:
        table = _read_file(path, schema)
    return completed(path, table, schema)


def completed(path: Path, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """What was read of a file, with the columns that were added since.

    Raises:
        OutputError: it has empty cells.
    """
    for name in set(schema.names) - set(table.schema.names):
        table = table.append_column(schema.field(name), pa.array([ADDED[name]] * len(table), schema.field(name).type))
    table = table.select(schema.names)
    if empty := [name for name in schema.names if _has_empty_cells(table[name])]:
        raise damaged(path, f"is damaged: column {empty[0]} has empty cells")
    return table


def _read_file(path: Path, schema: pa.Schema) -> pa.Table:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            check_schema(path, file.schema_arrow, schema)
            table = file.read()
            table.validate(full=True)  # of damaged pages: texts that are not UTF-8
    except READ_ERRORS as error:
        raise damaged(path, f"cannot be read: {error}") from error
    return table


def _has_empty_cells(column: pa.ChunkedArray) -> bool:
    """Whether values are missing, or values of lists."""
    inner = pc.list_flatten(column) if pa.types.is_list(column.type) else column
    return bool(column.null_count or inner.null_count)


def check_schema(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    """Checks the columns of a file; those that were added since may be missing.

    Raises:
        NewerTableError, OutputError: as `read_table`.
    """
    version = (found.metadata or {}).get(SCHEMA_KEY, str(SCHEMA_VERSION).encode())
    if not version.isdigit():
        raise damaged(path, "is damaged: its schema version is no number")
    if len(version) > 9 or int(version) > SCHEMA_VERSION:
        raise NewerTableError(
            f"{path} was written by a newer facetally: its tables have schema version {version[:9].decode()}, and this "
            f"one reads up to {SCHEMA_VERSION}",
            fix="pip install --upgrade facetally",
        )
    if set(found.names) - set(wanted.names) or set(wanted.names) - set(found.names) - ADDED.keys():
        raise damaged(path, "was written by another version, or is another table: its columns differ")
    if len(set(found.names)) < len(found.names):
        raise damaged(path, "is damaged: it has a column twice")
    for name in found.names:
        if found.field(name).type != wanted.field(name).type:
            types = f"{found.field(name).type}, not {wanted.field(name).type}"
            raise damaged(path, f"was written by another version: its column {name} is {types}")


def damaged(path: Path, what: str) -> OutputError:
    """The error for a file of a table that cannot be used, with the command that makes it again."""
    if path.parent.name == "tallies":
        remake = command("facetally", "tally", "--write", path.parent.parent)
        return OutputError(f"{path} {what}", fix=f"make it again: {remake}")
    fix = "run the same `facetally run` again: it processes the videos with damaged files again, and no other"
    return OutputError(f"{path} {what}", fix=fix)


def provenance_of(path: Path) -> dict[str, Any]:
    """The provenance that `write_table` stored in a file, or OUT/compacted/ in its place.

    Raises:
        OutputError: the file is damaged.
    """
    holder = holder_of(path)
    try:
        metadata = {PROVENANCE_KEY: holder.provenance(path.stem)} if holder else pq.read_schema(path).metadata or {}
        stored = parsed_json(metadata.get(PROVENANCE_KEY, b"{}").decode(), allow_nan=True)
    except (*READ_ERRORS, ValueError) as error:
        raise damaged(path, f"cannot be read: {error}") from error
    if not isinstance(stored, dict):
        raise damaged(path, "is damaged: its provenance is no JSON object")
    return stored
