"""Follows videos in processes of their own: what crashes, hangs or runs out of memory costs its video and no other.

The parent hands out jobs and reads what comes of them. A worker that dies or says nothing for too long is replaced,
and its video is told as failed; one that has done its share is replaced too, so that nothing leaks for long.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import cv2

from detection.crops import CropRecipe
from detection.sparse import Detector
from pipeline.child_processes import safe_import_path
from pipeline.decoding import VideoInfo
from pipeline.errors import OptionError, PipelineError, VideoError
from pipeline.follow import FollowedFrame, follow
from pipeline.ledger import VideoRow
from pipeline.options import RunOptions, WorkerOptions
from pipeline.read_ahead import read_ahead
from pipeline.video import Account, Frame, VideoReader

AHEAD_FRAMES = 12
"""Sampled frames that are decoded while a batch of others is looked at, ..."""
AHEAD_BYTES = 2**26
"""... and what they may take: a frame of 1080p takes 3 MB, one of 8K 50."""
BEAT_S = 0.5
"""A worker says so often that it gets on, if it does."""
TICK_S = 0.5
"""Nobody waits longer than this without a look at the clock."""
PATIENCE_S = 2.0
"""What a worker gets to go home by itself before it is killed."""
MAX_CHOSEN_WORKERS = 4
"""More are started only where that is asked for: each takes half a gigabyte for 1080p."""
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PRELOADED = ["onnxruntime", __name__]
"""Imported once, by the server that workers are forked from."""


def available_cores() -> int:
    """Cores that this process may use: fewer than the machine has, where it was given only some."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared_out(cores: int, videos: int, workers: int = 0, threads: int = 0) -> tuple[int, int]:
    """How many workers, and threads of each, keep the cores busy with none having two to serve.

    Args:
        cores: to keep busy.
        videos: to be worked on.
        workers: 0 where it is to be chosen. One video leaves cores idle, at its beginning and end more than else.
        threads: 0 where it is to be chosen; 0 is chosen for one worker alone, whose libraries then do.
    """
    workers = min(workers or min(cores, MAX_CHOSEN_WORKERS), max(1, videos))
    return workers, threads or (max(1, cores // workers) if workers > 1 else 0)


@dataclass(frozen=True)
class Job:
    """A video and its row as far as it is known before decoding."""

    path: Path
    row: VideoRow


@dataclass(frozen=True)
class Ended:
    """The last word on a video."""

    info: VideoInfo | None = None
    account: Account | None = None
    error: PipelineError | None = None


@dataclass(frozen=True)
class Following:
    """What a worker needs to know; travels to it once."""

    detector: Detector
    recipe: CropRecipe
    options: RunOptions
    threads: int = 0
    """For decoding and OpenCV; 0 lets them choose."""

    def events(self, job: Job, pulse: Pulse) -> Iterator[FollowedFrame | Ended]:
        """Follows one video to its `Ended`; whatever goes wrong with it stays with it."""
        if job.row.reason:
            yield Ended(error=VideoError(job.row.reason, fix=job.row.fix))
            return
        info, account, error = None, None, None
        try:
            with VideoReader(job.path, self.options.sampling, self.threads) as reader:
                info = reader.info
                pulse.reader = reader
                try:
                    with closing(read_ahead(self._converted(reader), _frames_ahead(info))) as frames:
                        yield from follow(frames, self.detector, self.recipe, self.options)
                finally:
                    pulse.reader = None
                    account = reader.account
        except PipelineError as problem:
            error = problem
        except Exception as problem:  # a bad video never stops the batch
            what = f"{type(problem).__name__} while reading {job.path}: {problem}"
            error = VideoError(what, fix="report it with the file, if it can be shared")
        yield Ended(info, account, error)

    def _converted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, each converted to the detector's size already: beside inference, as decoding is."""
        for frame in frames:
            frame.picture.image(self.detector.input_wh(frame.picture.hw))
            yield frame


def _frames_ahead(info: VideoInfo) -> int:
    frame_bytes = max(1, 3 * info.width_px * info.height_px // 2)
    return max(1, min(AHEAD_FRAMES, AHEAD_BYTES // frame_bytes))


@dataclass
class Pulse:
    """What the worker reads just now, for whoever wants to know whether it gets on."""

    reader: VideoReader | None = None

    def count(self) -> int:
        """Grows with everything decoded."""
        account = self.reader.account if self.reader else None
        return account.frame_count + account.bad_packet_count if account else 0


def followed(
    jobs: Sequence[Job], following: Following, options: WorkerOptions
) -> Generator[tuple[Job, FollowedFrame | Ended] | None]:
    """What comes of the jobs, as it comes; each job's last event is its `Ended`. None: nothing new for `TICK_S`.

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
                workers.append(_Worker(following))
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

    def __init__(self, following: Following) -> None:
        context: Any = multiprocessing.get_context(METHOD)
        if METHOD == "forkserver":
            context.set_forkserver_preload(PRELOADED)
        self.connection, theirs = context.Pipe()
        arguments = theirs, following, Path.cwd()
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

    def news(self) -> tuple[Job, FollowedFrame | Ended | None]:
        """What it has to say of its job; None: that it gets on. One that has nothing to say is stopped.

        Raises:
            OptionError: it died before it took up any job, as the next one would.
        """
        job, event = self.job, None
        assert job
        if not self.connection.poll():
            self._process.kill()
            self._is_lost = True
            event = Ended(error=_stalled(job.path, time.monotonic() - self.heard_s))
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
                event = Ended(error=_died(job.path, self._process.exitcode))
        self._is_ready = True
        if isinstance(event, Ended):
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


def _work(connection: Connection, following: Following, folder: Path) -> None:
    """A worker's life: takes jobs and says what comes of them, until nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    os.chdir(folder)
    if following.threads:
        cv2.setNumThreads(following.threads)
    pulse, lock = Pulse(), threading.Lock()

    def say(event: FollowedFrame | Ended | None) -> None:
        with lock:
            connection.send(event)

    for target in (_leave_with_the_parent, lambda: _beat(pulse, say)):
        threading.Thread(target=target, daemon=True).start()
    with suppress(EOFError, OSError):
        say(None)  # ready: loading weights is no stall
        while True:
            for event in following.events(connection.recv(), pulse):
                say(event)


def _beat(pulse: Pulse, say: Callable[[None], None]) -> None:
    """Lets the parent know that decoding gets on, also where hardly a frame is sampled."""
    last = 0
    with suppress(OSError):
        while True:
            time.sleep(BEAT_S)
            if (count := pulse.count()) != last:
                say(None)
            last = count


def _leave_with_the_parent() -> None:
    """A parent that was killed stops nobody; its workers must not go on decoding for no one."""
    parent = multiprocessing.parent_process()
    assert parent
    wait([parent.sentinel])
    os._exit(1)
