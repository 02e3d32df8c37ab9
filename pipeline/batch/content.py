"""Identifies the content of a file, and tells whether it changed while the file was read."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CHUNK_BYTES = 2**20
FRESH_S = 3.0
"""The times of a file are trusted only if it was older than this: on FAT they are rounded to two seconds, and on others
to a clock tick."""

Change = Literal["", "grown", "changed"]
"""Of a file since its content was identified; grown: it is longer, and its beginning is the same."""


@dataclass(frozen=True)
class Content:
    """The content of a file at one time."""

    size_bytes: int
    sha256: str
    """Of the first `size_bytes`."""
    stamp: tuple[int, ...]
    """What changes with every write to the file and with every other file in its place. A program can set the time of
    change of the content (mtime) back, but not that of the inode (ctime)."""
    is_fresh: bool
    """Whether it may have been written to since, without another stamp."""

    @classmethod
    def of(cls, path: Path) -> Content:
        """Reads a file; what is written to it meanwhile is not part of the content.

        Raises:
            OSError: it cannot be read.
        """
        status, now_s = path.stat(), time.time()
        changed_s = max(status.st_mtime, status.st_ctime)
        return cls(
            status.st_size, sha256_of_first(path, status.st_size), _stamp(status), is_fresh=changed_s > now_s - FRESH_S
        )

    def change(self, path: Path) -> Change:
        """How the file changed since; a file that cannot be read any more did not, as far as is known.

        The content is read again unless stamp and size prove that it is the same.
        """
        try:
            status = path.stat()
            if not self.is_fresh and (status.st_size, _stamp(status)) == (self.size_bytes, self.stamp):
                return ""
            if status.st_size < self.size_bytes or sha256_of_first(path, self.size_bytes) != self.sha256:
                return "changed"
        except OSError:
            return ""
        return "grown" if status.st_size > self.size_bytes else ""


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def sha256_of_first(path: Path, size_bytes: int) -> str:
    """The hash of the first bytes of a file, as hexadecimal digits."""
    digest, left = hashlib.sha256(), size_bytes
    with path.open("rb") as file:
        while left and (chunk := file.read(min(left, CHUNK_BYTES))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()
