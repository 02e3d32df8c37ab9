"""Fetches videos in advance while others are processed: a bounded number of bytes, in files deleted after use."""

from __future__ import annotations

import os
import queue
import secrets
import shutil
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import filelock

from facetally.errors import StorageError, VideoError
from facetally.storage.copies import RESUMES, LocalCopy, RemoteVideo, fetched

THREADS = 4
MAX_AHEAD = 16
"""Videos that are fetched before they are needed; bytes limit them, too."""
CACHE_VARIABLE = "FACETALLY_CACHE"
DEFAULT_CACHE_GB = 20.0


def cache_folder() -> Path:
    """Where copies of videos and of results at addresses are kept: FACETALLY_CACHE, else the user's cache folder."""
    import platformdirs

    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("facetally"))


class ReadAhead:
    """Fetches videos in their order; use as a context manager.

    Args:
        videos: all of them, in the order in which they are needed.
        limit_bytes: of the copies that exist at the same time; a larger video is fetched when it is the only one.
    """

    def __init__(self, videos: Sequence[RemoteVideo], limit_bytes: float = DEFAULT_CACHE_GB * 1e9) -> None:
        self._videos, self._limit_bytes = videos, limit_bytes
        self._started = 0
        self._futures: deque[Future[LocalCopy]] = deque()
        self._sizes: dict[Path, int] = {}
        self._stop = threading.Event()
        self._queue: queue.SimpleQueue[tuple[RemoteVideo, Path, Future[LocalCopy]]] = queue.SimpleQueue()

    def __enter__(self) -> ReadAhead:
        try:
            root = cache_folder() / "videos"
            root.mkdir(parents=True, exist_ok=True)
            _sweep(root)
            self._folder = root / f"{os.getpid()}-{secrets.token_hex(4)}"
            self._folder.mkdir()
            self._lock = filelock.FileLock(self._folder / ".lock")
            self._lock.acquire()
            self._limit_bytes = min(self._limit_bytes, shutil.disk_usage(root).free / 2)
        except OSError as error:
            what = f"cannot write to {cache_folder()}: {error.strerror or error}"
            raise StorageError(what, fix=f"choose another folder for copies with {CACHE_VARIABLE}") from error
        for _ in range(min(THREADS, len(self._videos))):
            threading.Thread(target=self._fetch, daemon=True, name="facetally-fetch").start()
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._lock.release()
        shutil.rmtree(self._folder, ignore_errors=True)

    def take(self) -> LocalCopy | VideoError | None:
        """The copy of the next video, or why it cannot be read; None if it did not arrive yet.

        Raises:
            StorageError: as for `local_copy`.
        """
        self._start()
        if not self._futures or not self._futures[0].done():
            return None
        try:
            return self._futures.popleft().result()
        except VideoError as error:
            return error

    def release(self, path: Path) -> None:
        """Deletes a copy that was taken."""
        with suppress(OSError):
            path.unlink(missing_ok=True)
        self._sizes.pop(path, None)
        self._start()

    def _start(self) -> None:
        """Starts to fetch the next videos, as far as they may be fetched now."""
        while self._started < len(self._videos) and len(self._futures) < MAX_AHEAD:
            video = self._videos[self._started]
            if self._sizes and sum(list(self._sizes.values())) + video.size_bytes > self._limit_bytes:
                return
            path = self._folder / f"{self._started:06}{video.suffix}"
            future: Future[LocalCopy] = Future()
            self._sizes[path] = video.size_bytes
            self._futures.append(future)
            self._started += 1
            self._queue.put((video, path, future))

    def _fetch(self) -> None:
        """Main function of a thread."""
        while not self._stop.is_set():
            with suppress(queue.Empty):
                video, path, future = self._queue.get(timeout=1)
                try:
                    future.set_result(LocalCopy(path, fetched(video, path, stop=self._stop)))
                except VideoError as error:
                    self._sizes.pop(path, None)
                    path.unlink(missing_ok=True)
                    future.set_exception(error)
                except StorageError as error:
                    future.set_exception(error)
                except Exception as error:  # otherwise whoever waits for it would wait for ever
                    what = f"{video.address} cannot be read: {type(error).__name__}: {error}"
                    future.set_exception(StorageError(what, fix=RESUMES))


def _sweep(root: Path) -> None:
    """Deletes what runs left that were killed: nobody holds their locks."""
    for folder in root.iterdir():
        with suppress(OSError, filelock.Timeout), filelock.FileLock(folder / ".lock", timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
