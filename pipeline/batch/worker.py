"""A worker's side: takes jobs, follows each video, and sends what comes of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import cv2

from facetally.detection.crops import CropRecipe
from facetally.detection.sparse import Detector
from facetally.errors import PipelineError, VideoError
from facetally.options import RunOptions
from facetally.results.ledger import VideoRow
from facetally.tracks.follow import FollowedFrame, follow
from facetally.video.decoder import VideoInfo
from facetally.video.prefetch import read_ahead
from facetally.video.reader import DecodeStats, Frame, VideoReader

AHEAD_FRAMES = 12
"""Sampled frames that are decoded while a batch of others is looked at, ..."""
AHEAD_BYTES = 2**26
"""... and what they may take: a frame of 1080p takes 3 MB, one of 8K 50."""
HEARTBEAT_S = 0.5
"""A worker says so often that it gets on, if it does."""


@dataclass(frozen=True)
class Job:
    """A video and its row as far as it is known before decoding."""

    path: Path
    row: VideoRow


@dataclass(frozen=True)
class VideoFinished:
    """The last word on a video."""

    info: VideoInfo | None = None
    stats: DecodeStats | None = None
    error: PipelineError | None = None


@dataclass(frozen=True)
class WorkerTask:
    """What a worker needs to know; travels to it once."""

    detector: Detector
    recipe: CropRecipe
    options: RunOptions
    threads: int = 0
    """For decoding and OpenCV; 0 lets them choose."""

    def events(self, job: Job, heartbeat: Heartbeat) -> Iterator[FollowedFrame | VideoFinished]:
        """Follows one video to its `VideoFinished`; whatever goes wrong with it stays with it."""
        if job.row.reason:
            yield VideoFinished(error=VideoError(job.row.reason, fix=job.row.fix))
            return
        info, stats, error = None, None, None
        try:
            with VideoReader(job.path, self.options.sampling, self.threads) as reader:
                info = reader.info
                heartbeat.reader = reader
                try:
                    with closing(read_ahead(self._converted(reader), _frames_ahead(info))) as frames:
                        yield from follow(frames, self.detector, self.recipe, self.options)
                finally:
                    heartbeat.reader = None
                    stats = reader.stats
        except PipelineError as problem:
            error = problem
        except Exception as problem:  # a bad video never stops the batch
            what = f"{type(problem).__name__} while reading {job.path}: {problem}"
            error = VideoError(what, fix="report it with the file, if it can be shared")
        yield VideoFinished(info, stats, error)

    def _converted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, each converted to the detector's size already: beside inference, as decoding is."""
        for frame in frames:
            frame.image.bgr(self.detector.input_wh(frame.image.hw))
            yield frame


def _frames_ahead(info: VideoInfo) -> int:
    frame_bytes = max(1, 3 * info.width_px * info.height_px // 2)
    return max(1, min(AHEAD_FRAMES, AHEAD_BYTES // frame_bytes))


@dataclass
class Heartbeat:
    """What the worker reads just now, for whoever wants to know whether it gets on."""

    reader: VideoReader | None = None

    def count(self) -> int:
        """Grows with everything decoded."""
        stats = self.reader.stats if self.reader else None
        return stats.frame_count + stats.bad_packet_count if stats else 0


def _work(connection: Connection, task: WorkerTask, folder: Path) -> None:
    """A worker's life: takes jobs and says what comes of them, until nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    os.chdir(folder)
    if task.threads:
        cv2.setNumThreads(task.threads)
    heartbeat, lock = Heartbeat(), threading.Lock()

    def say(event: FollowedFrame | VideoFinished | None) -> None:
        with lock:
            connection.send(event)

    for target in (_leave_with_the_parent, lambda: _send_heartbeats(heartbeat, say)):
        threading.Thread(target=target, daemon=True).start()
    with suppress(EOFError, OSError):
        say(None)  # ready: loading weights is no stall
        while True:
            for event in task.events(connection.recv(), heartbeat):
                say(event)


def _send_heartbeats(heartbeat: Heartbeat, say: Callable[[None], None]) -> None:
    """Lets the parent know that decoding gets on, also where hardly a frame is sampled."""
    last = 0
    with suppress(OSError):
        while True:
            time.sleep(HEARTBEAT_S)
            if (count := heartbeat.count()) != last:
                say(None)
            last = count


def _leave_with_the_parent() -> None:
    """A parent that was killed stops nobody; its workers must not go on decoding for no one."""
    parent = multiprocessing.parent_process()
    assert parent
    wait([parent.sentinel])
    os._exit(1)
