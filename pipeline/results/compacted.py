"""Reads OUT/compacted/, where `facetally compact` joined the small files of a run into a few large ones.

The rule for all readers: a video with a row of its own in OUT/videos/ is read from its own three files, any other one
from here. So results that are made again count at once, and no video mixes its own files with joined ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from facetally.errors import OutputError
from facetally.files import parsed_json, whole_file, write_whole
from facetally.formatting import command
from facetally.results.compacted_file import CompactedFile, GroupCache

TABLES = ("videos", "tracks", "faces")
FOLDER, INDEX, REMOVED = "compacted", "index.parquet", "removed"
"""The folder; in it the list of its videos and files, and a folder with an empty file for each video that a run
removed."""
NEW_SUFFIX = ".new"
"""Of a file that the index names, until the files that it replaces are deleted. Other programs ignore such names."""
ABOUT_KEY = b"facetally_compacted"
FORMAT = 1
"""Of the index; a newer one is refused."""
INDEX_SCHEMA = pa.schema(
    [
        ("video_id", pa.string()),
        ("part", pa.int64()),
        ("tracks_rows", pa.int64()),
        ("faces_rows", pa.int64()),
        ("provenance", pa.int64()),
        ("row_size", pa.int64()),
        ("row_mtime_ns", pa.int64()),
        ("row_sha256", pa.string()),
    ]
)
"""Of each video, sorted by part and id: its numbers of rows, its provenance among those in the metadata, and the size,
time of change and hash that the file of its row in OUT/videos/ had."""
READ_ERRORS = (OSError, pa.ArrowException, ValueError, KeyError, TypeError, RecursionError)
CACHED_RUNS = 4
Stamp = tuple[int, int]
"""Size of a file, and its time of change in nanoseconds."""


@dataclass(frozen=True)
class StoredFile:
    """A file of one table and one part."""

    name: str
    """Within OUT/compacted/."""
    sha256: str
    size: int


@dataclass(frozen=True)
class Index:
    """The content of OUT/compacted/index.parquet: what is written last, so that it stands for complete files."""

    table: pa.Table
    """With the columns of `INDEX_SCHEMA`."""
    parts: dict[int, dict[str, StoredFile]]
    """By number and table."""
    provenances: list[str]
    """How results were made, as JSON; all different."""

    @classmethod
    def read(cls, out: Path) -> Index:
        """Of an output folder.

        Raises:
            OutputError: it is damaged, or of a newer version.
            FileNotFoundError: there is none.
        """
        path = out / FOLDER / INDEX
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                about = parsed_json((file.schema_arrow.metadata or {})[ABOUT_KEY].decode())
                if int(about["format"]) > FORMAT:
                    what = f"{path} was written by a newer facetally"
                    raise OutputError(what, fix="pip install --upgrade facetally")
                table = file.read().select(INDEX_SCHEMA.names).cast(INDEX_SCHEMA)
                table.validate(full=True)
            parts = {
                int(number): {name: StoredFile(**files[name]) for name in TABLES}
                for number, files in about["parts"].items()
            }
            provenances = [str(text) for text in about["provenances"]]
        except FileNotFoundError:
            raise
        except READ_ERRORS as error:
            raise _damaged_index(out, error) from error
        return cls(table, parts, provenances)

    def write(self, out: Path) -> None:
        """Replaces the index of an output folder, completely or not at all.

        Raises:
            OSError: the folder cannot be written, or the disk is full.
        """
        parts = {number: {name: asdict(file) for name, file in files.items()} for number, files in self.parts.items()}
        about = {"format": FORMAT, "parts": parts, "provenances": self.provenances}
        schema = INDEX_SCHEMA.with_metadata({ABOUT_KEY: json.dumps(about).encode()})
        with whole_file(out / FOLDER / INDEX) as temporary:
            pq.write_table(self.table.cast(schema), temporary, compression="zstd", write_page_checksum=True)


class Compacted:
    """The videos in OUT/compacted/.

    Args:
        out: the output folder.

    Raises:
        OutputError, FileNotFoundError: as `Index.read`.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out / FOLDER
        self.index = Index.read(out)
        self._row_of = {video_id: row for row, video_id in enumerate(self.index.table["video_id"].to_pylist())}
        self._cache = GroupCache()
        self._files: dict[tuple[str, int], CompactedFile] = {}

    @property
    def video_ids(self) -> set[str]:
        """All but those that were removed since."""
        return self._row_of.keys() - removed_ids(self.folder)

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._row_of and not os.path.lexists(self.folder / REMOVED / video_id)

    def stamp(self, video_id: str) -> Stamp:
        """Of the file of a video's row when it was joined."""
        row = self._row_of[video_id]
        return int(self._numbers["row_size"][row]), int(self._numbers["row_mtime_ns"][row])

    def provenance(self, video_id: str) -> bytes:
        """How the results of a video were made, as `write_table` stored it."""
        text: str = self.index.provenances[self._numbers["provenance"][self._row_of[video_id]]]
        return text.encode()

    def entry(self, video_id: str) -> dict[str, Any]:
        """The row of the index of a video."""
        return dict(self.index.table.slice(self._row_of[video_id], 1).to_pylist()[0])

    def read(self, table: str, video_id: str, columns: tuple[str, ...] | None = None) -> pa.Table:
        """The rows of a video, as from `CompactedFile.rows`.

        Raises:
            OutputError: they are damaged, or the file is missing.
        """
        return next(self.read_many(table, [video_id], columns))

    def read_many(
        self, table: str, video_ids: Sequence[str], columns: tuple[str, ...] | None = None
    ) -> Iterator[pa.Table]:
        """The rows of videos, in their order; those that are stored one after the other come together.

        Raises:
            OutputError: as `read`.
        """
        rows = np.array([self._row_of[video_id] for video_id in video_ids], np.int64)
        parts = self._numbers["part"][rows]
        is_new = (np.diff(rows) != 1) | (np.diff(parts) != 0)
        for run in np.split(np.arange(len(rows)), np.flatnonzero(is_new) + 1) if len(rows) else ():
            part = int(parts[run[0]])
            first = int(rows[run[0]]) - self._range(part)[0]
            yield self._file(table, part).rows(range(first, first + len(run)), columns)

    def schemas(self, table: str) -> Iterator[pa.Schema]:
        """Of the files of a table.

        Raises:
            OutputError: one is damaged or missing.
        """
        return (self._file(table, part).schema for part in self.index.parts)

    def check(self, table: str, video_id: str) -> None:
        """Checks that the file with a video's rows is there and was written to its end, without reading rows.

        Raises:
            OutputError: it is not.
        """
        self._file(table, int(self._numbers["part"][self._row_of[video_id]]))

    def path(self, file: StoredFile) -> Path:
        """Where a file lies at present."""
        path = self.folder / file.name
        new = path.with_name(path.name + NEW_SUFFIX)
        return new if new.exists() else path

    def _file(self, table: str, part: int) -> CompactedFile:
        if (table, part) not in self._files:
            first, last = self._range(part)
            counts = self._numbers[f"{table}_rows"][first:last]
            ids = self.index.table["video_id"].slice(first, last - first).combine_chunks()
            path = self.path(self.index.parts[part][table])
            if not path.exists() and Index.read(self.folder.parent).parts != self.index.parts:
                what = f"{self.folder} was replaced by `facetally compact` while it was read"
                raise OutputError(what, fix="run the same command again")
            self._files[table, part] = CompactedFile(path, ids, counts, self._cache)
        return self._files[table, part]

    def _range(self, part: int) -> tuple[int, int]:
        """The first row of the index for a part, and the one after its last."""
        first, last = (int(np.searchsorted(self._numbers["part"], part, side)) for side in ("left", "right"))
        return first, last

    @cached_property
    def _numbers(self) -> dict[str, npt.NDArray[np.int64]]:
        """The columns of numbers."""
        table = self.index.table
        numbers = {field.name: table[field.name].to_numpy() for field in table.schema if field.type == pa.int64()}
        return numbers | {"videos_rows": np.ones(len(table), np.int64)}


