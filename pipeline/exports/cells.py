"""Values as other programs take them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from facetally.csv_cells import FORMULA_STARTS, MARK


def without_nan(table: pa.Table) -> pa.Table:
    """The table with nothing where numbers are NaN: other programs take NaN for a text or an error."""
    for index, one in enumerate(table.schema):
        if pa.types.is_floating(one.type):
            column = table.column(index)
            table = table.set_column(index, one, pc.if_else(pc.is_nan(column), None, column))
    return table


def without_formulas(table: pa.Table) -> pa.Table:
    """The table with an apostrophe before texts that a spreadsheet would run, as `csv_cells.as_cell` has it."""
    for index, one in enumerate(table.schema):
        if pa.types.is_string(one.type):
            column = table.column(index)
            starts = [pc.starts_with(column, start) for start in (*FORMULA_STARTS, MARK)]
            is_formula = starts[0]
            for other in starts[1:]:
                is_formula = pc.or_(is_formula, other)
            marked = pc.binary_join_element_wise(MARK, column, "")
            table = table.set_column(index, one, pc.if_else(is_formula, marked, column))
    return table


def python_rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows as Python values; numbers have no more digits than were stored, so 0.97 of float32 stays 0.97."""
    columns = []
    for column in without_nan(table).columns:
        if pa.types.is_float32(column.type):
            column = column.cast(pa.string()).cast(pa.float64())
        columns.append(column.to_pylist())
    return zip(*columns, strict=True)
