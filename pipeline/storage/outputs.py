"""Keeps an output folder at an address, and a local folder that is equal to it, in which all commands work.

What is at the address counts. Before a command, what changed there is fetched; afterwards, what the command changed is
stored there. The local folder only saves fetching again, and may be deleted between two commands.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import filelock

from facetally.errors import OutputError, PipelineError, StorageError
from facetally.files import parsed_json, write_whole
from facetally.formatting import named
from facetally.storage.addresses import Address, is_address, parsed_address
from facetally.storage.copies import RESUMES
from facetally.storage.lock import unwritable
from facetally.storage.opening import open_store
from facetally.storage.read_ahead import CACHE_VARIABLE, cache_folder
from facetally.storage.stores import ChangedError, GoneError, RefusedError, Store, UnavailableError

THREADS = 16
STATE_NAME = ".remote.json"
TABLES = ("faces", "tracks", "videos")
MADE_BY_RUNS = (*TABLES, "compacted", "tallies", "run.json", "log.txt")
"""What only runs write: where this differs, what is at the address counts. Anything else may be work by hand."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Known:
    """A file that was equal to an object at one time."""

    stamp: str
    """Of the object."""
    size_bytes: int
    mtime_ns: int
    """Both of the file."""


class RemoteFolder:
    """An output folder at an address, with its local folder.

    Args:
        address: of the folder.
        store: its storage; by default the one that the address names.
    """

    def __init__(self, address: Address, store: Store | None = None) -> None:
        if not address.is_s3:
            raise StorageError(
                f"results cannot be stored at {address.scheme}:// addresses: they need writing under a condition",
                fix="choose a folder or an s3:// address with -o; Google Cloud Storage, R2, MinIO and others have one, "
                "with AWS_ENDPOINT_URL",
            )
        self.address = Address(address.scheme, address.bucket, address.key.rstrip("/"))
        self.store = store or open_store(address)
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", str(self.address))[-60:].strip("._-")
        digest = hashlib.sha256(str(self.address).encode()).hexdigest()[:8]
        self.path = cache_folder().resolve() / "outputs" / f"{readable}-{digest}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write to {self.path}: {error.strerror}", fix="set FACETALLY_CACHE") from error
        self.folder_id, self.known = self._state()
        self._at_start: frozenset[str] = frozenset()

    def pull(self, *, for_run: bool = False) -> None:
        """Makes the local folder equal to what is at the address.

        One listing tells what changed. What it may lack is asked for by key: run.json, the tables of each row, and
        whatever was there before.

        Args:
            for_run: also ask for the row of each video that run.json names, so that none is processed twice. For a
                command that only reads, this is not worth a request for each video that is left.

        Raises:
            StorageError: the storage gives no answer, or refuses it.
            OutputError: a file was changed both here and there.
        """
        with self._translated():
            prefix = self.address.inside("").key
            listed = {one.key.removeprefix(prefix): one.stamp for one in self.store.listed(prefix)}
            listed = {name: stamp for name, stamp in listed.items() if _is_kept(name)}
            self._get("run.json")
            wanted = [name for name, stamp in listed.items() if self._differs(name, stamp)]
            wanted += [name for name in self.known if name not in listed]
            if for_run:
                rows = [f"videos/{video_id}.parquet" for video_id in self._named_by_run()]
                wanted += [name for name in rows if name not in listed]
            _for_each(self._get, dict.fromkeys(wanted))
            tables = [f"{table}/{path.name}" for path in self._rows() for table in ("faces", "tracks")]
            _for_each(self._get, [name for name in tables if name not in self.known])
            for name in self._files():
                if name not in self.known and name.split("/")[0] in MADE_BY_RUNS:
                    (self.path / name).unlink(missing_ok=True)
            self._at_start = frozenset(self.known)
            self.save()

    def push(self) -> None:
        """Stores what was changed in the local folder at the address, in the order in which it was written.

        Raises:
            StorageError: the storage gives no answer, or refuses it.
        """
        with self._translated():
            changed = []
            for name, path in self._files().items():
                known, status = self.known.get(name), path.stat()
                if not known or (known.size_bytes, known.mtime_ns) != (status.st_size, status.st_mtime_ns):
                    changed.append((status.st_mtime_ns, name))
            for _, name in sorted(changed):
                self.put(name)
            gone = [name for name in self._at_start & self.known.keys() if not (self.path / name).exists()]
            for name in sorted(gone, key=lambda name: not name.startswith("videos/")):
                self.delete(name)
            self.save()

    def put(self, name: str) -> None:
        """Stores one file at the address; errors as those of `Store`."""
        path = self.path / name
        status, content = path.stat(), path.read_bytes()
        stamp = self.store.put(self.address.inside(name).key, content)
        self.known[name] = Known(stamp, status.st_size, status.st_mtime_ns)

    def delete(self, name: str) -> None:
        """Deletes one file at the address; errors as those of `Store`."""
        self.store.delete(self.address.inside(name).key)
        self.known.pop(name, None)

    def save(self) -> None:
        """Writes down which files are equal to which objects. Where this is lost, they are fetched again."""
        content = {
            "address": str(self.address),
            "folder_id": self.folder_id,
            "files": {name: asdict(known) for name, known in list(self.known.items())},
        }
        write_whole(self.path / STATE_NAME, json.dumps(content))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (UnavailableError, RefusedError, GoneError, ChangedError) as error:
            raise unwritable(self.address, error) from error
        except OSError as error:
            what = f"cannot write to {self.path}: {error.strerror or error}"
            raise StorageError(what, fix="free space there, or choose another folder with FACETALLY_CACHE") from error

    def _state(self) -> tuple[str, dict[str, Known]]:
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            content = parsed_json((self.path / STATE_NAME).read_text(encoding="utf-8"))
            return str(content["folder_id"]), {name: Known(**known) for name, known in content["files"].items()}
        return secrets.token_hex(8), {}

    def _differs(self, name: str, stamp: str) -> bool:
        known = self.known.get(name)
        return not known or known.stamp != stamp or not self._is_unchanged(name, known)

    def _is_unchanged(self, name: str, known: Known) -> bool:
        try:
            status = (self.path / name).stat()
        except OSError:
            return False
        return (known.size_bytes, known.mtime_ns) == (status.st_size, status.st_mtime_ns)

    def _get(self, name: str) -> None:
        """Makes a file equal to its object, unless it holds work by hand that is not stored there yet."""
        path, known = self.path / name, self.known.get(name)
        is_unchanged = known and self._is_unchanged(name, known)
        try:
            answer = self.store.get(self.address.inside(name).key, known.stamp if known and is_unchanged else "")
        except GoneError:
            self.known.pop(name, None)
            if is_unchanged or name.split("/")[0] in MADE_BY_RUNS:
                path.unlink(missing_ok=True)
            return
        if answer is None:
            return
        content, found = answer
        if path.exists() and not is_unchanged and name.split("/")[0] not in MADE_BY_RUNS:
            if known and known.stamp == found.stamp:
                return  # work of a command that could not store it
            if path.read_bytes() != content:
                raise OutputError(
                    f"{path} differs from {self.address.inside(name)}, and both were changed",
                    fix="move one of the two away, then give the same command again",
                )
        write_whole(path, content)
        status = path.stat()
        self.known[name] = Known(found.stamp, status.st_size, status.st_mtime_ns)

    def _named_by_run(self) -> list[str]:
        with suppress(OSError, ValueError):
            videos: Any = parsed_json((self.path / "run.json").read_text(encoding="utf-8")).get("videos", {})
            return [video_id for video_id in videos if re.fullmatch(r"[A-Za-z0-9._-]+", video_id)]
        return []

    def _rows(self) -> list[Path]:
        return sorted((self.path / "videos").glob("*.parquet"))

    def _files(self) -> dict[str, Path]:
        """The files that are kept equal, by their names."""
        found = {path.relative_to(self.path).as_posix(): path for path in self.path.rglob("*") if path.is_file()}
        return {name: path for name, path in found.items() if _is_kept(name)}


