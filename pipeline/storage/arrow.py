"""Reads videos from any other file system that pyarrow knows: gs://, abfs://, hdfs://, file://."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Never

from facetally.errors import StorageError
from facetally.storage.addresses import Address
from facetally.storage.stores import ChangedError, GoneError, StoredObject, UnavailableError

CHUNK_BYTES = 8 * 2**20
"""Each is a request of its own: smaller ones are slower."""


class ArrowStore:
    """A file system of pyarrow, which is only read: none of them can write under a condition; a `Store`.

    An object has no ETag here; its stamp is the time of its last change. That is compared before and after it is read.

    Args:
        address: any in it.
    """

    def __init__(self, address: Address) -> None:
        self._address = address

    @cached_property
    def _system(self) -> Any:
        import pyarrow as pa
        from pyarrow import fs

        root = f"{self._address.scheme}://{self._address.bucket}/"
        try:
            return fs.FileSystem.from_uri(root)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise StorageError(
                f"{root} cannot be opened: {error}", fix="check the address and your credentials"
            ) from error

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        from pyarrow import fs

        system, root = self._system
        folder = prefix if prefix.endswith("/") or not prefix else prefix.rpartition("/")[0]
        where = _joined(root, folder)
        try:
            entries = system.get_file_info(fs.FileSelector(where.rstrip("/") or "/", recursive=True))
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable(self._address, error) from error
        for entry in entries:
            key = self._key(entry.path)
            if entry.type == fs.FileType.File and key.startswith(prefix):
                yield _described(key, entry)

    def info(self, key: str) -> StoredObject:
        from pyarrow import fs

        system, root = self._system
        try:
            entry = system.get_file_info(_joined(root, key))
        except OSError as error:
            raise UnavailableError(str(error)) from error
        if entry.type != fs.FileType.File:
            raise GoneError(key)
        return _described(key, entry)

    def read(self, found: StoredObject, start: int) -> Iterator[bytes]:
        import pyarrow as pa

        self._check(found)
        system, root = self._system
        try:
            with system.open_input_file(_joined(root, found.key)) as file:
                while start < found.size_bytes and (chunk := file.read_at(CHUNK_BYTES, start)):
                    yield chunk
                    start += len(chunk)
        except FileNotFoundError as error:
            raise GoneError(found.key) from error
        except (OSError, pa.ArrowException) as error:
            raise UnavailableError(str(error)) from error
        self._check(found)

    def get(self, key: str, unless: str = "") -> tuple[bytes, StoredObject] | None:
        found = self.info(key)
        return None if found.stamp == unless else (b"".join(self.read(found, 0)), found)

    def put(self, key: str, content: bytes, only_if: str | None = None) -> Never:  # noqa: ARG002
        self.delete(key)

    def delete(self, key: str) -> Never:
        what = f"{self._address.inside(key)} cannot be written: this storage is only read"
        raise StorageError(what, fix="give a folder or an s3:// address with -o")

    def _check(self, found: StoredObject) -> None:
        now = self.info(found.key)
        if (now.size_bytes, now.stamp) != (found.size_bytes, found.stamp):
            raise ChangedError(found.key)

    def _key(self, path: str) -> str:
        root = self._system[1].strip("/")
        return path.strip("/").removeprefix(root).lstrip("/")


def _joined(root: str, key: str) -> str:
    return f"{root.rstrip('/')}/{key}" if key else root


def _described(key: str, entry: Any) -> StoredObject:
    return StoredObject(key, int(entry.size), str(entry.mtime_ns), (entry.mtime_ns or 0) / 1e9)


def _unavailable(address: Address, error: OSError) -> StorageError:
    return StorageError(f"{address} cannot be listed: {error}", fix="check the address and your credentials")
