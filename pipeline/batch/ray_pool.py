"""The workers of a run on a Ray cluster, as the process with the connection to it sees them."""

from __future__ import annotations

import pickle
import socket
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facetally.batch.ray_worker import Installation, RayWorker, packed
from facetally.batch.scheduling import Worker, WorkerDied, WorkerPool
from facetally.batch.worker import Job, VideoFinished, VideoRestarted, WorkerTask
from facetally.errors import OptionError, VideoError
from facetally.formatting import command, counted
from facetally.options import WorkerOptions

MEMORY_BYTES = 2**30
"""Memory that Ray reserves for each worker; for videos of up to 1080p one takes 0.6 GB."""
RETRIES = 2
"""How often a video is tried again after its worker or its machine died."""
CHUNKS_AHEAD = 4
"""Pieces that a worker sends before it waits for them to be read."""
FAILED_STARTS = 3
"""If so many workers died before any was ready, the run ends."""
RESTART_PAUSE_S = 1.0
"""Pause after a worker that could not be started: its machine may be about to be given up by Ray."""
START_WITHIN_S = 300.0
"""The run ends if there was no worker for so long: a cluster that grows on demand needs minutes for a machine."""
ROOM_EVERY_S = 5.0
"""Seconds between two looks at the machines of the cluster: some may have come or gone."""
CHECK_EVERY_S, LOST_AFTER_S, ANSWER_S = 2.0, 10.0, 2.0
"""How often the head is called, and the seconds without an answer after which it is given up: Ray itself reports
nothing for more than a minute."""
RESUMES = "finished videos are stored; the same command continues with the others"


@dataclass(frozen=True)
class Connection:
    """What the process with the connection needs to know."""

    address: str
    """Of the cluster; empty: one is started on this machine, unless RAY_ADDRESS names one."""
    folder: Path
    """Relative paths start here."""
    messages: Path
    """File for what Ray prints."""