@contextmanager
def output_folder(text: str) -> Iterator[Path]:
    """The local folder for an output folder at an address: made equal before the block, and stored after it.

    If a run on this machine writes to it at the same time, its files are used as they are.

    Raises:
        StorageError, OutputError: as `RemoteFolder.pull`; in errors of the block, the address stands for the folder.
    """
    remote = RemoteFolder(parsed_address(text))
    with named_by_address(remote):
        with suppress(filelock.Timeout), filelock.FileLock(remote.path / ".lock", timeout=0):
            remote.pull()
        try:
            yield remote.path
        finally:
            with suppress(filelock.Timeout), filelock.FileLock(remote.path / ".lock", timeout=0):
                remote.push()


@contextmanager
def named_by_address(remote: RemoteFolder) -> Iterator[None]:
    """In texts of the block, the address stands for the local folder, except where that itself cannot be written."""
    try:
        with named(remote.path, str(remote.address)):
            yield
    except PipelineError as error:
        if error.what.startswith((f"cannot write {remote.path}", f"cannot write to {remote.path}")):
            raise StorageError(
                error.what,
                fix=f"free space there, or choose another folder for local copies with {CACHE_VARIABLE}; {RESUMES}",
            ) from error
        for part in (error, *error.parts):
            part.what = part.what.replace(str(remote.path), str(remote.address))
            part.fix = part.fix.replace(str(remote.path), str(remote.address))
        raise


def _is_kept(name: str) -> bool:
    return bool(name) and not any(part.startswith(".") for part in name.split("/"))


def _for_each(function: Callable[[Item], Result], items: Iterable[Item]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(function, items):
            pass


OUTPUT_ARGUMENTS = frozenset(("out", "run_a", "run_b"))
"""Names of arguments that are output folders."""
Function = TypeVar("Function", bound=Callable[..., Any])


def with_addresses(function: Function) -> Function:
    """The function, which then also takes addresses for output folders: it works in the local folders for them."""

    @functools.wraps(function)
    def wrapped(*args: Any, **keywords: Any) -> Any:
        given = inspect.signature(function).bind(*args, **keywords)
        with ExitStack() as stack:
            for name in OUTPUT_ARGUMENTS & given.arguments.keys():
                value = given.arguments[name]
                if isinstance(value, list | tuple):
                    given.arguments[name] = [_opened(one, stack) for one in value]
                else:
                    given.arguments[name] = _opened(value, stack)
            return function(*given.args, **given.kwargs)

    return wrapped  # type: ignore[return-value]


def _opened(value: object, stack: ExitStack) -> object:
    return stack.enter_context(output_folder(str(value))) if is_address(value) else value
