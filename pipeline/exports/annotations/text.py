"""Text and paths as annotation files take them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape, quoteattr

from facetally.files import path_within, whole_file
from facetally.formatting import one_line

NAMED_ENTITIES = {"\r": "&#13;", "\n": "&#10;"}
"""A parser turns a bare carriage return into a line break."""


FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What XML cannot hold, or should not."""


def file_beside(folder: Path, video: str, suffix: str = "") -> Path:
    """The path in a folder for a file about a video, which keeps the folders in the video's name."""
    inner = path_within(video)
    return folder / inner.with_name(inner.name + suffix)


def xml_text(text: str) -> str:
    """A text between tags; characters that XML cannot hold are escaped as in names of videos."""
    return escape(_allowed(text), NAMED_ENTITIES)


def xml_value(text: str) -> str:
    """The value of an attribute, quoted."""
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    return "".join(c if c in "\t\r\n" or not FORBIDDEN.match(c) else one_line(c) for c in text)


def number(value: float, decimals: int) -> str:
    """A number with at most so many decimals: 12.5, 3."""
    return f"{value:.{decimals}f}".rstrip("0").rstrip(".")


def rounded(value: float, decimals: int) -> float:
    return round(float(value), decimals)


@contextmanager
def text_file(path: Path) -> Iterator[IO[str]]:
    """A text file to write, which appears when it is complete.

    Raises:
        OSError: the folder cannot be written.
    """
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
        yield file


def write_json_list(file: IO[str], values: Iterable[object]) -> None:
    """Writes a JSON list value by value, so that it need not fit into memory."""
    separator = "\n"
    file.write("[")
    for value in values:
        file.write(separator + json.dumps(value, ensure_ascii=False))
        separator = ",\n"
    file.write("\n]")
