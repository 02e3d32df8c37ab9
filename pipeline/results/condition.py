"""Finds the videos of an output folder whose files are damaged, missing, or of another version."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from facetally.errors import OutputError
from facetally.files import sha256_of
from facetally.results.compacted import Compacted, holder_of
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, READ_ERRORS, TRACKS, NewerTableError, check_schema, damaged, read_table

TABLES = {"faces": FACES, "tracks": TRACKS}


@dataclass(frozen=True)
class Damage:
    """A video with a file that cannot be used."""

    video_id: str
    video: str
    """Its name; its id if that is not known."""
    what: str
    """Which file, and what is wrong with it."""
    fix: str
    is_newer: bool = False
    """Whether a newer facetally wrote the file, and it may be intact."""


@dataclass(frozen=True)
class Condition:
    """All videos of an output folder, and those that cannot be used."""

    rows: dict[str, VideoRow] = field(default_factory=dict)
    """By id, also those that are excluded, and those whose faces/ or tracks/ are damaged."""
    damages: dict[str, Damage] = field(default_factory=dict)
    """By id; at most one for each video."""


def condition_of(ledger: Ledger, *, is_deep: bool = False) -> Condition:
    """Reads all rows of an output folder, and checks the other files of each video.

    Args:
        ledger: the output folder.
        is_deep: also compare every file with the hash in the ledger row, which finds any change; otherwise only their
            columns are checked.
    """
    found, names = Condition(), dict[str, str]()
    with suppress(OutputError):  # run.json is damaged: rows that are too go by their ids
        names = ledger.names()
    for video_id in ledger.video_ids():
        name = names.get(video_id, video_id)
        try:
            row = found.rows[video_id] = ledger.read_row(video_id)
            name = row.video
            _check_files(ledger, row, is_deep=is_deep)
        except OutputError as error:
            is_newer = isinstance(error, NewerTableError)
            found.damages[video_id] = Damage(video_id, name, error.what, error.fix, is_newer)
    return found


def _check_files(ledger: Ledger, row: VideoRow, *, is_deep: bool) -> None:
    """Raises OutputError for the first file of a video that cannot be used."""
    stored = {"faces": row.faces_sha256, "tracks": row.tracks_sha256}
    for table, schema in TABLES.items():
        path = ledger.path(table, row.video_id)
        if holder := holder_of(path):
            _check_joined(holder, path, schema, is_deep=is_deep)
        elif not path.exists():
            raise damaged(path, "is missing")
        elif not is_deep:
            _check_columns(path, schema)
        elif not stored[table]:  # made by facetally 0.1
            read_table(path, schema)
        elif stored_sha256(path) != stored[table]:
            read_table(path, schema)  # says what is wrong, if that can be seen
            raise damaged(path, "is not the file that was stored: its hash differs from that in the ledger")


def _check_joined(holder: Compacted, path: Path, schema: pa.Schema, *, is_deep: bool) -> None:
    """Checks rows in OUT/compacted/: there the pages have checksums, and no file is of one video."""
    if is_deep:
        read_table(path, schema)
    else:
        holder.check(path.parent.name, path.stem)


def _check_columns(path: Path, schema: pa.Schema) -> None:
    try:
        check_schema(path, pq.read_schema(path), schema)
    except READ_ERRORS as error:
        raise damaged(path, f"cannot be read: {error}") from error


def stored_sha256(path: Path) -> str:
    """The hash of a stored file.

    Raises:
        OutputError: it cannot be read.
    """
    try:
        return sha256_of(path)
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror}") from error
