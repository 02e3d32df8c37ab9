"""The worker process: receives jobs, detects and tracks the faces of each video, and sends the results."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

import cv2

from facetally.batch.content import Change, Content
from facetally.child_processes import free_unused_memory
from facetally.detection.crops import CropRecipe
from facetally.detection.descriptors import Embedding
from facetally.detection.sparse import Detector
from facetally.errors import PipelineError, VideoError
from facetally.options import RunOptions
from facetally.results.video_row import VideoRow
from facetally.storage.copies import RemoteVideo
from facetally.tracks.follow import FollowedFrame, follow
from facetally.video.opening import VideoInfo
from facetally.video.prefetch import read_ahead
from facetally.video.reader import DecodeStats, Frame, VideoReader

AHEAD_FRAMES = 8
"""Sampled frames that are decoded ahead while a batch of others goes through the detector, ..."""
AHEAD_BYTES = 2**26
"""... and the memory they may take: a frame of 1080p takes 3 MB, one of 8K 50 MB."""
HEARTBEAT_S = 0.5
"""Seconds between two heartbeats of a worker that makes progress."""


@dataclass(frozen=True)
class Job:
    """A video to process, and its row filled in as far as is known before decoding."""

    path: Path
    row: VideoRow
    content: Content | None = None
    """Of the file when the run was planned; None if it could not be read, or is in object storage."""
    source: RemoteVideo | None = None
    """A video in object storage. Where workers do not fetch it themselves, `path` is a copy of it."""


@dataclass(frozen=True)
class VideoFinished:
    """The last event of a video."""

    info: VideoInfo | None = None
    stats: DecodeStats | None = None
    error: PipelineError | None = None
    decoder_warnings: dict[str, int] = field(default_factory=dict)
    """Messages of FFmpeg about what it could not read or decode, and how often each came."""
    traceback: str = ""
    """Of an unexpected error; empty without one."""
    notes: tuple[str, ...] = ()
    """What else there is to know about the video, as sentences."""
    clock_jump_count: int = 0
    change: Change = ""
    """Of the file while it was read."""
    displayed_wh: tuple[int, int] = (0, 0)
    """Width and height of the first frame as displayed."""
    sha256: str = ""
    """Of the content of a video that the worker fetched itself; empty for others."""
    is_lost: bool = False
    """Whether the worker crashed, stalled or had an unexpected error: that may be due to the machine, not the file."""

    @classmethod
    def of(cls, reader: VideoReader) -> VideoFinished:
        """The event after all frames of a video were read, or as many as could be."""
        return cls(
            info=reader.info,
            stats=reader.stats,
            error=reader.unread(),
            decoder_warnings=reader.decoder_warnings,
            notes=reader.notes,
            clock_jump_count=reader.clock_jump_count,
            displayed_wh=reader.displayed_wh,
        )


@dataclass(frozen=True)
class VideoRestarted:
    """The worker of a video died and the video is processed again: its events so far do not count."""

    reason: str


Event = FollowedFrame | VideoRestarted | VideoFinished
"""What is reported about a video; the last event is its `VideoFinished`."""


@dataclass(frozen=True)
class WorkerTask:
    """What a worker needs for all of its jobs; sent to it once, when it starts."""

    detector: Detector
    recipe: CropRecipe
    options: RunOptions
    threads: int = 0
    """For decoding and OpenCV; 0 lets them choose."""
    embedding: Embedding | None = None
    """Compares faces; without it, tracks that were separated are not joined again."""
    weights: dict[Path, str] = field(default_factory=dict)
    """SHA-256 of each file that a worker loads; it must be the same wherever a worker runs."""

    def events(self, job: Job, heartbeat: Heartbeat) -> Iterator[FollowedFrame | VideoFinished]:
        """The events of one video, up to its `VideoFinished`; errors are part of that, and are not raised."""
        if job.row.reason:
            yield VideoFinished(error=VideoError(job.row.reason, fix=job.row.fix))
            return
        finished = VideoFinished()
        try:
            with VideoReader(job.path, self.options.sampling, self.threads) as reader:
                heartbeat.reader = reader
                try:
                    with closing(read_ahead(self._converted(reader), _frames_ahead(reader.info))) as frames:
                        yield from self._followed(frames)
                finally:
                    heartbeat.reader = None
                    finished = VideoFinished.of(reader)
        except PipelineError as problem:
            finished = replace(finished, error=problem)
        except Exception as problem:  # a bad video must not stop the batch
            what = f"{type(problem).__name__} while reading {job.path}: {problem}"
            error = VideoError(what, fix="the traceback is in log.txt beside the tables; please report both")
            finished = replace(finished, error=error, traceback=traceback.format_exc(), is_lost=True)
        yield replace(finished, change=job.content.change(job.path) if job.content else "")

    def limit_threads(self) -> None:
        """Limits the threads of OpenCV in this process."""
        if self.threads:
            cv2.setNumThreads(self.threads)

    def _followed(self, frames: Iterable[Frame]) -> Iterator[FollowedFrame]:
        return follow(frames, self.detector, recipe=self.recipe, options=self.options, embedding=self.embedding)

    def _converted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, already converted to the detector's size: this runs beside inference, as decoding does."""
        for frame in frames:
            frame.image.bgr(self.detector.input_wh(frame.image.hw))
            yield frame


def _frames_ahead(info: VideoInfo) -> int:
    frame_bytes = max(1, 3 * info.width_px * info.height_px // 2)
    return max(1, min(AHEAD_FRAMES, AHEAD_BYTES // frame_bytes))


@dataclass
class Heartbeat:
    """The video that the worker reads at present, to see whether it makes progress."""

    reader: VideoReader | None = None
    fetched_bytes: int = 0
    """Of the copy of a video in object storage."""

    def fetched(self, count: int) -> None:
        """Notes that so many bytes more were fetched."""
        self.fetched_bytes += count

    def count(self) -> int:
        """Grows with everything fetched and decoded."""
        stats = self.reader.stats if self.reader else None
        return self.fetched_bytes + (stats.frame_count + stats.bad_packet_count if stats else 0)


def work(connection: Connection, task: WorkerTask, folder: Path) -> None:
    """Main function of a worker process: receives jobs and sends their events until the connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    os.chdir(folder)
    task.limit_threads()
    free_unused_memory()  # left over from loading the networks
    gc.freeze()  # what this process shares with others is not written to by collections of garbage
    heartbeat, lock = Heartbeat(), threading.Lock()

    def send(event: FollowedFrame | VideoFinished | None) -> None:
        with lock:
            connection.send(event)

    for target in (exit_with_parent, lambda: _send_heartbeats(heartbeat, send)):
        threading.Thread(target=target, daemon=True).start()
    with suppress(EOFError, OSError):
        send(None)  # ready: the time to load the weights does not count as a stall
        while True:
            for event in task.events(connection.recv(), heartbeat):
                send(event)
            gc.collect()  # frames of the video are held by reference cycles
            free_unused_memory()


def _send_heartbeats(heartbeat: Heartbeat, send: Callable[[None], None]) -> None:
    """Tells the parent that decoding makes progress, also while no frame is sampled."""
    last = 0
    with suppress(OSError):
        while True:
            time.sleep(HEARTBEAT_S)
            if (count := heartbeat.count()) != last:
                send(None)
            last = count


def exit_with_parent() -> None:
    """Ends this process when its parent ends: a parent that is killed cannot stop its workers."""
    parent = multiprocessing.parent_process()
    assert parent
    wait([parent.sentinel])
    os._exit(1)
