"""Fetches an object to a local file: it is hashed meanwhile, and continued from the byte reached if interrupted."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from facetally.errors import StorageError, VideoError
from facetally.storage.addresses import parsed_address
from facetally.storage.opening import open_store
from facetally.storage.stores import (
    ChangedError,
    GoneError,
    RefusedError,
    Store,
    StoredObject,
    UnavailableError,
)

PATIENCE_S = 120.0
"""Without a new byte for so long, the storage is given up."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
"""Between two attempts; doubled after each."""
RESUMES = "nothing is lost: the same command continues with the videos that are left"


@dataclass(frozen=True, slots=True)
class RemoteVideo:
    """A video in object storage, in the version that was listed."""

    address: str
    size_bytes: int
    stamp: str
    """As in `StoredObject`."""

    def as_dict(self) -> dict[str, Any]:
        """Which version of the object it is, to be stored beside results."""
        return {"size_bytes": self.size_bytes, "stamp": self.stamp}

    @property
    def suffix(self) -> str:
        """The ending of its name, with the dot."""
        return PurePosixPath(self.address).suffix


@dataclass(frozen=True)
class LocalCopy:
    """A file on this machine with the content of a video."""

    path: Path
    sha256: str
    """Of the content; empty for a file that was local before, which nobody has read yet."""


@contextmanager
def local_copy(
    source: Path | RemoteVideo, folder: Path | None = None, advanced: Callable[[int], None] | None = None
) -> Iterator[LocalCopy]:
    """A local file with the content of a video, for as long as the block lasts; a path is taken as it is.

    Args:
        source: the video.
        folder: for the copy; by default the system's folder for temporary files.
        advanced: is called with each number of bytes that arrived.

    Raises:
        VideoError: this object cannot be read: it is gone, was replaced, or may not be read.
        StorageError: the storage gives no answer or refuses all, or the disk is full.
    """
    if isinstance(source, Path):
        yield LocalCopy(source, "")
        return
    handle, name = tempfile.mkstemp(suffix=source.suffix, prefix="facetally-", dir=folder)
    os.close(handle)
    path = Path(name)
    try:
        yield LocalCopy(path, fetched(source, path, advanced))
    finally:
        path.unlink(missing_ok=True)


def fetched(
    source: RemoteVideo,
    path: Path,
    advanced: Callable[[int], None] | None = None,
    *,
    store: Store | None = None,
    stop: threading.Event | None = None,
) -> str:
    """Writes the content of an object to a file, and returns its SHA-256.

    Args:
        stop: once it is set, this ends with an error.

    Raises:
        VideoError, StorageError: as for `local_copy`.
    """
    stop = stop or threading.Event()
    address = parsed_address(source.address)
    store = store or open_store(address)
    found = StoredObject(address.key, source.size_bytes, source.stamp)
    digest, position = hashlib.sha256(), 0
    heard_s, pause_s = time.monotonic(), FIRST_PAUSE_S
    try:
        with path.open("wb") as file:
            while True:
                try:
                    for chunk in store.read(found, position):
                        if stop.is_set():
                            raise StorageError(f"{source.address} was not read: the run was stopped", fix=RESUMES)
                        file.write(chunk)
                        digest.update(chunk)
                        position += len(chunk)
                        heard_s, pause_s = time.monotonic(), FIRST_PAUSE_S
                        if advanced:
                            advanced(len(chunk))
                    if position >= source.size_bytes:
                        break
                    raise UnavailableError("the connection ended before the file did")
                except UnavailableError as error:
                    if stop.wait(pause_s) or time.monotonic() - heard_s > PATIENCE_S:
                        raise StorageError(f"{source.address} cannot be read: {error}", fix=RESUMES) from error
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    except OSError as error:
        raise _local_error(path, error) from error
    except (GoneError, ChangedError, RefusedError) as error:
        raise unreadable(source.address, error) from error
    return digest.hexdigest()


def unreadable(address: str, error: Exception) -> VideoError:
    """The error for one object that cannot be read."""
    if isinstance(error, ChangedError):
        return VideoError(f"{address} changed while it was read", fix="run the same command again when it is complete")
    if isinstance(error, GoneError):
        return VideoError(f"{address} is gone: it was deleted after it was listed", fix="leave it out, or upload it")
    return VideoError(f"{address} cannot be read: {error}", fix="allow your credentials to read it, or leave it out")


def _local_error(path: Path, error: OSError) -> StorageError:
    fix = "free space there, choose another folder with FACETALLY_CACHE, or allow less with --cache-size; " + RESUMES
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(f"the disk is full: no space for a copy in {path.parent}", fix=fix)
    return StorageError(f"cannot write {path}: {error.strerror or error}", fix=fix)
