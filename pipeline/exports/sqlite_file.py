"""Writes tables into an SQLite database, with the columns described in the table `columns`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from facetally.exports.cells import python_rows
from facetally.exports.columns import COLUMNS_HEADER, column_rows
from facetally.exports.formats import ExportTable
from facetally.files import whole_file

TYPES = {"string": "TEXT", "int64": "INTEGER", "float": "REAL", "double": "REAL"}
INDEXED = {"tracks": "video_id, track_id", "faces": "video_id, track_id", "videos": "video_id", "tallies": "video_id"}
"""Columns by which rows are looked up and tables joined."""


def write(path: Path, tables: Sequence[ExportTable], about: Mapping[str, str]) -> dict[str, int]:
    """Writes the database completely or not at all.

    Returns:
        The number of rows by table.

    Raises:
        OSError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(temporary)) as database:
                database.execute("PRAGMA journal_mode = OFF")  # the file is renamed when it is complete
                rows = {table.name: _write_table(database, table) for table in tables}
                _write_texts(database, "columns", COLUMNS_HEADER, column_rows(tables))
                _write_texts(database, "about", ("key", "value"), about.items())
                database.commit()
        except sqlite3.OperationalError as error:  # the disk is full, or cannot be written
            raise OSError(str(error)) from error
    return rows


def _write_table(database: sqlite3.Connection, table: ExportTable) -> int:
    columns = ", ".join(f'"{one.name}" {TYPES[str(one.type)]}' for one in table.schema)
    database.execute(f'CREATE TABLE "{table.name}" ({columns})')
    places = ", ".join("?" * len(table.schema))
    count = 0
    for batch in table.batches():
        database.executemany(f'INSERT INTO "{table.name}" VALUES ({places})', python_rows(batch))
        count += len(batch)
    if by := INDEXED.get(table.name):
        database.execute(f'CREATE INDEX "{table.name}_by_id" ON "{table.name}" ({by})')
    return count


def _write_texts(
    database: sqlite3.Connection, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    schema = pa.schema([(column, pa.string()) for column in columns])
    table = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema=schema)
    _write_table(database, ExportTable(name, schema, len(table), lambda: iter([table])))
