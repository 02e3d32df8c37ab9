"""Writes files atomically, so that a reader never sees an incomplete file; reads JSON that nobody need trust."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Never

from facetally.errors import OutputError, PipelineError


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


@contextmanager
def file_lock(path: Path, timeout_s: float, *, busy: OutputError, unwritable_fix: str) -> Iterator[None]:
    """Holds the lock in a file. The system releases it when this process ends, even by a crash.

    Args:
        path: of the lock; its folder is made if it is not there.
        timeout_s: how long to wait for another process.
        busy: is raised where another one still holds the lock.
        unwritable_fix: the fix where the folder cannot be written.

    Raises:
        OutputError: `busy`, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=timeout_s)
    except Timeout as error:
        raise busy from error
    except OSError as error:
        what = f"cannot write to {path.parent}: {error.strerror or error}"
        raise OutputError(what, fix=unwritable_fix) from error
    try:
        yield
    finally:
        lock.release()


def sha256_of(path: Path) -> str:
    """The hash of a file's content, as hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable, on systems where folders can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_json(path: Path, kind: type[PipelineError], *, fix: str, allow_nan: bool = False) -> dict[str, Any]:
    """The object in a JSON file, in UTF-8 with or without byte order mark.

    Args:
        kind: of the error that is raised.
        fix: of that error.
        allow_nan: accept NaN and Infinity, which are not JSON, but which Python and others write.

    Raises:
        PipelineError: the file cannot be read, or `parsed_json` refuses its content, or that is not an object.
    """
    try:
        content = parsed_json(path.read_bytes().decode("utf-8-sig"), allow_nan=allow_nan)
    except OSError as error:
        raise kind(f"{path} cannot be read: {error.strerror or error}", fix=fix) from error
    except UnicodeDecodeError as error:
        raise kind(f"{path} is not JSON: byte {error.start} is not UTF-8", fix=fix) from error
    except ValueError as error:
        raise kind(f"{path} is not JSON: {error}", fix=fix) from error
    if not isinstance(content, dict):
        raise kind(f"{path} holds a JSON {_json_type(content)}, not an object", fix=fix)
    return content


def parsed_json(text: str, *, allow_nan: bool = False) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, nested too deeply, has a number too large for Python, or has a key twice in one
            object; also for NaN and Infinity, unless allowed. The message repeats nothing of the text.
    """
    hooks: dict[str, Any] = {} if allow_nan else {"parse_constant": _refused_constant, "parse_float": _finite}
    try:
        return json.loads(text, parse_int=_whole_number, object_pairs_hook=_unique_keys, **hooks)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _refused_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a number")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError("a number is too large")
    return number


def _whole_number(digits: str) -> int:
    limit = sys.get_int_max_str_digits()
    if limit and len(digits.lstrip("-")) > limit:
        raise ValueError(f"a number has {len(digits):,} digits")
    return int(digits)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("an object has the same key twice")
    return content


def _json_type(value: Any) -> str:
    names = {list: "list", str: "text", bool: "true or false", int: "number", float: "number"}
    return names.get(type(value), "null")


def path_within(name: str) -> PurePosixPath:
    """The name of a video as a path below a folder: it keeps the folders in it, and never leads out of that folder."""
    return PurePosixPath(*(part for part in PurePosixPath(name).parts if part not in ("/", "..")))
