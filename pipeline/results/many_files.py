"""Reads one table of many videos: many small files, of which opening each costs more than its content.

Videos that OUT/compacted/ holds are read from there, the others from their own files. For these a data set of pyarrow
is slower than reading the files one by one (pyarrow 26: 0.9 and 0.6 ms for a file of tracks/). Reading only the needed
columns is faster, and a copy of these columns in one file much more so.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from facetally.errors import OutputError
from facetally.files import parsed_json, whole_file
from facetally.results.compacted import FOLDER, Compacted, compacted_of, holder_of
from facetally.results.tables import READ_ERRORS, check_schema, damaged, read_table

CACHE_FOLDER = ".cache"
STAMPS_KEY, CHECKSUM_KEY = b"facetally_copied", b"crc32"
"""In the metadata of the copy, and in that of each of its batches."""
PARQUET_MARK = b"PAR1"
"""The end of a file."""
THREADS, CHUNK = 4, 500
"""That read files for a copy, and how many files they read ahead."""
MIN_CHANGED = 200
"""Files that changed from which on the copy is written again."""
Stamp = list[int]
"""Inode, size and time of change in nanoseconds. Tables are replaced as whole files, so one of them changes."""
Advanced = Callable[[int], None]
"""Is called with a number of files that were read."""


def no_progress(_: int) -> None:
    """Ignores the progress."""


class ManyFiles:
    """The files of one table of a run, with a copy of the needed columns in OUT/.cache/TABLE.arrow.

    A file that changed since the copy was made is read itself, and so is one whose rows in the copy are damaged.

    Args:
        out: the output folder of the run.
        table: its name.
        schema: of the table.
        columns: those that are needed.
    """

    def __init__(self, out: Path, table: str, schema: pa.Schema, columns: Sequence[str]) -> None:
        self._folder, self._schema, self._columns = out / table, schema, list(columns)
        self._is_ledger = table == "videos"
        self._path = out / CACHE_FOLDER / f"{table}.arrow"
        self._stamps = _stamps(self._folder)
        self._names = tuple(sorted(columns))
        self._joined = _usable(compacted_of(out), table, schema, columns)
        self._joined_ids = self._joined.video_ids if self._joined else set()
        self._rows = self._stamps if self._is_ledger or not self._joined else _stamps(out / "videos")
        self._copy, self._places = self._opened()

    def read(self, video_ids: Iterable[str], advanced: Advanced = no_progress) -> pa.Table:
        """The rows of these videos, in their order.

        Raises:
            OutputError: a file is damaged or missing.
        """
        parts = [self._empty]
        for is_joined, group in groupby(video_ids, self.is_joined):
            ids = list(group)
            parts += self._joined_rows(ids, advanced) if is_joined else [self._part(one, advanced) for one in ids]
        return pa.concat_tables(parts)

    def refresh(self, advanced: Advanced = no_progress) -> None:
        """Makes the copy again if many files changed; does nothing if one is damaged or the folder is read-only."""
        changed = [video_id for video_id in self._stamps if not self.is_quick(video_id)]
        if len(changed) >= MIN_CHANGED:
            with suppress(OSError, OutputError):
                self._write(advanced)
                self._copy, self._places = self._opened()

    def is_copied(self, video_id: str) -> bool:
        """Whether the rows of a video come from the copy."""
        return video_id in self._places and self._places[video_id][1] == self._stamps.get(video_id)

    def is_joined(self, video_id: str) -> bool:
        """Whether the rows of a video come from OUT/compacted/: it has no files of its own, or they are unchanged."""
        if self._joined is None or video_id not in self._joined_ids:
            return False
        own = self._rows.get(video_id)
        return own is None or tuple(own[1:]) == self._joined.stamp(video_id)

    def is_quick(self, video_id: str) -> bool:
        """Whether no file of the video is opened."""
        return self.is_joined(video_id) or self.is_copied(video_id)

    @cached_property
    def _empty(self) -> pa.Table:
        return _plain(self._schema.empty_table().select(self._columns))

    def _joined_rows(self, video_ids: Sequence[str], advanced: Advanced) -> list[pa.Table]:
        try:
            found = self._joined.read_many(self._folder.name, video_ids, self._names) if self._joined else ()
            return [_plain(part.select(self._columns)) for part in found]
        except OutputError:
            if not set(video_ids) <= self._rows.keys():  # some have no files of their own
                raise
            return [self._part(video_id, advanced) for video_id in video_ids]

    def _part(self, video_id: str, advanced: Advanced) -> pa.Table:
        if self._copy and self.is_copied(video_id):
            with suppress(OSError, ValueError, pa.ArrowException):  # otherwise from the file
                batch, metadata = self._copy.get_batch_with_custom_metadata(self._places[video_id][0])
                batch.validate(full=True)
                if metadata is None or metadata.get(CHECKSUM_KEY) != _checksum(video_id, batch):
                    raise ValueError("damaged copy")
                part = pa.Table.from_batches([batch]).replace_schema_metadata(None)
                if part.schema.equals(self._empty.schema):
                    return part
        advanced(1)
        part = read_columns(self._folder / f"{video_id}.parquet", self._schema, self._columns)
        if self._is_ledger:
            return part  # its reader checks that the row is of this video
        return part.set_column(part.schema.get_field_index("video_id"), "video_id", pa.repeat(video_id, len(part)))

    def _write(self, advanced: Advanced) -> None:
        """The copy has one batch for each video; what a file was like is noted before it is read."""
        stamps = {"videos": list(self._stamps.items())}
        plain = self._empty.schema
        schema = plain.with_metadata({STAMPS_KEY: json.dumps(stamps).encode()})
        own = self._path.with_name(f"{self._path.stem}-{os.getpid()}.arrow")  # others may make one at the same time
        with (
            whole_file(own) as temporary,
            pa.OSFile(str(temporary), "wb") as file,
            pa.ipc.new_file(file, schema) as writer,
            ThreadPoolExecutor(THREADS) as pool,
        ):
            video_ids = list(self._stamps)
            for start in range(0, len(video_ids), CHUNK):
                chunk = video_ids[start : start + CHUNK]
                for video_id, part in zip(chunk, pool.map(lambda one: self._part(one, advanced), chunk), strict=True):
                    batches = part.combine_chunks().to_batches()
                    batch = (batches or [pa.RecordBatch.from_pylist([], schema=plain)])[0]
                    writer.write_batch(batch, custom_metadata={CHECKSUM_KEY: _checksum(video_id, batch)})
        own.replace(self._path)

    def _opened(self) -> tuple[pa.ipc.RecordBatchFileReader | None, dict[str, tuple[int, Stamp]]]:
        """The copy, and the place in it and the stamp of each video."""
        try:
            copy = pa.ipc.open_file(pa.memory_map(str(self._path)))
            stored = parsed_json(copy.schema.metadata[STAMPS_KEY].decode())
            is_alike = copy.schema.equals(self._empty.schema) and copy.num_record_batches == len(stored["videos"])
            if not is_alike:
                return None, {}
            return copy, {video_id: (place, stamp) for place, (video_id, stamp) in enumerate(stored["videos"])}
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, RecursionError):
            return None, {}


def read_columns(path: Path, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """Some columns of a file of one of the tables, or of the rows in its place, without metadata.

    Raises:
        OutputError: as `read_table`.
    """
    if holder_of(path):
        return _plain(read_table(path, schema).select(columns))
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            found = file.schema_arrow
            check_schema(path, found, schema)
            if not set(columns) <= set(found.names):  # an older version, without one of them
                return _plain(read_table(path, schema).select(columns))
            table = file.read(columns=list(columns), use_threads=False)
            table.validate(full=True)
    except READ_ERRORS as error:
        raise damaged(path, f"cannot be read: {error}") from error
    if empty := [name for name in columns if table[name].null_count]:
        raise damaged(path, f"is damaged: column {empty[0]} has empty cells")
    return _plain(table.select(columns))


def check_complete(path: Path) -> None:
    """Checks that a Parquet file is there and was written to its end, without reading its content.

    Raises:
        OutputError: it is not.
    """
    try:
        with path.open("rb") as file:
            file.seek(-len(PARQUET_MARK), os.SEEK_END)
            is_complete = file.read() == PARQUET_MARK
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror}") from error
    if not is_complete:
        raise damaged(path, "cannot be read: its end is missing")


def _usable(joined: Compacted | None, table: str, schema: pa.Schema, columns: Sequence[str]) -> Compacted | None:
    """None if a file in OUT/compacted/ lacks a column or is damaged: videos are then read one by one."""
    try:
        found = list(joined.schemas(table)) if joined else []
        for one in found:
            check_schema(Path(FOLDER) / table, one, schema)
    except OutputError:
        return None
    return joined if all(set(columns) <= set(one.names) for one in found) else None


def _checksum(video_id: str, batch: pa.RecordBatch) -> bytes:
    """Of the rows of a video; Arrow files have none, and a changed number in them is a valid one."""
    return b"%08x" % zlib.crc32(batch.serialize(), zlib.crc32(video_id.encode()))


def _plain(table: pa.Table) -> pa.Table:
    """Without the metadata of the table and its columns, and with columns that may be empty, so that all are alike."""
    return pa.Table.from_arrays(table.columns, names=table.column_names)


def _stamps(folder: Path) -> dict[str, Stamp]:
    """By video id; empty without the folder."""
    try:
        with os.scandir(folder) as entries:
            stats = {entry.name: entry.stat() for entry in entries if entry.name.endswith(".parquet")}
    except OSError:
        return {}
    return {
        name.removesuffix(".parquet"): [stat.st_ino, stat.st_size, stat.st_mtime_ns]
        for name, stat in sorted(stats.items())
    }
