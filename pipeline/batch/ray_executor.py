"""Runs the videos on Ray: this side reads the events. The connection to the cluster is in a process of its own.

That process may end at any moment without harm to this one, and it keeps Ray's handlers of signals, its import paths
and its messages away from the user's program.
"""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from facetally.batch.ray_driver import drive
from facetally.batch.ray_pool import RESUMES, Connection
from facetally.batch.ray_worker import Unseen
from facetally.batch.scheduling import TICK_S
from facetally.batch.worker import Event, Job, WorkerTask
from facetally.batch.worker_pool import end_process, started_process
from facetally.errors import OptionError, PipelineError, StorageError
from facetally.log import LOGGER
from facetally.options import WorkerOptions
from facetally.threads import usable_cores

PATIENCE_S = 10.0
"""Time that the connection has to end its workers and, if it started one, its cluster."""
START_S = 150.0
"""Time that the connection has to begin. Ray 2.60.0 waits for ever for a worker that was killed while it started."""


class NotStartedError(OptionError):
    """Ray did not start in time."""


@dataclass(frozen=True)
class RayExecutor:
    """Actors of a Ray cluster.

    Args:
        address: HOST:PORT of a cluster to which this machine belongs, or auto; empty: one is started here and ended
            with the run, unless the variable RAY_ADDRESS names one.

    Raises:
        OptionError: Ray is not installed, or the address is for Ray Client.
    """

    address: str = ""
    fetches: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if importlib.util.find_spec("ray") is None:
            raise OptionError("--executor ray: Ray is not installed", fix="pip install 'facetally[ray]'")
        if self.address.startswith("ray://"):
            raise OptionError(
                f"--address {self.address} is an address of Ray Client, which cannot be used",
                fix="run facetally on a machine of the cluster, for example the head, with --address auto",
            )

    def allocate(self, videos: int, options: WorkerOptions) -> WorkerOptions:
        """One thread per worker; the number of workers is chosen later, by what the cluster has."""
        return replace(options, count=min(options.count, max(1, videos)), threads=options.threads or 1)

    def classifier_threads(self, options: WorkerOptions) -> int:
        """All cores where a cluster runs already: this process classifies what all its machines find."""
        has_cluster = self.address or os.environ.get("RAY_ADDRESS")
        return usable_cores() if has_cluster else options.threads

    def run(
        self, jobs: Iterable[Job | None], task: WorkerTask, options: WorkerOptions
    ) -> Generator[tuple[Job, Event] | None]:
        """As in `Executor`.

        Raises:
            OptionError: the cluster cannot be reached or was lost, its machines have other versions or weights, or
                cannot see the videos.
        """
        given = [job for job in jobs if job]  # none is fetched first
        if not given:
            return
        with tempfile.TemporaryDirectory(prefix="facetally-ray-") as folder:
            about = Connection(self.address, Path.cwd(), Path(folder) / "messages.txt")
            try:
                yield from _events(about, given, task, options)
            except NotStartedError as error:
                LOGGER.warning("%s: it is started once more", error.what)
                yield from _events(about, given, task, options)


def _events(
    about: Connection, jobs: list[Job], task: WorkerTask, options: WorkerOptions
) -> Iterator[tuple[Job, Event] | None]:
    """What the workers send, of a connection that is started for them."""
    connection, process = started_process("facetally-ray", drive, about, jobs, task, options)
    try:
        for message in _messages(connection, about.messages):
            if message is None:
                yield None
            else:
                job = jobs[message[0]]
                yield from ((job, event) for event in _unpacked(message[1], job))
    finally:
        connection.close()
        end_process(process, PATIENCE_S)


def _messages(connection: Any, printed: Path) -> Iterator[tuple[int, bytes] | None]:
    """What the other process sends, until it says that all jobs are done."""
    started_s, has_begun = time.monotonic(), False
    while True:
        if not connection.poll(TICK_S):
            if not has_begun and time.monotonic() - started_s > START_S:
                raise NotStartedError(f"Ray did not start within {START_S:g} seconds", fix=RESUMES)
            yield None
            continue
        has_begun = True
        try:
            message = connection.recv()
        except (EOFError, OSError):
            with suppress(OSError):
                LOGGER.error("the connection to Ray ended; its messages:\n%s", printed.read_text("utf-8", "replace"))
            raise OptionError("the connection to the Ray cluster was lost", fix=RESUMES) from None
        match message:
            case "finished":
                return
            case PipelineError():
                raise message
            case str():
                LOGGER.info("%s", message)
            case _:
                yield message


def _unpacked(data: bytes, job: Job) -> Iterator[Event]:
    """The events in a piece of what a worker sent.

    Raises:
        StorageError: the storage gives no answer or refuses all.
        OptionError: the worker's machine does not see a file that is there on this one.
    """
    stream = io.BytesIO(data)
    while stream.tell() < len(data):
        event = pickle.load(stream)
        if isinstance(event, StorageError):
            raise event
        if not isinstance(event, Unseen):
            yield event
        elif job.path.exists():
            raise OptionError(
                f"{job.path} is on this machine, but machine {event.host} of the cluster does not see it",
                fix="put the videos into a folder that all machines share under the same path, or give the address of "
                "an object storage, such as s3://bucket/videos/",
            )
