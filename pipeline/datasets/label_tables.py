"""Reads tables of labels beside images: .csv, .tsv and .txt files, plain or compressed, as data sets are published.

Besides tables with a header and a column for the file, two well-known layouts are read: Adience, whose files are named
by three columns, and CelebA's list of attributes, which begins with a count and has blanks between the values.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

TABLE_SUFFIXES = tuple(f".{kind}{end}" for kind in ("csv", "tsv", "txt") for end in ("", ".gz"))
FILE_COLUMNS = (
    "file",
    "filename",
    "file_name",
    "image",
    "image_id",
    "img",
    "path",
    "image_path",
    "img_path",
    "full_path",
)
ADIENCE_COLUMNS = frozenset(("user_id", "original_image", "face_id"))
ADIENCE_FORMS = ("coarse_tilt_aligned_face", "landmark_aligned_face")
"""The two forms in which Adience publishes each face (Eidinger et al., 2014)."""
SEPARATORS = (",", ";", "\t")
MAX_BYTES = 2**30
"""The largest unpacked size of a table; that of the largest set published, CelebA's, takes 25 MB."""

Row = dict[str, str]


def read_table(path: Path) -> Iterator[tuple[str, Row]]:
    """Each row of a table with its file, without suffix; missing cells of a short row are empty.

    Columns are named in small letters. A row of Adience comes once for each form of its image.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be read as a table, has no column for the file, or a row has no file.
    """
    header, rows = _parsed(path)
    column = next((name for name in FILE_COLUMNS if name in header), "")
    is_adience = not column and set(header) >= ADIENCE_COLUMNS
    if not column and not is_adience:
        raise ValueError(f"{path} has no column 'file'; its columns are {header}")
    for line, row in rows:
        files = _adience_files(row) if is_adience else [row[column]]
        for file in files:
            name = PurePosixPath(file.strip().replace("\\", "/").removeprefix("./"))
            if not name.name:
                raise ValueError(f"{path}, line {line}: `{column}` is empty")
            yield name.with_suffix("").as_posix(), row


def columns_of(path: Path) -> list[str]:
    """The columns of a table in small letters; raises the same errors."""
    return _parsed(path)[0]


def decimal(cell: str) -> float:
    """A number, with a decimal point or a decimal comma.

    Raises:
        ValueError: it is none.
    """
    return float(re.sub(r"^(\s*[+-]?\d+),(\d+\s*)$", r"\1.\2", cell))


def _parsed(path: Path) -> tuple[list[str], Iterator[tuple[int, Row]]]:
    """The header, and the rows with their lines."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:  # a few kilobytes may unpack to more than fits in memory
            raise ValueError(f"{path} has more than {MAX_BYTES:,} bytes, unpacked")
        text = content.decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a table: {error}") from error
    first, _, rest = text.partition("\n")
    if (
        first.strip().isdecimal() and rest
    ):  # CelebA: the number of images, then the attributes, without a name for files
        lines = rest.splitlines()
        names = lines[0].split()
        header = ["file", *(name.lower() for name in names if name.lower() not in FILE_COLUMNS)]
        if len(lines[-1].split()) != len(header):
            raise ValueError(
                f"{path} cannot be read as a table: its first line is a number, and no list of attributes follows"
            )
        return header, _rows(header, ((number, line.split()) for number, line in enumerate(lines[1:], start=3)))
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as a table: {error}") from error
    return header, _rows(header, ((reader.line_num, fields) for fields in reader))


def _rows(header: list[str], lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, Row]]:
    try:
        for number, fields in lines:
            if fields:
                yield number, dict.fromkeys(header, "") | dict(zip(header, fields, strict=False))
    except csv.Error as error:  # a cell of more than 131,072 characters
        raise ValueError(f"the table cannot be read: {error}") from error


def _adience_files(row: Row) -> list[str]:
    return [f"{row['user_id']}/{form}.{row['face_id']}.{row['original_image']}" for form in ADIENCE_FORMS]
