"""Writes the tables of many videos into large Parquet files: one for each table and part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from facetally.files import sha256_of, whole_file
from facetally.results.compacted import INDEX_SCHEMA, NEW_SUFFIX, TABLES, Index, StoredFile
from facetally.results.tables import FACES, SCHEMA_KEY, SCHEMA_VERSION, TRACKS, VIDEOS

PART_BYTES = 128 * 1024 * 1024
"""Of a file from which on a new part begins; a file can be larger by one row group."""
GROUP_BYTES = 8 * 1024 * 1024
"""Of a row group in memory; a program that looks for one video reads one of them."""
MAX_WAITING = 256
"""Tables of single videos that wait to be written before they are put into one."""
UNFINISHED_SUFFIX = ".unfinished"
"""Of a file that is being written. Other programs ignore it."""
SCHEMAS = {"videos": VIDEOS, "tracks": TRACKS, "faces": FACES}


class _File:
    """A file of one table and part that is being written."""

    def __init__(self, folder: Path, table: str, part: int) -> None:
        self._folder, self._table, self._part = folder, table, part
        place = folder / table / f"part={part:03d}"
        place.mkdir(parents=True, exist_ok=True)
        self._path = place / f"{table}{UNFINISHED_SUFFIX}"
        schema = SCHEMAS[table].with_metadata({SCHEMA_KEY: str(SCHEMA_VERSION).encode()})
        self._sink = pa.OSFile(str(self._path), "wb")
        self._writer = pq.ParquetWriter(
            self._sink,
            schema,
            compression="zstd",
            write_page_checksum=True,
            write_page_index=True,
            sorting_columns=[pq.SortingColumn(schema.get_field_index("video_id"))],
        )
        self._schema, self._waiting = schema, [schema.empty_table()]
        self._waiting_bytes = 0

    @property
    def is_full(self) -> bool:
        return bool(self._sink.tell() >= PART_BYTES)

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows.replace_schema_metadata(self._schema.metadata))
        self._waiting_bytes += rows.nbytes
        if self._waiting_bytes >= GROUP_BYTES:
            self._flush()
        elif len(self._waiting) >= MAX_WAITING:  # a table of a few rows takes far more memory than they do
            self._waiting = [pa.concat_tables(self._waiting).combine_chunks()]

    def close(self) -> StoredFile:
        """Ends the file; its name then has the suffix `NEW_SUFFIX`."""
        self._flush()
        self._writer.close()
        self._sink.close()
        digest = sha256_of(self._path)
        name = f"{self._table}/part={self._part:03d}/{self._table}-{digest[:12]}.parquet"
        path = self._folder / (name + NEW_SUFFIX)
        with whole_file(path) as temporary:  # syncs it
            self._path.replace(temporary)
        return StoredFile(name, digest, path.stat().st_size)

    def _flush(self) -> None:
        rows = pa.concat_tables(self._waiting)
        if len(rows):
            self._writer.write_table(rows, row_group_size=len(rows))
        self._waiting, self._waiting_bytes = [self._schema.empty_table()], 0


class PartWriter:
    """Writes parts, video after video.

    Args:
        folder: OUT/compacted.
        taken: numbers of parts that stay.
        provenances: of the videos of these.
    """

    def __init__(self, folder: Path, taken: set[int], provenances: list[str]) -> None:
        self._folder, self._taken = folder, set(taken)
        self._files: dict[str, _File] = {}
        self._part = -1
        self._provenances = {text: number for number, text in enumerate(provenances)}
        self._entries: list[dict[str, Any]] = []
        self._parts: dict[int, dict[str, StoredFile]] = {}

    def add(self, tables: dict[str, pa.Table], provenance: str, about_row: dict[str, Any]) -> None:
        """Adds a video; videos come sorted by id.

        Args:
            tables: its rows by table.
            provenance: how they were made, as JSON.
            about_row: the columns of `INDEX_SCHEMA` about the file of its row, and its id.

        Raises:
            OSError: the disk is full.
        """
        if not self._files:
            self._part = next(number for number in range(len(self._taken) + 1) if number not in self._taken)
            self._taken.add(self._part)
            self._files = {table: _File(self._folder, table, self._part) for table in TABLES}
        for table, rows in tables.items():
            self._files[table].add(rows)
        counts = {f"{table}_rows": len(tables[table]) for table in ("tracks", "faces")}
        number = self._provenances.setdefault(provenance, len(self._provenances))
        self._entries.append({**about_row, **counts, "part": self._part, "provenance": number})
        if any(file.is_full for file in self._files.values()):
            self._end_part()

    def close(self, kept: Index | None) -> Index:
        """Ends the last part; returns the index of the new parts and of those that stay.

        Args:
            kept: the index of before, without the parts that were written anew.

        Raises:
            OSError: the disk is full.
        """
        if self._files:
            self._end_part()
        table = pa.Table.from_pylist(self._entries, schema=INDEX_SCHEMA)
        parts = dict(self._parts)
        if kept:
            table, parts = pa.concat_tables([kept.table, table]), kept.parts | parts
        order = np.argsort(table["part"].to_numpy(), kind="stable")  # by id within each part already
        return Index(table.take(order), dict(sorted(parts.items())), list(self._provenances))

    def _end_part(self) -> None:
        self._parts[self._part] = {table: file.close() for table, file in self._files.items()}
        self._files = {}
