"""Writes files atomically: a reader never sees an incomplete file, not even after a power failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facetally.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it is synced and renamed to `path` when the block ends without error.

    For libraries that write to a path themselves. `write_whole` does the same for content in memory.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes | str) -> None:
    """Writes a file completely or not at all; text is written as UTF-8.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    try:
        with whole_file(path) as temporary:
            temporary.write_bytes(content if isinstance(content, bytes) else content.encode(errors="replace"))
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}",
            fix="free space, fix the folder's permissions or choose another place with -o; then run the same command "
            "again: it resumes from here",
        ) from error


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable, on systems where folders can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
