"""Opens the storage that an address names."""

from __future__ import annotations

from facetally.storage.addresses import Address
from facetally.storage.stores import Store


def open_store(address: Address) -> Store:
    """The storage of an address.

    Raises:
        StorageError: a library is missing, or the storage cannot be opened.
    """
    if address.is_s3:
        from facetally.storage.s3 import S3Store

        return S3Store(address.bucket)
    from facetally.storage.arrow import ArrowStore

    return ArrowStore(address)
