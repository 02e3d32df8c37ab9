"""The formats that a run can be exported to. Nothing heavy is imported here: the command line lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from facetally.errors import OptionError
from facetally.formatting import command

if TYPE_CHECKING:
    import pyarrow as pa

Source = Literal["run", "labels"]
"""What is exported: the results of a run (`facetally export`), or hand labels."""


@dataclass(frozen=True)
class ExportTable:
    """A table to export."""

    name: str
    schema: pa.Schema
    """Each field's metadata holds its description."""
    max_rows: int
    """It has no more rows than this."""
    batches: Callable[[], Iterator[pa.Table]]
    """Reads the rows part by part, so that the whole table need not fit into memory."""


@dataclass(frozen=True)
class Format:
    """A format, and what writes it."""

    name: str
    source: Source
    suffix: str
    """Of its file; empty: it is a folder of files."""
    description: str
    writer: str
    """Module and function, as "module:function", of the type `Write`."""
    file_names: Callable[[Path, Sequence[str]], list[Path]]
    """The files that are written for a target and the names of the tables."""

    def write(self, target: Path, tables: Sequence[ExportTable], about: Mapping[str, str]) -> dict[str, int]:
        """Writes the tables, their columns' descriptions and `about`; returns the number of rows by table.

        Raises:
            PipelineError: the target cannot be written, or holds less than the tables have.
        """
        module, _, function = self.writer.partition(":")
        rows: dict[str, int] = getattr(import_module(module), function)(target, tables, about)
        return rows


def _files_in(folder: Path, tables: Sequence[str]) -> list[Path]:
    return [*(folder / f"{name}.csv" for name in (*tables, "columns")), folder / "README.txt"]


def _one_file(path: Path, _: Sequence[str]) -> list[Path]:
    return [path]


FORMATS = (
    Format(
        name="csv",
        source="run",
        suffix="",
        description="a folder with a file for each table, columns.csv and README.txt",
        writer="facetally.exports.csv_files:write",
        file_names=_files_in,
    ),
    Format(
        name="xlsx",
        source="run",
        suffix=".xlsx",
        description="an Excel workbook with a sheet for each table, and the sheets about and columns",
        writer="facetally.exports.xlsx_file:write",
        file_names=_one_file,
    ),
    Format(
        name="sqlite",
        source="run",
        suffix=".sqlite",
        description="an SQLite database with these tables, and the tables about and columns",
        writer="facetally.exports.sqlite_file:write",
        file_names=_one_file,
    ),
)
"""All formats; the documentation has a table of them."""
OTHER_SUFFIXES = frozenset({".xls", ".ods", ".tsv", ".txt", ".json", ".parquet", ".pdf", ".html", ".xml", ".sql"})
"""Of files that somebody may expect; a folder of CSV files would be a surprise there."""


def formats_of(source: Source) -> dict[str, Format]:
    """The formats for what is exported, by name."""
    return {one.name: one for one in FORMATS if one.source == source}


def chosen_format(source: Source, name: str, path: Path | None) -> Format:
    """The format of this name; without one that of the path's suffix, or else the first.

    Raises:
        OptionError: an unknown name, or one that the path's suffix contradicts, or a path of a single CSV file.
    """
    formats = formats_of(source)
    if path and path.suffix.lower() == ".csv":
        fix = f"give a folder: {command('-o', path.with_suffix(''))}"
        raise OptionError(f"{path} is one file, and an export as CSV has a file for each table", fix=fix)
    by_suffix = {one.suffix: one for one in formats.values() if one.suffix} | {".db": formats.get("sqlite")}
    if path and path.suffix.lower() in OTHER_SUFFIXES:
        fix = f"give a folder, for CSV, or a file that ends in {', '.join(sorted(by_suffix))}"
        raise OptionError(f"{path} looks like a file of a format that is not written", fix=fix)
    meant = by_suffix.get(path.suffix.lower()) if path else None
    if not name:
        return meant or next(iter(formats.values()))
    if name not in formats:
        raise OptionError(f"--format {name} is not known", fix=f"give one of: {', '.join(formats)}")
    if meant and meant.name != name:
        raise OptionError(
            f"{path} looks like {meant.name}, not {name}", fix=f"give --format {meant.name}, or another -o"
        )
    return formats[name]
