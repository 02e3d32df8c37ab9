"""Processes videos in worker processes: a crash, a hang or a lack of memory costs only the video that caused it.

The parent sends jobs to the workers and receives their events. A worker that dies or sends nothing for too long is
replaced, and its video is reported as failed. A worker is also replaced after a number of videos, so that memory leaks
stay small.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from facetally.batch.scheduling import Worker, WorkerDied, WorkerPool, processed
from facetally.batch.worker import Event, Job, VideoFinished, VideoRestarted, WorkerTask, work
from facetally.child_processes import METHOD, PRELOADED, free_unused_memory, safe_import_path, without_main_module
from facetally.errors import OptionError, VideoError
from facetally.formatting import command
from facetally.options import WorkerOptions

PATIENCE_S = 2.0
"""Time that a worker has to exit by itself before it is killed."""
MAX_CHOSEN_WORKERS = 4
"""More are started only on request: each takes half a gigabyte for 1080p."""


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
    jobs: Iterable[Job | None], task: WorkerTask, options: WorkerOptions
) -> Generator[tuple[Job, Event] | None]:
    """Yields each event with its job as it arrives, and None when nothing arrived for a moment.

    The last event of each job is its `VideoFinished`. Closing the generator stops all workers at once.
    """
    return processed(jobs, _LocalPool(task, options.count), options)


class _LocalPool(WorkerPool[Event]):
    """Starts worker processes on this machine."""

    def __init__(self, task: WorkerTask, count: int) -> None:
        self._task, self._count = task, count

    def room(self) -> int:
        return self._count

    def start(self) -> _LocalWorker:
        return _LocalWorker(self._task)

    def wait(self, workers: Sequence[Worker[Event]], timeout_s: float) -> Collection[Worker[Event]]:
        by_connection = {worker.connection: worker for worker in workers if isinstance(worker, _LocalWorker)}
        return [by_connection[ready] for ready in wait(list(by_connection), timeout_s) if isinstance(ready, Connection)]

    def packed(self, event: VideoFinished | VideoRestarted) -> Event:
        return event


class _LocalWorker(Worker[Event]):
    """The parent's handle of a worker process."""

    def __init__(self, task: WorkerTask) -> None:
        super().__init__()
        self.connection, self._process = started_process("facetally-worker", work, task, Path.cwd())
        free_unused_memory()  # left over from preparing the networks
        self._is_ready = False

    def is_over(self, share: int) -> bool:
        return super().is_over(share) or (not self.job and not self._process.is_alive())

    def take(self, job: Job) -> None:
        self.job = job
        self.taken_count += 1
        if self._is_ready:
            self.heard_s = time.monotonic()
        with suppress(OSError):  # a dead worker is noticed when its events are received
            self.connection.send(job)

    def receive(self) -> Sequence[Event]:
        """The next event of its job; none for a heartbeat.

        Raises:
            WorkerDied: it died.
            OptionError: it died before it was ready, as a replacement would.
        """
        try:
            event = self.connection.recv()
        except (EOFError, OSError):
            raise self._end() from None
        self._is_ready = True
        if isinstance(event, VideoFinished):
            self.job = None
        return [event] if event else []

    def _end(self) -> WorkerDied | OptionError:
        """The error about its death."""
        job, self.job, self.is_lost = self.job, None, True
        self._process.join(PATIENCE_S)
        if not job or not self._is_ready:
            return OptionError(
                f"a worker could not be started (exit code {self._process.exitcode})",
                fix="see its output above; to use less memory or another device: --workers 1 --device cpu",
            )
        return WorkerDied(_died(job.path, self._process.exitcode))

    def kill(self) -> None:
        self._process.kill()

    def stop(self) -> None:
        self.connection.close()
        end_process(self._process)


def started_process(name: str, target: Callable[..., None], *arguments: Any) -> tuple[Connection, Any]:
    """A process that calls `target(connection, *arguments)`, and our end of the connection.

    It imports nothing from the current folder, and does not import the user's script.
    """
    context: Any = multiprocessing.get_context(METHOD)
    if METHOD == "forkserver":
        context.set_forkserver_preload(PRELOADED)
    connection, child_connection = context.Pipe()
    process = context.Process(target=target, args=(child_connection, *arguments), daemon=True, name=name)
    with safe_import_path(), without_main_module():
        process.start()
    child_connection.close()  # the process then holds the only copy of its end, and its death closes the connection
    return connection, process


def end_process(process: Any, patience_s: float = PATIENCE_S) -> None:
    """Ends a process, whatever it is doing."""
    process.terminate()
    process.join(patience_s)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


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
