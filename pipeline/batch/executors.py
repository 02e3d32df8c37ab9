"""Where the videos of a run are processed: by worker processes on this machine, or by Ray on many."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Protocol

from facetally.batch.ray_executor import RayExecutor
from facetally.batch.worker import Event, Job, WorkerTask
from facetally.batch.worker_pool import allocate_workers, run_workers
from facetally.errors import OptionError
from facetally.options import ExecutorName, WorkerOptions
from facetally.threads import usable_cores


class Executor(Protocol):
    """Processes videos somewhere and reports their events here."""

    @property
    def fetches(self) -> bool:
        """Whether its workers fetch videos in object storage themselves, with `storage.copies.local_copy`."""

    def allocate(self, videos: int, options: WorkerOptions) -> WorkerOptions:
        """The options with the numbers of workers and threads that were left to choose.

        Args:
            videos: the number of videos.
            options: as the user gave them; 0 for a number that is to be chosen.
        """

    def classifier_threads(self, options: WorkerOptions) -> int:
        """Threads for the classifier, which runs in this process; 0 lets the library choose."""

    def run(
        self, jobs: Iterable[Job | None], task: WorkerTask, options: WorkerOptions
    ) -> Generator[tuple[Job, Event] | None]:
        """Yields each event with its job as it arrives, and None when nothing arrived for a moment.

        The last event of each job is its `VideoFinished`. Closing the generator stops all workers at once.
        """


class LocalExecutor:
    """Worker processes on this machine."""

    fetches = False

    def allocate(self, videos: int, options: WorkerOptions) -> WorkerOptions:
        count, threads = allocate_workers(usable_cores(), videos, workers=options.count, threads=options.threads)
        return replace(options, count=count, threads=threads)

    def classifier_threads(self, options: WorkerOptions) -> int:
        return options.threads  # the workers have the other cores

    def run(
        self, jobs: Iterable[Job | None], task: WorkerTask, options: WorkerOptions
    ) -> Generator[tuple[Job, Event] | None]:
        return run_workers(jobs, task, options)


def executor_of(name: ExecutorName, address: str = "") -> Executor:
    """The executor of that name.

    Args:
        name: local or ray.
        address: of a Ray cluster.

    Raises:
        OptionError: an address without Ray, an address that cannot be used, or Ray is not installed.
    """
    if name == "ray":
        return RayExecutor(address)
    if address:
        raise OptionError("--address is for --executor ray only", fix="add --executor ray, or leave out --address")
    return LocalExecutor()
