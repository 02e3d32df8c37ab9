"""Folders of links to clips, for measurements and campaigns over a part of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def linked(paths: Sequence[Path], folder: Path) -> Path:
    """A folder with numbered links to these files, so that no two have the same name."""
    folder.mkdir(parents=True)
    for number, path in enumerate(paths):
        (folder / f"{number:02}_{path.name}").symlink_to(path.absolute())
    return folder
