"""Remembers which files in a folder are finished, so that an interrupted command resumes, and replaces nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facetally.errors import OutputError
from facetally.files import file_lock, read_json, write_whole
from facetally.results.ledger import LOCK_S

FILE_NAME = ".facetally-draw.json"
LOCK_NAME = ".facetally-draw.lock"


class Finished:
    """The files in a folder that were written by this command.

    Args:
        folder: is made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        path = folder / FILE_NAME
        fix = f"delete {path}: files that are finished then need --force"
        stored = read_json(path, OutputError, fix=fix) if path.exists() else {}
        self._known = {str(name): value for name, value in stored.items() if isinstance(value, dict)}

    def has(self, name: str, key: str) -> bool:
        """Whether a file is finished and was made from the same things: `key` stands for all of them."""
        known = self._known.get(name, {})
        path = self._folder / name
        try:
            return known.get("key") == key and path.stat().st_size == known.get("size_bytes")
        except OSError:
            return False

    def copies(self) -> dict[str, Path]:
        """The finished files by the name of their video in the run."""
        return {str(known["video"]): self._folder / name for name, known in self._known.items() if "video" in known}

    def add(self, name: str, key: str, video: str) -> None:
        """Notes a finished file.

        Args:
            name: of the file, within the folder.
            key: as for `has`.
            video: its name in the run; the file's own may differ, as film.avi and film.mkv both become film.mp4.

        Raises:
            OutputError: the folder cannot be written.
        """
        size_bytes = (self._folder / name).stat().st_size
        self._known[name] = {"key": key, "size_bytes": size_bytes, "video": video}
        write_whole(self._folder / FILE_NAME, json.dumps(self._known, indent=1))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks a folder against another command that draws into it.

    Raises:
        OutputError: another one does, or the folder cannot be written.
    """
    fix = "wait until it is done, or give another folder with -o"
    busy = OutputError(f"another command is drawing into {folder}", fix=fix)
    unwritable_fix = "fix the folder's permissions, or give another folder with -o"
    with file_lock(folder / LOCK_NAME, LOCK_S, busy=busy, unwritable_fix=unwritable_fix):
        yield
