"""CSV files of labels. The reader itself is `facetally.csv_rows`, which the tables of a run share."""

from __future__ import annotations

from facetally.csv_rows import MAX_SHOWN, CsvRow, read_bytes, read_rows, read_text, write_rows

__all__ = ["MAX_SHOWN", "CsvRow", "read_bytes", "read_rows", "read_text", "write_rows"]
