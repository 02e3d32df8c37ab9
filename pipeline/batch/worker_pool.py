"""Processes videos in worker processes: a crash, a hang or a lack of memory costs only the video that caused it.

The parent sends jobs to the workers and receives their events. A worker that dies or sends nothing for too long is
replaced, and its video is reported as failed. A worker is also replaced after a number of videos, so that memory leaks
stay small.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from facetally.batch.worker import Job, VideoFinished, WorkerTask, work
from facetally.child_processes import safe_import_path, without_main_module
from facetally.errors import OptionError, VideoError
from facetally.formatting import command
from facetally.options import WorkerOptions
from facetally.tracks.follow import FollowedFrame

TICK_S = 0.5
"""The parent waits at most this long for an event before it checks for stalled workers."""
PATIENCE_S = 2.0
"""Time that a worker has to exit by itself before it is killed."""
MAX_CHOSEN_WORKERS = 4
"""More are started only on request: each takes half a gigabyte for 1080p."""
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PRELOADED = ["onnxruntime", "facetally.batch.worker"]
"""Modules that are imported once, by the server that workers are forked from."""


def available_cores() -> int:
    """Cores that this process may use; these may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def allocate_workers(cores: int, videos: int, *, workers: int = 0, threads: int = 0) -> tuple[int, int]:
    """The number of workers, and of threads per worker, that keep all cores busy without oversubscribing them.

    Args:
        cores: the cores to use.
        videos: the number of videos to process.
        workers: the number asked for; 0: one for each core, but at most `MAX_CHOSEN_WORKERS`.
        threads: the number asked for; 0: the cores are divided among the workers. For a single worker 0 is returned,
            which lets the libraries choose.
    """
    workers = min(workers or min(cores, MAX_CHOSEN_WORKERS), max(1, videos))
    return workers, threads or (max(1, cores // workers) if workers > 1 else 0)


def run_workers(
    jobs: Sequence[Job], task: WorkerTask, options: WorkerOptions
) -> Generator[tuple[Job, FollowedFrame | VideoFinished] | None]:
    """Yields each event with its job as it arrives, and None when nothing arrived for `TICK_S`.

    The last event of each job is its `VideoFinished`. Closing the generator stops all workers at once.
    """
    left = list(reversed(jobs))
    workers: list[_Worker] = []
    try:
        while left or any(worker.job for worker in workers):
            for worker in [worker for worker in workers if worker.is_over(options.share)]:
                workers.remove(worker)
                worker.stop()
            while left and len(workers) < min(options.count, len(jobs)):
                workers.append(_Worker(task))
            for worker in workers:
                if left and not worker.job:
                    worker.take(left.pop())
            ready = _ready_workers([worker for worker in workers if worker.job], options.stall_s)
            for job, event in [worker.receive() for worker in ready]:
                if event:
                    yield job, event
            if not ready:
                yield None
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """The parent's handle of a worker process."""

    def __init__(self, task: WorkerTask) -> None:
        context: Any = multiprocessing.get_context(METHOD)
        if METHOD == "forkserver":
            context.set_forkserver_preload(PRELOADED)
        self.connection, child_connection = context.Pipe()
        arguments = child_connection, task, Path.cwd()
        self._process = context.Process(target=work, args=arguments, daemon=True, name="facetally-worker")
        with safe_import_path(), without_main_module():
            self._process.start()
        child_connection.close()  # the worker then holds the only copy of its end, and its death closes the connection
        self.job: Job | None = None
        self.heard_s = math.inf
        """When it last received or sent anything, on the monotonic clock; infinite until it is ready."""
        self._is_ready = False
        self._is_lost = False
        """Whether it died or was killed. A killed process stays alive for a moment, and must get no other job."""
        self._taken_count = 0

    def is_over(self, share: int) -> bool:
        """Whether it is idle, and dead or due to be replaced."""
        return not self.job and (self._is_lost or self._taken_count >= share or not self._process.is_alive())

    def take(self, job: Job) -> None:
        self.job = job
        self._taken_count += 1
        if self._is_ready:
            self.heard_s = time.monotonic()
        with suppress(OSError):  # a dead worker is noticed when its events are received
            self.connection.send(job)

    def receive(self) -> tuple[Job, FollowedFrame | VideoFinished | None]:
        """The next event of its job; None for a heartbeat. A worker that has sent nothing is stopped as stalled.

        Raises:
            OptionError: it died before it was ready, as a replacement would.
        """
        job, event = self.job, None
        assert job
        if not self.connection.poll():
            self._process.kill()
            self._is_lost = True
            event = VideoFinished(error=_stalled(job.path, time.monotonic() - self.heard_s), is_lost=True)
        else:
            try:
                event = self.connection.recv()
            except (EOFError, OSError):
                self._is_lost = True
                self._process.join(PATIENCE_S)
                if not self._is_ready:
                    raise OptionError(
                        f"a worker could not be started (exit code {self._process.exitcode})",
                        fix="see its output above; to use less memory or another device: --workers 1 --device cpu",
                    ) from None
                event = VideoFinished(error=_died(job.path, self._process.exitcode), is_lost=True)
        self._is_ready = True
        if isinstance(event, VideoFinished):
            self.job = None
        return job, event

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        self.connection.close()
        self._process.terminate()
        self._process.join(PATIENCE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _ready_workers(busy: Sequence[_Worker], stall_s: float) -> list[_Worker]:
    """The workers that have sent something or died, and those that have sent nothing for `stall_s`."""
    readable = wait([worker.connection for worker in busy], timeout=TICK_S)
    now_s = time.monotonic()
    for worker in busy:
        if worker.connection in readable:
            worker.heard_s = now_s
    return [worker for worker in busy if worker.connection in readable or now_s - worker.heard_s >= stall_s]


def _stalled(path: Path, silent_s: float) -> VideoError:
    return VideoError(
        f"{path} was given up after {silent_s:.0f} s without progress",
        fix=f"play it to check that it is complete; if the machine was busy: --stall {2 * max(1, round(silent_s))}",
    )


def _died(path: Path, exit_code: int | None) -> VideoError:
    if exit_code == -signal.SIGKILL:
        return VideoError(
            f"the process that read {path} was killed, most likely because memory ran out",
            fix="run with fewer --workers, or leave the video out with --exclude",
        )
    reason = signal.Signals(-exit_code).name if exit_code and exit_code < 0 else f"exit code {exit_code}"
    return VideoError(
        f"the process that read {path} crashed ({reason})",
        fix="if it plays, re-encode it: " + command("ffmpeg", "-i", path, "-c:v", "libx264", "repaired.mp4"),
    )
