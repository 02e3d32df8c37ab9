"""The worker that Ray runs as an actor: the same detection and tracking as in a worker process of this machine.

This module does not import Ray, which loads it on the machines of the cluster.
"""

from __future__ import annotations

import os
import pickle
import platform
import queue
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from facetally.batch.worker import HEARTBEAT_S, Event, Heartbeat, Job, VideoFinished, WorkerTask
from facetally.errors import OptionError, StorageError, VideoError
from facetally.files import sha256_of
from facetally.formatting import command, listed, printable
from facetally.results.ledger import renamed_in_command
from facetally.storage.copies import LocalCopy, local_copy

LIBRARIES = {
    "av": ("av",),
    "numpy": ("numpy",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "opencv": ("opencv-python", "opencv-python-headless", "opencv-contrib-python"),
}
"""Packages that the values in the tables depend on, and the names under which each may be installed."""
CHUNK_BYTES = 2**21
"""A worker sends its events when it has so many bytes of them, and otherwise every `HEARTBEAT_S`."""
QUEUED_EVENTS = 64
"""Events that may wait to be sent; the worker pauses when there are more."""


@dataclass(frozen=True)
class Unseen:
    """A video that the machine which runs facetally has, and this one does not."""

    host: str


def _no_hashes() -> dict[Path, str]:
    return {}


@dataclass(frozen=True)
class Installation:
    """What must be the same on all machines, so that they give the same results."""

    versions: dict[str, str]
    """Of facetally and the libraries that results depend on."""
    weights: dict[Path, str] = field(default_factory=_no_hashes)
    """SHA-256 of each file of weights; "" for one that cannot be read."""
    host: str = ""

    @classmethod
    def here(cls, weights: dict[Path, str]) -> Installation:
        """The installation on this machine, with the hashes of these files."""
        from facetally import __version__

        versions = {"facetally": __version__, "Python": platform.python_version()}
        versions |= {name: _version(packages) for name, packages in LIBRARIES.items()}
        return cls(versions, {path: _hash(path) for path in weights}, socket.gethostname())

    def refuse_other(self, other: Installation) -> None:
        """Compares with another machine's.

        Raises:
            OptionError: they differ.
        """
        differing = {name: found for name, found in other.versions.items() if found != self.versions.get(name)}
        if differing:
            here = listed([f"{name} {self.versions.get(name)}" for name in differing], 9)
            there = listed([f"{name} {found or 'none'}" for name, found in differing.items()], 9)
            pins = [f"{name}=={self.versions[name]}" for name in differing if name != "Python"]
            install = f"run there: {command('pip', 'install', *pins)}" if pins else "use the same Python there"
            raise OptionError(f"machine {other.host} has {there}, but this one {here}", fix=install)
        for path, sha256 in self.weights.items():
            if (found := other.weights.get(path, "")) != sha256:
                what = "are other weights" if found else "cannot be read"
                raise OptionError(
                    f"{path} {what} on machine {other.host}",
                    fix="install facetally at the same place on all machines, or put the weights into a folder that "
                    "all of them share and name it with --models-dir",
                )


def _version(packages: tuple[str, ...]) -> str:
    for package in packages:
        with suppress(PackageNotFoundError):
            return version(package)
    return ""


def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""


class RayWorker:
    """Processes videos one after another; its networks stay loaded."""

    def __init__(self) -> None:
        self._task: WorkerTask | None = None

    def inspect(self, weights: dict[Path, str], folder: Path) -> tuple[Installation, int]:
        """What is installed here, and the id of this process; takes the folder that relative paths start from."""
        with suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run decides what Ctrl-C means
        with suppress(OSError):  # absolute paths do not need it
            os.chdir(folder)
        return Installation.here(weights), os.getpid()

    def load(self, task: bytes) -> None:
        """Loads the networks of a pickled `WorkerTask`."""
        self._task = pickle.loads(task)
        assert self._task
        self._task.limit_threads()

    def process(self, job: Job) -> Iterator[bytes]:
        """The events of a video, several at a time, as `unpacked` reads them; b"" for a heartbeat."""
        assert self._task
        waiting: queue.Queue[bytes | None] = queue.Queue(QUEUED_EVENTS)
        heartbeat, task = Heartbeat(), self._task

        def produce() -> None:
            for event in _events(task, job, heartbeat):
                waiting.put(packed(event))
            waiting.put(None)

        threading.Thread(target=produce, daemon=True).start()
        yield from _chunks(waiting, heartbeat)


def _events(task: WorkerTask, job: Job, heartbeat: Heartbeat) -> Iterator[Event | Unseen | StorageError]:
    """The events of a video; one in object storage is fetched first, and its copy deleted afterwards."""
    if not job.source:
        if job.content and not job.path.exists():
            yield Unseen(socket.gethostname())
        yield from task.events(job, heartbeat)
        return
    try:
        with local_copy(job.source, advanced=heartbeat.fetched) as copy:
            for event in task.events(replace(job, path=copy.path), heartbeat):
                yield _about_original(event, copy, job.path) if isinstance(event, VideoFinished) else event
    except VideoError as error:
        yield VideoFinished(error=error)
    except StorageError as error:
        yield error


def _about_original(finished: VideoFinished, copy: LocalCopy, path: Path) -> VideoFinished:
    """The last event of a fetched video, with its hash, and with its own name instead of that of the copy."""
    error, names = finished.error, (printable(str(copy.path)), printable(str(path)))
    if error:
        error = VideoError(error.what.replace(*names), fix=renamed_in_command(error.fix, *names))
    return replace(finished, error=error, sha256=copy.sha256)


def _chunks(waiting: queue.Queue[bytes | None], heartbeat: Heartbeat) -> Iterator[bytes]:
    """Joins events; yields b"" when there are none, but something was decoded."""
    last, is_over = 0, False
    while not is_over:
        parts: list[bytes] = []
        until_s = time.monotonic() + HEARTBEAT_S
        while sum(map(len, parts)) < CHUNK_BYTES and (left_s := until_s - time.monotonic()) > 0:
            with suppress(queue.Empty):
                part = waiting.get(timeout=left_s)
                if is_over := part is None:
                    break
                parts.append(part or b"")
        count = heartbeat.count()
        if parts or count != last:
            yield b"".join(parts)
        last = count


def packed(event: Event | Unseen | StorageError) -> bytes:
    """An event as it travels."""
    return pickle.dumps(event, pickle.HIGHEST_PROTOCOL)
