"""Reads images from a folder, a .zip or a .tar."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

IMAGE_SUFFIXES = frozenset(
    f".{name}" for name in ("avif", "bmp", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp")
)
"""Files that count as images within a folder, also of formats that cannot be read: these are reported, not skipped
silently. A file that is named itself always counts."""

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError)
"""What the standard library raises for damaged archives, besides ValueError and OSError; RuntimeError: encrypted."""


def read_images(source: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every image in a folder, a .zip or a .tar, in the order of their names.

    Raises:
        FileNotFoundError: `source` does not exist.
        ValueError: it is another kind of file, or damaged.
    """
    with _damage_reported(source):
        for name, content in _images_in(source):
            yield name, content()


def count_images(source: Path) -> int:
    """How many images `read_images` yields, without reading them; raises the same errors."""
    with _damage_reported(source):
        return sum(1 for _ in _images_in(source))


def image_paths(folder: Path) -> list[Path]:
    """All images in a folder and its subfolders, in the order of their names."""
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    return sorted(paths, key=lambda path: path.relative_to(folder).as_posix())


def _images_in(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The name of every image, and a function that reads it; call it before the next iteration."""
    if not source.exists():
        raise FileNotFoundError(f"no such file or folder: {source}")
    if source.is_dir():
        for path in image_paths(source):
            yield path.relative_to(source).as_posix(), path.read_bytes
    elif zipfile.is_zipfile(source):
        yield from _zipped(source)
    elif tarfile.is_tarfile(source):
        yield from _tarred(source)
    else:
        raise ValueError(f"{source} is neither a folder nor a .zip nor a .tar")


@contextmanager
def _damage_reported(source: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise ValueError(f"{source} is damaged: {error}") from error


def _zipped(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield name, partial(archive.read, name)


def _tarred(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    with tarfile.open(path) as archive:
        files = [member for member in archive.getmembers() if member.isfile()]
        for member in sorted(files, key=lambda member: member.name):
            if Path(member.name).suffix.lower() in IMAGE_SUFFIXES and (file := archive.extractfile(member)):
                yield member.name, file.read