_open: dict[Path, tuple[tuple[int, ...], Compacted]] = {}
"""The folders that were read last, with the inode, size and time of their index."""


def compacted_of(out: Path) -> Compacted | None:
    """What OUT/compacted/ holds; None without it.

    Raises:
        OutputError: its index is damaged, or of a newer version.
    """
    try:
        status = (out / FOLDER / INDEX).stat()
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        if out not in _open or _open[out][0] != stamp:
            _open.pop(out, None)
            while len(_open) >= CACHED_RUNS:
                _open.pop(next(iter(_open)))
            _open[out] = (stamp, Compacted(out))
        return _open[out][1]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _damaged_index(out, error) from error


def holder_of(path: Path) -> Compacted | None:
    """What holds the rows of a video in place of its file OUT/TABLE/VIDEO_ID.parquet; None: the file itself counts.

    Raises:
        OutputError: as `compacted_of`.
    """
    out, table = path.parent.parent, path.parent.name
    if table not in TABLES or os.path.lexists(out / "videos" / path.name):
        return None
    found = compacted_of(out)
    return found if found and path.stem in found else None


def removed_ids(folder: Path) -> set[str]:
    """The videos of OUT/compacted/ that a run removed since they were joined."""
    try:
        return {path.name for path in (folder / REMOVED).iterdir()}
    except OSError:
        return set()


def mark_removed(out: Path, video_id: str) -> None:
    """Notes that a video counts no more, though OUT/compacted/ still has its rows; nothing where it has none.

    Raises:
        OutputError: the folder cannot be written.
    """
    found = compacted_of(out)
    if found and video_id in found:
        write_whole(out / FOLDER / REMOVED / video_id, b"")


def _damaged_index(out: Path, error: Exception) -> OutputError:
    again = command("facetally", "compact", out)
    return OutputError(
        f"{out / FOLDER / INDEX} is damaged: {error}",
        fix=f"put it back from a backup; or delete {command(out / FOLDER)}, and {again} makes it again. Videos whose "
        "own files were removed are then processed again by the next `facetally run`",
    )
