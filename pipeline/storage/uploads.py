"""Stores the results of a run at an address while the run goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from facetally.errors import OutputError
from facetally.storage.lock import RemoteLock, unwritable
from facetally.storage.outputs import RemoteFolder, named_by_address
from facetally.storage.stores import ChangedError, GoneError, RefusedError, UnavailableError

THREADS = 8
MAX_WAITING = 64
"""Videos whose tables may wait; a run then waits for the storage."""
SAVE_EVERY = 50


class Uploads:
    """Stores files at an address in the background, those of one video in their order.

    Args:
        remote: the output folder.
        lock: must be held.
    """

    def __init__(self, remote: RemoteFolder, lock: RemoteLock) -> None:
        self._remote, self._lock = remote, lock
        self._pool = ThreadPoolExecutor(THREADS)
        self._running: deque[Future[None]] = deque()
        self._last: dict[str, Future[None]] = {}
        self._count = 0

    def stored(self, row: Path, tables: Sequence[Path]) -> None:
        """Stores the tables of a video, and then its row; an older row is deleted first, as it is in the folder.

        Raises:
            StorageError: an earlier file could not be stored.
        """
        name = self._name(row)

        def upload() -> None:
            if tables and name in self._remote.known:
                self._remote.delete(name)
            for path in (*tables, row):
                self._remote.put(self._name(path))

        self._submit(name, upload)

    def removed(self, row: Path, tables: Sequence[Path]) -> None:
        """Deletes the row of a video, and then its tables; errors as for `stored`."""

        def delete() -> None:
            for path in (row, *tables):
                self._remote.delete(self._name(path))

        self._submit(self._name(row), delete)

    def wait(self, most: int = 0) -> None:
        """Waits until at most so many are left; errors as for `stored`."""
        self._lock.check()
        while self._running and (len(self._running) > most or self._running[0].done()):
            try:
                self._running.popleft().result()
            except (UnavailableError, RefusedError, GoneError, ChangedError) as error:
                raise unwritable(self._remote.address, error) from error
            except FileNotFoundError as error:
                what = f"{error.filename} was deleted while the run wrote to it"
                raise OutputError(what, fix="give the same command again") from error

    def close(self) -> None:
        """Stops; what has not begun is not stored."""
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, name: str, task: Callable[[], None]) -> None:
        self.wait(MAX_WAITING)
        before = self._last.get(name)

        def in_order() -> None:
            if before:
                before.result()
            task()

        self._last[name] = future = self._pool.submit(in_order)
        future.add_done_callback(lambda done: self._last.pop(name, None) if self._last.get(name) is done else None)
        self._running.append(future)
        self._count += 1
        if self._count % SAVE_EVERY == 0:
            self._remote.save()

    def _name(self, path: Path) -> str:
        return path.relative_to(self._remote.path).as_posix()


@contextmanager
def run_output(remote: RemoteFolder, noted: Callable[[str], None]) -> Iterator[Uploads]:
    """Locks an output folder at an address, and makes the local folder equal to it; stores all that is left afterwards.

    The local folder has to be locked.

    Raises:
        OutputError: another run writes to it.
        StorageError: the storage gives no answer, or refuses it.
    """
    with named_by_address(remote), RemoteLock(remote.address, remote.store, remote.folder_id, noted) as lock:
        remote.save()
        remote.pull(for_run=True)
        uploads = Uploads(remote, lock)
        try:
            yield uploads
        finally:
            try:
                uploads.wait()
                remote.push()
            finally:
                uploads.close()
