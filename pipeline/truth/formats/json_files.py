"""Reads JSON files of labelling tools."""

from __future__ import annotations

from json import JSONDecodeError
from pathlib import Path
from typing import Any

from facetally.csv_rows import read_text
from facetally.errors import TruthError
from facetally.files import parsed_json

Json = dict[str, Any]
LAYOUT_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a reader runs into where a file has another layout than it expects."""


def read_json(path: Path) -> Any:
    """The content of a file.

    Raises:
        TruthError: it cannot be read, or is no JSON, or is nested too deeply or has numbers of thousands of digits.
    """
    text = read_text(path)
    try:
        return parsed_json(text, allow_nan=True)  # some tools write NaN where a value is not known
    except ValueError as error:
        cause, where = error.__cause__, f" is not JSON: {error}"
        if isinstance(cause, JSONDecodeError):
            where = f", line {cause.lineno}: {cause.msg}"
        raise TruthError(f"{path}{where}", fix="export it again as JSON") from error
