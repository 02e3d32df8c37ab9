"""Gives jobs to workers and receives their events, whatever the workers are: processes here, or actors elsewhere."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from facetally.batch.worker import Job, VideoFinished, VideoRestarted
from facetally.errors import PipelineError, VideoError
from facetally.options import WorkerOptions

TICK_S = 0.5
"""The longest wait for an event before stalled workers are looked for."""
NEXT_JOB_S = 0.05
"""The same while the next video is still being fetched."""

Payload = TypeVar("Payload")
"""What a worker sends: an event, or several in the form in which they travel."""


class WorkerDied(Exception):
    """A worker ended while it processed a video.

    Args:
        error: for the video's row, if it is not tried again.
    """

    def __init__(self, error: PipelineError) -> None:
        super().__init__(error.what)
        self.error = error


class Worker(ABC, Generic[Payload]):
    """The handle of a worker, which processes one video at a time."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.heard_s = math.inf
        """When it last received or sent anything, on the monotonic clock; infinite until it is ready."""
        self.is_lost = False
        """Whether it died or was killed. A killed process stays alive for a moment, and must get no other job."""
        self.taken_count = 0

    @property
    def is_starting(self) -> bool:
        """Whether it cannot take a job yet."""
        return False

    def is_over(self, share: int) -> bool:
        """Whether it is idle, and lost or due to be replaced."""
        return not self.job and (self.is_lost or self.taken_count >= share)

    @abstractmethod
    def take(self, job: Job) -> None:
        """Starts to process a video."""

    @abstractmethod
    def receive(self) -> Sequence[Payload]:
        """What it has sent; it has no job any more if that was all of it.

        Raises:
            WorkerDied: it ended before the job did; it has no job any more.
            PipelineError: it cannot work at all, and neither could others.
        """

    @abstractmethod
    def kill(self) -> None:
        """Ends it at once: it has stalled."""

    @abstractmethod
    def stop(self) -> None:
        """Ends it, whatever it is doing, and frees what belongs to it."""


class WorkerPool(ABC, Generic[Payload]):
    """Starts workers, and waits for what they send."""

    retries = 0
    """How often a video is tried again after its worker died."""

    @abstractmethod
    def room(self) -> int:
        """How many workers may exist at present."""

    @abstractmethod
    def start(self) -> Worker[Payload]:
        """Starts a worker."""

    @abstractmethod
    def wait(self, workers: Sequence[Worker[Payload]], timeout_s: float) -> Collection[Worker[Payload]]:
        """Those of the workers that have sent something or died."""

    @abstractmethod
    def packed(self, event: VideoFinished | VideoRestarted) -> Payload:
        """An event in the form in which workers send theirs."""


class JobsLeft:
    """The jobs that no worker has taken.

    Args:
        jobs: in their order; None where the next is not ready yet, such as a video that is still being fetched.
    """

    def __init__(self, jobs: Iterable[Job | None]) -> None:
        self._jobs, self._ready, self._is_over = iter(jobs), list[Job](), False

    def __bool__(self) -> bool:
        """Whether any job is left, ready or not."""
        return bool(self._ready) or not self._is_over

    def ready(self, most: int) -> int:
        """How many jobs can be taken at once; no more than `most` are asked for."""
        while not self._is_over and len(self._ready) < most:
            try:
                job = next(self._jobs)
            except StopIteration:
                self._is_over = True
                break
            if not job:
                break
            self._ready.insert(0, job)
        return len(self._ready)

    def pop(self) -> Job:
        """The next job, of those that are ready."""
        return self._ready.pop()

    def append(self, job: Job) -> None:
        """Puts a job back, to be the next."""
        self._ready.append(job)


def processed(
    jobs: Iterable[Job | None], pool: WorkerPool[Payload], options: WorkerOptions
) -> Generator[tuple[Job, Payload] | None]:
    """Yields what is sent about each job as it arrives, and None when nothing arrived for `TICK_S`.

    A worker that dies or sends nothing for `stall_s` is replaced, and its video has failed, unless it is tried again.
    Closing the generator stops all workers at once.
    """
    left = JobsLeft(jobs)
    tries: Counter[str] = Counter()
    workers: list[Worker[Payload]] = []
    try:
        while left or any(worker.job for worker in workers):
            for worker in [worker for worker in workers if worker.is_over(options.share)]:
                workers.remove(worker)
                worker.stop()
            needed = left.ready(pool.room()) + sum(1 for worker in workers if worker.job)
            while len(workers) < min(pool.room(), needed):
                workers.append(pool.start())
            for worker in workers:
                if left.ready(1) and not worker.job and not worker.is_starting and not worker.is_lost:
                    worker.take(left.pop())
            timeout_s = NEXT_JOB_S if left and not left.ready(0) else TICK_S
            readable, silent = _heard(workers, pool, options.stall_s, timeout_s)
            for job, payloads in [_received(worker, pool, left, tries) for worker in readable]:
                if job:
                    yield from ((job, payload) for payload in payloads)
            for worker in silent:
                if job := worker.job:
                    yield job, pool.packed(_stalled(worker, job))
            if not readable and not silent:
                yield None
    finally:
        for worker in workers:
            worker.stop()


def _heard(
    workers: Sequence[Worker[Payload]], pool: WorkerPool[Payload], stall_s: float, timeout_s: float
) -> tuple[list[Worker[Payload]], list[Worker[Payload]]]:
    """The workers that have sent something or died, and those that have sent nothing for `stall_s`."""
    busy = [worker for worker in workers if worker.job or worker.is_starting]
    readable = pool.wait(busy, timeout_s)
    now_s = time.monotonic()
    for worker in readable:
        worker.heard_s = now_s
    silent = [worker for worker in busy if worker not in readable and now_s - worker.heard_s >= stall_s]
    return [worker for worker in busy if worker in readable], silent


def _received(
    worker: Worker[Payload], pool: WorkerPool[Payload], left: JobsLeft, tries: Counter[str]
) -> tuple[Job | None, Sequence[Payload]]:
    """What a worker has sent; the video of one that died is tried again, or has failed."""
    job = worker.job
    try:
        return job, worker.receive()
    except WorkerDied as died:
        if not job:
            return None, ()
        tries[job.row.video_id] += 1
        if tries[job.row.video_id] <= pool.retries:
            left.append(job)
            return job, [pool.packed(VideoRestarted(died.error.what))]
        return job, [pool.packed(VideoFinished(error=died.error, is_lost=True))]


def _stalled(worker: Worker[Payload], job: Job) -> VideoFinished:
    """Kills a worker that has sent nothing for too long."""
    silent_s = time.monotonic() - worker.heard_s
    worker.kill()
    worker.is_lost, worker.job = True, None
    return VideoFinished(error=_stall_error(job.path, silent_s), is_lost=True)


def _stall_error(path: Path, silent_s: float) -> VideoError:
    return VideoError(
        f"{path} was given up after {silent_s:.0f} s without progress",
        fix=f"play it to check that it is complete; if the machine was busy: --stall {2 * max(1, round(silent_s))}",
    )
