"""The arguments that several jobs take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PathLike = str | Path
Inputs = PathLike | Iterable[PathLike]
"""Files, folders and globs: one, or several."""


def texts(inputs: Inputs) -> list[str]:
    return [str(inputs)] if isinstance(inputs, str | Path) else [str(one) for one in inputs]


def optional_path(path: PathLike | None) -> Path | None:
    return None if path is None else Path(path)