class RayPool(WorkerPool[bytes]):
    """Starts actors on the cluster."""

    retries = RETRIES

    def __init__(self, connection: Any, about: Connection, task: WorkerTask, options: WorkerOptions, head: str) -> None:
        import ray

        self._connection, self._about, self._options = connection, about, options
        self._head = _Head(head)
        self.installation = replace(Installation.here({}), weights=task.weights)
        self.task = ray.put(pickle.dumps(task))
        self._actor = ray.remote(num_cpus=options.threads, memory=MEMORY_BYTES, max_restarts=0)(RayWorker)
        self._room, self._counted_s = 0, -ROOM_EVERY_S
        self.failed_starts, self.was_ready = 0, False
        self._had_worker_s = time.monotonic()

    @property
    def folder(self) -> Path:
        return self._about.folder

    def log(self, text: str) -> None:
        self._connection.send(text)

    def room(self) -> int:
        """As many as were asked for, else as many as the machines have cores and memory for."""
        if self._options.count:
            return self._options.count
        if time.monotonic() - self._counted_s >= ROOM_EVERY_S:
            resources = [node["Resources"] for node in _nodes() if node["Alive"]]
            cores, each = [node.get("CPU", 0) // self._options.threads for node in resources], MEMORY_BYTES
            fits = [min(core, node.get("memory", 0) // each) for core, node in zip(cores, resources, strict=True)]
            self._room, self._counted_s = max(1, round(sum(fits))), time.monotonic()
        return self._room

    def start(self) -> _RayActor:
        return _RayActor(self._actor.remote(), self)

    def wait(self, workers: Sequence[Worker[bytes]], timeout_s: float) -> Collection[Worker[bytes]]:
        import ray

        self._head.check()
        self._check_start(workers)
        by_source = {worker.source: worker for worker in workers if isinstance(worker, _RayActor)}
        ready, _ = ray.wait(list(by_source), num_returns=len(by_source), timeout=0)
        if not ready:
            ready, _ = ray.wait(list(by_source), num_returns=1, timeout=timeout_s)
        return [by_source[source] for source in ready]

    def _check_start(self, workers: Sequence[Worker[bytes]]) -> None:
        """Raises:
        OptionError: no worker could be started for too long, or no machine is left.
        """
        if not all(worker.is_starting for worker in workers):
            self._had_worker_s = time.monotonic()
            return
        waited_s = time.monotonic() - self._had_worker_s
        if waited_s > LOST_AFTER_S and not any(node["Alive"] for node in _nodes()):
            raise OptionError("all machines of the Ray cluster are gone", fix=f"start the cluster again; {RESUMES}")
        if waited_s > START_WITHIN_S:
            cores = counted(self._options.threads, "free core")
            raise OptionError(
                f"no machine of the Ray cluster had {cores} and {MEMORY_BYTES / 1e9:.1f} GB within "
                f"{START_WITHIN_S / 60:.0f} minutes",
                fix="see what the cluster does with `ray status`; use fewer --threads or add a machine",
            )

    def packed(self, event: VideoFinished | VideoRestarted) -> bytes:
        return packed(event)


class _RayActor(Worker[bytes]):
    """The handle of an actor."""

    def __init__(self, actor: Any, pool: RayPool) -> None:
        super().__init__()
        self._actor, self._pool = actor, pool
        self.source = actor.inspect.remote(pool.installation.weights, pool.folder)
        """What it sends next: what is installed, then that it has loaded its networks, then pieces of events."""
        self._where = ""
        self._is_ready = False

    @property
    def is_starting(self) -> bool:
        return not self._is_ready and not self.is_lost

    def take(self, job: Job) -> None:
        self.job = job
        self.taken_count += 1
        self.heard_s = time.monotonic()
        process = self._actor.process.options(
            num_returns="streaming", _generator_backpressure_num_objects=CHUNKS_AHEAD, max_task_retries=0
        )
        self.source = process.remote(job)

    def receive(self) -> Sequence[bytes]:
        import ray

        try:
            if not self._is_ready:
                return self._started(ray.get(self.source))
            return [ray.get(next(self.source))]
        except StopIteration:
            self.job = None
            return []
        except ray.exceptions.RayError as error:
            raise self._end(error) from error

    def _started(self, answer: Any) -> Sequence[bytes]:
        """Takes the answer to `inspect` or to `load`."""
        if answer is None:
            self._is_ready = self._pool.was_ready = True
            return []
        installation, process_id = answer
        self._pool.installation.refuse_other(installation)
        self._where = f"{installation.host} (process {process_id})"
        self._pool.log(f"worker on {self._where}")
        self.source = self._actor.load.remote(self._pool.task)
        return []

    def _end(self, error: Exception) -> WorkerDied | OptionError:
        """The error about its death."""
        job, self.job, self.is_lost = self.job, None, True
        if self._is_ready and job:
            return WorkerDied(_died(job.path, self._where, is_out_of_memory=_is_out_of_memory(error)))
        self._pool.failed_starts += 1
        text = str(error)
        if "ModuleNotFoundError" in text and "'facetally" in text:
            version = self._pool.installation.versions["facetally"]
            return OptionError(
                "a machine of the Ray cluster has no facetally, or another version of it",
                fix=f"install it on all machines: {command('pip', 'install', f'facetally[ray]=={version}')}",
            )
        is_machine = not isinstance(error, _task_errors())
        if is_machine and (self._pool.was_ready or self._pool.failed_starts < FAILED_STARTS):
            self._pool.log(f"a worker could not be started: {_first_line(text)}")
            time.sleep(RESTART_PAUSE_S)
            return WorkerDied(VideoError(text, fix=""))
        return OptionError(
            f"a worker could not be started: {_first_line(text)}",
            fix="the logs of Ray say more: they are in /tmp/ray/session_latest/logs on the machines of the cluster",
        )

    def kill(self) -> None:
        import ray

        with suppress(Exception):
            ray.kill(self._actor, no_restart=True)

    def stop(self) -> None:
        self.kill()


def _nodes() -> list[dict[str, Any]]:
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return nodes


def _task_errors() -> type[Exception]:
    import ray

    error: type[Exception] = ray.exceptions.RayTaskError
    return error


def _is_out_of_memory(error: Exception) -> bool:
    """Whether Ray ended the worker because the machine had too little memory left."""
    import ray

    return isinstance(error, ray.exceptions.OutOfMemoryError) or "running low on memory" in str(error)


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else ""


def _died(path: Path, where: str, *, is_out_of_memory: bool) -> VideoError:
    """The error for the row of a video whose worker died more often than it is tried again."""
    if is_out_of_memory:
        return VideoError(
            f"the process that read {path} was killed, most likely because memory ran out",
            fix="run with fewer --workers, or leave the video out with --exclude",
        )
    return VideoError(
        f"the process that read {path} on {where} crashed, or its machine failed",
        fix="run the same command again; if it fails again, re-encode the video or leave it out with --exclude",
    )


class _Head:
    """Calls the head of the cluster from time to time, to notice when it is gone."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._checked_s = self._answered_s = time.monotonic()

    def check(self) -> None:
        """Raises:
        OptionError: it has not answered for `LOST_AFTER_S`.
        """
        now_s = time.monotonic()
        if now_s - self._checked_s < CHECK_EVERY_S:
            return
        try:
            call(self.address)
            self._answered_s = time.monotonic()
        except OSError as error:
            if time.monotonic() - self._answered_s > LOST_AFTER_S:
                reason = error.strerror or error
                raise OptionError(
                    f"the Ray cluster at {self.address} does not answer any more: {reason}",
                    fix=f"start the cluster again; {RESUMES}",
                ) from error
        self._checked_s = time.monotonic()


def call(address: str) -> None:
    """Opens a connection to HOST:PORT and closes it.

    Raises:
        OSError: nothing answers.
        ValueError: the port is no number.
    """
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
