"""Follows videos in processes of their own: what crashes, hangs or runs out of memory costs its video and no other.

The parent hands out jobs and reads what comes of them. A worker that dies or says nothing for too long is replaced,
and its video is told as failed; one that has done its share is replaced too, so that nothing leaks for long.
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

from facetally.batch.worker import Job, VideoFinished, WorkerTask, _work
from facetally.child_processes import safe_import_path
from facetally.errors import OptionError, VideoError
from facetally.options import WorkerOptions
from facetally.tracks.follow import FollowedFrame

TICK_S = 0.5
"""Nobody waits longer than this without a look at the clock."""
PATIENCE_S = 2.0
"""What a worker gets to go home by itself before it is killed."""
MAX_CHOSEN_WORKERS = 4
"""More are started only where that is asked for: each takes half a gigabyte for 1080p."""
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PRELOADED = ["onnxruntime", "facetally.batch.worker"]
"""Imported once, by the server that workers are forked from."""


def available_cores() -> int:
    """Cores that this process may use: fewer than the machine has, where it was given only some."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def allocate_workers(cores: int, videos: int, workers: int = 0, threads: int = 0) -> tuple[int, int]:
    """How many workers, and threads of each, keep the cores busy with none having two to serve.

    Args:
        cores: to keep busy.
        videos: to be worked on.
        workers: 0 where it is to be chosen. One video leaves cores idle, at its beginning and end more than else.
        threads: 0 where it is to be chosen; 0 is chosen for one worker alone, whose libraries then do.
    """
    workers = min(workers or min(cores, MAX_CHOSEN_WORKERS), max(1, videos))
    return workers, threads or (max(1, cores // workers) if workers > 1 else 0)


def run_workers(
    jobs: Sequence[Job], task: WorkerTask, options: WorkerOptions
) -> Generator[tuple[Job, FollowedFrame | VideoFinished] | None]:
    """What comes of the jobs, as it comes; each job's last event is its `VideoFinished`.

    None: nothing new for `TICK_S`.

    Closing the generator stops all workers at once.
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
            speaking = _with_news([worker for worker in workers if worker.job], options.stall_s)
            for job, event in [worker.news() for worker in speaking]:
                if event:
                    yield job, event
            if not speaking:
                yield None
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A process, as the parent sees it."""

    def __init__(self, task: WorkerTask) -> None:
        context: Any = multiprocessing.get_context(METHOD)
        if METHOD == "forkserver":
            context.set_forkserver_preload(PRELOADED)
        self.connection, theirs = context.Pipe()
        arguments = theirs, task, Path.cwd()
        self._process = context.Process(target=_work, args=arguments, daemon=True, name="facetally-worker")
        with safe_import_path():
            self._process.start()
        theirs.close()  # the worker's end is then the only one, and its death is heard
        self.job: Job | None = None
        self.heard_s = math.inf
        """When it last got or said anything, on the monotonic clock; infinite until it is ready."""
        self._is_ready = False
        self._is_lost = False
        """A killed process is alive for a moment yet, and must get no other job."""
        self._taken_count = 0

    def is_over(self, share: int) -> bool:
        """Whether it is idle, and dead or due to be replaced."""
        return not self.job and (self._is_lost or self._taken_count >= share or not self._process.is_alive())

    def take(self, job: Job) -> None:
        self.job = job
        self._taken_count += 1
        if self._is_ready:
            self.heard_s = time.monotonic()
        with suppress(OSError):  # a dead worker is noticed when it is listened to
            self.connection.send(job)

    def news(self) -> tuple[Job, FollowedFrame | VideoFinished | None]:
        """What it has to say of its job; None: that it gets on. One that has nothing to say is stopped.

        Raises:
            OptionError: it died before it took up any job, as the next one would.
        """
        job, event = self.job, None
        assert job
        if not self.connection.poll():
            self._process.kill()
            self._is_lost = True
            event = VideoFinished(error=_stalled(job.path, time.monotonic() - self.heard_s))
        else:
            try:
                event = self.connection.recv()
            except (EOFError, OSError):
                self._is_lost = True
                self._process.join(PATIENCE_S)
                if not self._is_ready:
                    raise OptionError(
                        f"a worker could not be started (exit code {self._process.exitcode})",
                        fix="its own words stand above; with less memory or another device: --workers 1 --device cpu",
                    ) from None
                event = VideoFinished(error=_died(job.path, self._process.exitcode))
        self._is_ready = True
        if isinstance(event, VideoFinished):
            self.job = None
        return job, event

    def stop(self) -> None:
        """Ends the process, whatever it does."""
        self.connection.close()
        self._process.terminate()
        self._process.join(PATIENCE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _with_news(busy: Sequence[_Worker], stall_s: float) -> list[_Worker]:
    """The workers that have something to say, be it by dying, or that have been silent for too long."""
    speaking = wait([worker.connection for worker in busy], timeout=TICK_S)
    now_s = time.monotonic()
    for worker in busy:
        if worker.connection in speaking:
            worker.heard_s = now_s
    return [worker for worker in busy if worker.connection in speaking or now_s - worker.heard_s >= stall_s]


def _stalled(path: Path, silent_s: float) -> VideoError:
    return VideoError(
        f"nothing of {path} could be decoded for {silent_s:.0f} s, and it was given up",
        fix=f"play it to see whether it is whole; if the machine was busy: --stall {2 * max(1, round(silent_s))}",
    )


def _died(path: Path, exit_code: int | None) -> VideoError:
    if exit_code == -signal.SIGKILL:
        return VideoError(
            f"the process that read {path} was killed, most likely because memory ran out",
            fix="run with fewer --workers, or leave the video out",
        )
    reason = signal.Signals(-exit_code).name if exit_code and exit_code < 0 else f"exit code {exit_code}"
    return VideoError(
        f"the process that read {path} crashed ({reason})",
        fix=f"re-encode it where it plays: ffmpeg -i '{path}' -c:v libx264 repaired.mp4",
    )
