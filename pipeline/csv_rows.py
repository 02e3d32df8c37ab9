"""Reads CSV files that people wrote. Every error names file, line, column, value and fix."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from facetally.csv_cells import as_cell, of_cell
from facetally.errors import PipelineError, TruthError
from facetally.files import whole_file
from facetally.formatting import one_line

ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""By byte order mark; a file without one must be UTF-8."""
SEPARATORS = (",", ";", "\t")
DECIMAL_COMMA = re.compile(r"^([+-]?\d*),(\d+)$")
ZIP_MARK = b"PK\x03\x04"
MAX_SHOWN = 60
"""Characters of a wrong value that an error repeats."""

Error = type[PipelineError]
"""The kind of error that a reader raises."""

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True)
class CsvRow:
    """A row, and its place in a file."""

    path: Path
    line: int
    """1-based, as editors count; the header is line 1."""
    values: dict[str, str]
    """By column, without surrounding blanks."""
    where: str = ""
    """What errors name instead of line and column, for values from another kind of file."""
    has_decimal_commas: bool = False
    """12,5 is a number: the file is separated by semicolons or tabs, as spreadsheets write it that use commas so."""
    error: Error = TruthError
    """What is raised for a wrong value."""

    def wrong(self, column: str, why: str, fix: str) -> PipelineError:
        """The error for one value of this row; the value itself is not shown where the file is a link to another."""
        value = self.values.get(column, "")
        shown = repr(value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "...")
        place = f"{self.where}, {column}" if self.where else f"line {self.line}, column {column}"
        return self.error(f"{self.path}, {place}: {_unless_linked(self.path, shown, 'the value')} {why}", fix=fix)

    def text(self, column: str) -> str:
        """A value that must not be empty; line breaks and terminal codes in it are escaped, as in names of videos.

        Raises:
            PipelineError: it is empty. This and the errors below are of the kind `error`.
        """
        value = self.values.get(column, "")
        if not value:
            raise self.wrong(column, "is empty", fix="fill it in, or delete the line")
        return one_line(value)

    def word(self, column: str, words: Mapping[str, Word], default: Word | None = None) -> Word:
        """The meaning of a word in any case; `default` where the value is empty or the column missing.

        Raises:
            PipelineError: an unknown word, or an empty value without a default.
        """
        if default is not None and not self.values.get(column):
            return default
        value = self.text(column).lower()
        if value not in words:
            known = ", ".join(dict.fromkeys(words.values()))
            raise self.wrong(column, "is not known", fix=f"write one of: {known}")
        return words[value]

    def number(self, column: str, default: float | None = None) -> float:
        """A finite number; `default` where the value is empty or the column missing.

        Raises:
            PipelineError: not a finite number, such as nan or inf, or 12,5 in a file separated by commas.
        """
        value = self.values.get(column, "")
        if not value and default is not None:
            return default
        try:
            number = float(DECIMAL_COMMA.sub(r"\1.\2", value) if self.has_decimal_commas else value)
        except ValueError:
            raise self.wrong(column, "is not a number", fix="write it like 12.5, with a decimal point") from None
        if not math.isfinite(number):
            raise self.wrong(column, "is not a finite number", fix="write it like 12.5, or delete the line")
        return number


def read_rows(path: Path, required: Iterable[str], error: Error = TruthError) -> list[CsvRow]:
    """All rows of a file with a header, separated by commas, semicolons or tabs; empty lines are skipped.

    Args:
        path: the file, in UTF-8 (with or without byte order mark) or UTF-16 (with).
        required: columns that must exist; others may.
        error: what is raised.

    Raises:
        PipelineError: no such file, another encoding, a missing or repeated column, a row of another length.
    """
    text = read_text(path, error)
    separator = _separator(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows = []
    line = 1  # where a row begins; a quoted value may span several lines
    try:
        header = [name.strip().lower() for name in next(lines, [])]
        _check_header(path, header, list(required), error)
        line = lines.line_num + 1
        for fields in lines:
            if any(field.strip() for field in fields):
                row = _row(path, line, header, fields, error)
                rows.append(replace(row, has_decimal_commas=separator != ","))
            line = lines.line_num + 1
    except csv.Error as wrong:
        raise error(
            f"{path}, line {line}: {wrong}", fix='close every "quote", and save the file as CSV in UTF-8'
        ) from wrong
    return rows


def write_rows(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes a file that `read_rows` reads back, and in which spreadsheets run no text as a formula.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([as_cell(value) if isinstance(value, str) else value for value in row] for row in rows)


def read_bytes(path: Path, error: Error = TruthError) -> bytes:
    """The content of a file that people wrote.

    Raises:
        PipelineError: it cannot be read, or is an archive.
    """
    try:
        data = path.read_bytes()
    except OSError as wrong:
        raise error(f"{path} cannot be read: {wrong.strerror}", fix="check the path and its rights") from wrong
    if data.startswith(ZIP_MARK):
        raise error(
            f"{path} is a ZIP archive or an Excel sheet", fix="unpack it and name the file inside, or save it as CSV"
        )
    return data


def read_text(path: Path, error: Error = TruthError) -> str:
    """The content of a file that people wrote as text: UTF-8 with or without byte order mark, or UTF-16 with one.

    Raises:
        PipelineError: as `read_bytes`; another encoding, with the first line that shows it.
    """
    data = read_bytes(path, error)
    encoding = next((name for mark, name in ENCODINGS.items() if data.startswith(mark)), "utf-8")
    fix = "save the file in UTF-8 (in a spreadsheet: as CSV UTF-8)"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as wrong:
        line = data[: wrong.start].count(b"\n") + 1
        raise error(f"{path}, line {line}: byte {data[wrong.start]:#04x} is not {encoding}", fix=fix) from wrong
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise error(f"{path}, line {line}: contains a zero byte", fix=fix)
    return text


def _row(path: Path, line: int, header: list[str], fields: list[str], error: Error) -> CsvRow:
    if len(fields) != len(header):
        raise error(
            f"{path}, line {line}: {len(fields)} values for {len(header)} columns",
            fix='give each column a value, if only an empty one; put "quotes" around values with separators',
        )
    values = dict(zip(header, (of_cell(field.strip()) for field in fields), strict=True))
    return CsvRow(path, line, values, error=error)


def _separator(text: str) -> str:
    """The separator that occurs most in the header; a comma if there is none."""
    header = text.partition("\n")[0]
    return max(SEPARATORS, key=header.count)


def _unless_linked(path: Path, shown: str, instead: str) -> str:
    """What an error shows of a file's content: nothing where the file is a link, whose target may be anything."""
    return instead if path.is_symlink() else shown


def _check_header(path: Path, header: list[str], required: list[str], error: Error) -> None:
    if missing := [name for name in required if name not in header]:
        found = _unless_linked(path, ", ".join(header) or "nothing", "other columns")
        raise error(
            f"{path}, line 1: no column {', '.join(missing)}; it has {found}",
            fix=f"the first line must name the columns: {','.join(required)}",
        )
    if repeated := sorted({name for name in header if name and header.count(name) > 1}):
        shown = _unless_linked(path, ", ".join(repeated), "of one name")
        raise error(f"{path}, line 1: column {shown} appears twice", fix="delete one of them")
