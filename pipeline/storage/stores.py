"""What every storage can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in a storage, in the version that was listed."""

    key: str
    size_bytes: int
    stamp: str
    """Changes with its content: the ETag, else the time of the last change."""
    modified_s: float = 0.0
    """When it was written, by the clock of the storage, in seconds since 1970."""


class GoneError(LookupError):
    """There is no such object."""


class ChangedError(RuntimeError):
    """An object is not the one that it was, or is there although it should not be."""


class RefusedError(RuntimeError):
    """This one object cannot be read, whatever is tried; others may."""


class UnavailableError(RuntimeError):
    """The storage gave no answer, or an incomplete one, for reasons that may pass."""


class Store(Protocol):
    """The objects of one bucket or file system.

    All methods raise `GoneError`, `ChangedError`, `RefusedError` and `UnavailableError`, and `StorageError` for what
    concerns the whole storage, such as credentials that are not valid.
    """

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose keys begin with `prefix`, page by page."""

    def info(self, key: str) -> StoredObject:
        """What is known of one object."""

    def read(self, found: StoredObject, start: int) -> Iterator[bytes]:
        """The bytes of this version of an object, from `start` on; `ChangedError` if it is another version now."""

    def get(self, key: str, unless: str = "") -> tuple[bytes, StoredObject] | None:
        """The content of a small object; None if its stamp is `unless`."""

    def put(self, key: str, content: bytes, only_if: str | None = None) -> str:
        """Writes an object whole, and returns its stamp.

        Args:
            only_if: the stamp that it must have before; "": it must not be there; None: whatever it is.
        """

    def delete(self, key: str) -> None:
        """Deletes an object, if it is there."""
