"""Finds the videos of a run again, and says why one cannot be shown."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from facetally.batch.content import sha256_of_first
from facetally.inputs import shown_path
from facetally.results.ledger import Ledger, VideoRow

NOT_FOUND = "video not found"
CHANGED = "video has changed"
UNREADABLE = "video cannot be read"


class VideoFinder:
    """Finds files by what the run stored about them.

    Args:
        ledger: the run.
        folders: where the videos are now, if they were moved; the places that the run stored are tried after these.
    """

    def __init__(self, ledger: Ledger, folders: Sequence[Path] = ()) -> None:
        self._ledger, self._folders = ledger, folders

    def find(self, row: VideoRow) -> tuple[Path | None, str]:
        """The file of a video, or None and why: `NOT_FOUND` or `CHANGED`, where files of its name differ from it."""
        is_there = False
        for path in self._places(row):
            try:
                if not path.is_file():
                    continue
                is_there = True
                if self._is_unchanged(path, row):
                    return path, ""
            except OSError:
                continue
        return None, CHANGED if is_there else NOT_FOUND

    def _places(self, row: VideoRow) -> list[Path]:
        name = PurePosixPath(row.video).name
        moved = [folder / row.video for folder in self._folders] + self._by_name[name]
        return [*moved, _stored_place(row)]

    def _is_unchanged(self, path: Path, row: VideoRow) -> bool:
        """Whether size and content are as they were; content is hashed only if the file is newer than its results."""
        status = path.stat()
        if not row.size_bytes:  # not stored
            return True
        if status.st_size != row.size_bytes:
            return False
        is_older = max(status.st_mtime_ns, status.st_ctime_ns) < self._ledger.stored_ns(row.video_id)
        return is_older or sha256_of_first(path, row.size_bytes) == row.content_sha256

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        """All files in the folders, by their names."""
        found = defaultdict(list)
        for folder in self._folders:
            for parent, _, names in os.walk(folder):
                for name in names:
                    found[name].append(Path(parent) / name)
        return found


def _stored_place(row: VideoRow) -> Path:
    """The path that the run read; where it has characters that are stored escaped, the file that is listed so."""
    path = Path(row.path)
    if "\\" in row.path and not path.exists() and path.parent.is_dir():
        return next((entry for entry in path.parent.iterdir() if shown_path(entry) == row.path), path)
    return path
