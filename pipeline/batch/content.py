"""Identifies the content of a file, and tells whether it changed while the file was read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CHUNK_BYTES = 2**20

Change = Literal["", "grown", "changed"]
"""Of a file since its content was identified; grown: it is longer, and its beginning is the same."""


@dataclass(frozen=True)
class Content:
    """The content of a file at one time."""

    size_bytes: int
    sha256: str
    """Of the first `size_bytes`."""
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Content:
        """Reads a file; what is written to it meanwhile is not part of the content.

        Raises:
            OSError: it cannot be read.
        """
        status = path.stat()
        return cls(status.st_size, sha256_of_first(path, status.st_size), status.st_mtime_ns)

    def change(self, path: Path) -> Change:
        """How the file changed since; a file that cannot be read any more did not, as far as is known."""
        try:
            status = path.stat()
            if (status.st_size, status.st_mtime_ns) == (self.size_bytes, self.mtime_ns):
                return ""
            if status.st_size < self.size_bytes or sha256_of_first(path, self.size_bytes) != self.sha256:
                return "changed"
        except OSError:
            return ""
        return "grown" if status.st_size > self.size_bytes else ""


def sha256_of_first(path: Path, size_bytes: int) -> str:
    """The hash of the first bytes of a file, as hexadecimal digits."""
    digest, left = hashlib.sha256(), size_bytes
    with path.open("rb") as file:
        while left and (chunk := file.read(min(left, CHUNK_BYTES))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()
