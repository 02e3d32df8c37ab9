"""Reads JSON files of labelling tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from facetally.errors import TruthError
from facetally.truth.csv_rows import read_text

Json = dict[str, Any]
LAYOUT_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a reader runs into where a file has another layout than it expects."""


def read_json(path: Path) -> Any:
    """The content of a file.

    Raises:
        TruthError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise TruthError(f"{path}, line {error.lineno}: {error.msg}", fix="export it again as JSON") from error
    except RecursionError as error:
        raise TruthError(f"{path} is nested too deeply", fix="export it again as JSON") from error
