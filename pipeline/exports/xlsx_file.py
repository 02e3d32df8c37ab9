"""Writes tables into an Excel workbook, with the columns described in the sheet `columns`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from facetally.errors import OptionError
from facetally.exports.cells import python_rows
from facetally.exports.columns import COLUMNS_HEADER, column_rows
from facetally.exports.formats import ExportTable
from facetally.files import whole_file

MAX_ROWS = 1_048_576
"""Of a sheet, the header included."""
MAX_TEXT = 32_767
"""Characters of a cell."""
MIN_WIDTH, MAX_WIDTH = 10, 60
"""Of a column, in characters."""


def write(path: Path, tables: Sequence[ExportTable], about: Mapping[str, str]) -> dict[str, int]:
    """Writes the workbook completely or not at all.

    Returns:
        The number of rows by table.

    Raises:
        OptionError: a table has too many rows for a sheet, or XlsxWriter is not installed.
        OSError: the file cannot be written.
    """
    for table in tables:
        _check_size(table.name, table.max_rows)
    workbook_type = _workbook_type()
    with whole_file(path) as temporary:
        # constant_memory writes each row to disk at once; rows come in order. Texts are never formulas or links.
        workbook = workbook_type(temporary, {"constant_memory": True})
        try:
            style = workbook.add_format({"bold": True, "bottom": 1})
            _write_sheet(workbook, style, "about", ("", ""), about.items())
            _write_sheet(workbook, style, "columns", COLUMNS_HEADER, column_rows(tables))
            rows = {table.name: _write_table(workbook, style, table) for table in tables}
        finally:
            workbook.close()
    return rows


def _workbook_type() -> Any:
    try:
        from xlsxwriter import Workbook
    except ImportError as error:
        raise OptionError(
            "Excel workbooks need XlsxWriter, which is not installed", fix="pip install 'facetally[xlsx]'"
        ) from error
    return Workbook


def _check_size(name: str, rows: int) -> None:
    if rows >= MAX_ROWS:
        raise OptionError(
            f"{name} has {rows:,} rows, and a sheet of Excel holds {MAX_ROWS - 1:,}",
            fix="export it with --format csv or --format sqlite, or leave the table out",
        )


def _write_table(workbook: Any, style: Any, table: ExportTable) -> int:
    rows = (row for batch in table.batches() for row in python_rows(batch))
    return _write_sheet(workbook, style, table.name, table.schema.names, rows)


def _write_sheet(workbook: Any, style: Any, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Writes a sheet and returns its number of rows."""
    sheet = workbook.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    for column, text in enumerate(header):
        sheet.set_column(column, column, min(max(len(text) + 2, MIN_WIDTH), MAX_WIDTH))
        sheet.write_string(0, column, text, style)
    count = 0
    for count, row in enumerate(rows, start=1):
        _check_size(name, count)
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(count, column, value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 3] + "...")
            elif value is not None:
                sheet.write_number(count, column, value)
    if count:
        sheet.autofilter(0, 0, count, len(header) - 1)
    return count
