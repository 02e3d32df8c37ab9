"""Writes tables as CSV files in a folder, with their columns described in columns.csv."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyarrow import csv

from facetally.csv_rows import write_rows
from facetally.exports.cells import without_formulas, without_nan
from facetally.exports.columns import COLUMNS_HEADER, column_rows
from facetally.exports.formats import ExportTable
from facetally.files import whole_file, write_whole

LINE_LENGTH = 100
README = """
The files are CSV in UTF-8, separated by commas, with a decimal point; an empty value is not known. columns.csv
describes each column. Texts that begin like a formula (=, +, -, @) have an apostrophe in front, so that a spreadsheet
does not run them.
"""


def write(folder: Path, tables: Sequence[ExportTable], about: Mapping[str, str]) -> dict[str, int]:
    """Writes a file for each table, columns.csv and README.txt, each completely or not at all.

    Returns:
        The number of rows by table.

    Raises:
        OSError: the folder cannot be written.
    """
    rows = {table.name: _write_table(folder / f"{table.name}.csv", table) for table in tables}
    write_rows(folder / "columns.csv", COLUMNS_HEADER, column_rows(tables))
    lines = [f"{key}: {value}" for key, value in about.items()]
    paragraphs = [*lines, README, *(f"{name}.csv: {count:,} rows" for name, count in rows.items())]
    text = "\n".join(textwrap.fill(" ".join(paragraph.split()), LINE_LENGTH) for paragraph in paragraphs)
    write_whole(folder / "README.txt", text + "\n")
    return rows


def _write_table(path: Path, table: ExportTable) -> int:
    count = 0
    with whole_file(path) as temporary, csv.CSVWriter(temporary, table.schema) as file:
        for batch in table.batches():
            file.write_table(without_formulas(without_nan(batch)))
            count += len(batch)
    return count
