"""Processes all videos of a plan, each once; one that fails does not stop the others.

Each worker process decodes, detects and tracks one video at a time. This process classifies the finished tracks in
batches across videos, and writes a video's tables as soon as its last track is classified.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from facetally.batch.executors import Executor, LocalExecutor
from facetally.batch.fetched import fetched_jobs
from facetally.batch.plan import Plan, refuse_namesake
from facetally.batch.worker import Event, Job, VideoFinished, VideoRestarted, WorkerTask
from facetally.errors import VideoError
from facetally.formatting import command, printable
from facetally.log import LOGGER
from facetally.models.engines import Engines
from facetally.options import RunOptions, WorkerOptions
from facetally.results.ledger import Ledger, VideoRow, renamed_in_command
from facetally.results.tables import faces_table, tracks_table
from facetally.storage.copies import RemoteVideo
from facetally.storage.read_ahead import DEFAULT_CACHE_GB
from facetally.tracks.appearances import Appearance, appearances_of
from facetally.tracks.follow import FaceRows, FollowedFrame
from facetally.tracks.likenesses import Likenesses
from facetally.tracks.open_tracks import Track
from facetally.tracks.people import people_in_video

MIN_COVERAGE = 0.95
"""A video with less coverage is partial."""
MAX_WAIT_S = 5.0
"""A finished video waits at most this long for a full batch of crops before it is stored."""


class Progress(Protocol):
    """Is notified how the batch proceeds."""

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None: ...

    def advanced(self, video_id: str, time_s: float) -> None: ...

    def finished(self, row: VideoRow) -> None: ...


@dataclass
class _OpenVideo:
    """The results of a video so far."""

    row: VideoRow
    path: Path
    source: RemoteVideo | None = None
    rows: list[FaceRows] = field(default_factory=list)
    appearances: list[Appearance] = field(default_factory=list)
    joined: dict[int, int] = field(default_factory=dict)
    likenesses: Likenesses | None = None
    """Both as in `FollowedFrame`."""
    cuts_s: list[float] = field(default_factory=list)
    """Times of the frames with which a new shot begins."""
    waiting_count: int = 0
    """Tracks that are not classified yet."""
    ended: VideoFinished | None = None
    ended_at_s: float = math.inf
    """On the monotonic clock."""

    def add(self, event: FollowedFrame | VideoFinished) -> tuple[Track, ...]:
        """Stores an event; returns the tracks that ended with it."""
        if isinstance(event, VideoFinished):
            self.ended, self.ended_at_s = event, time.monotonic()
            return ()
        self.rows.append(event.rows)
        self.joined |= event.joined
        self.likenesses = event.likenesses or self.likenesses
        self.cuts_s += [event.rows.time_s] if event.is_cut else []
        self.waiting_count += len(event.ended)
        return event.ended


def run_videos(
    plan: Plan,
    ledger: Ledger,
    engines: Engines,
    *,
    options: RunOptions,
    progress: Progress,
    workers: WorkerOptions | None = None,
    executor: Executor | None = None,
    cache_bytes: float = DEFAULT_CACHE_GB * 1e9,
) -> list[VideoRow]:
    """Processes `plan.todo` and returns the new rows, in the order in which the videos were finished.

    Args:
        cache_bytes: of the copies of videos in object storage that exist at the same time.

    Raises:
        OutputError: the output folder cannot be written; videos that were finished before stay stored.
    """
    workers = workers or WorkerOptions()
    batch = _Batch(ledger, engines, options=options, progress=progress)
    progress.planned(plan.new, plan.done)
    batch.expect_copies(plan)
    weights = {model.path.absolute(): model.sha256 for role, model in engines.models.items() if role != "classifier"}
    task = WorkerTask(engines.detector, engines.recipe, options, workers.threads, engines.embedding, weights)
    executor = executor or LocalExecutor()
    with (
        fetched_jobs(plan.todo, cache_bytes, lambda job: batch.is_known(job, plan), executor) as (jobs, release),
        closing(executor.run(jobs, task, workers)) as events,
    ):
        for event in events:
            if event:
                batch.take(*event)
                release(*event)
            batch.store_finished()
    batch.store_finished(is_last=True)
    return batch.finished


class _Batch:
    """Collects the events of the workers, classifies tracks in batches, and stores each video when it is complete.

    Args:
        ledger: where results are stored.
        engines: with the classifier.
        options: of the run.
        progress: is notified.
    """

    def __init__(self, ledger: Ledger, engines: Engines, *, options: RunOptions, progress: Progress) -> None:
        self.finished: list[VideoRow] = []
        self._ledger, self._engines, self._options, self._progress = ledger, engines, options, progress
        self._provenance = engines.run_provenance(options)
        self._open: dict[str, _OpenVideo] = {}
        self._waiting: list[tuple[str, Track]] = []
        self._copies: defaultdict[str, list[VideoRow]] = defaultdict(list)
        self._left: set[str] = set()
        """Videos that are still to be stored, by their ids."""
        self._sources: dict[str, RemoteVideo] = {}
        """Of the copies in object storage, by their ids."""

    def expect_copies(self, plan: Plan) -> None:
        """Stores the copies of videos that are done; the others are stored once their original is."""
        self._left = {job.row.video_id for job in plan.todo}
        self._sources = {copy.row.video_id: copy.source for copy in plan.copies if copy.source}
        for copy in plan.copies:
            self._copies[copy.of_id].append(copy.row)
        for of_id in sorted(self._copies.keys() - self._left):
            self._store_copies(of_id)

    def is_known(self, job: Job, plan: Plan) -> bool:
        """Whether a video that was fetched is done, or a copy of another, which is then stored."""
        row = job.row
        refuse_namesake(self._ledger.out, self._ledger.row(row.video_id), row)
        of_id = plan.source_ids.setdefault(row.content_sha256, row.video_id)
        kept = plan.kept.get(row.video_id)
        if kept and kept.is_done_for(row):
            plan.done.append(self._ledger.store_source(kept, job.source))
            self._progress.finished(kept)
        elif of_id != row.video_id:
            self._copies[of_id].append(row)
            self._sources |= {row.video_id: job.source} if job.source else {}
        else:
            return False
        self._left.discard(row.video_id)
        if of_id not in self._left:
            self._store_copies(of_id)
        return True

    def take(self, job: Job, event: Event) -> None:
        """Takes an event of a job."""
        video_id = job.row.video_id
        if isinstance(event, VideoRestarted):
            LOGGER.warning("%s: processed again from its start: %s", job.row.video, event.reason)
            self._open.pop(video_id, None)
            self._waiting = [(waiting_id, track) for waiting_id, track in self._waiting if waiting_id != video_id]
            return
        video = self._open.setdefault(video_id, _OpenVideo(job.row, job.path, job.source))
        self._waiting += [(video_id, track) for track in video.add(event)]
        if isinstance(event, FollowedFrame):
            self._progress.advanced(video_id, event.rows.time_s)

    def store_finished(self, is_last: bool = False) -> None:
        """Stores the videos that are complete.

        Classifies the waiting tracks first if they fill a batch, if a finished video has waited for `MAX_WAIT_S`, or
        if `is_last`.
        """
        crop_count = sum(len(track.crops) for _, track in self._waiting)
        oldest_s = min((video.ended_at_s for video in self._open.values()), default=math.inf)
        is_batch = crop_count >= self._options.classification.batch_crops
        if is_last or is_batch or time.monotonic() - oldest_s > MAX_WAIT_S:
            self._classify()
        for video_id, video in list(self._open.items()):
            if video.ended and not video.waiting_count:
                del self._open[video_id]
                self._finish(self._stored(video, video.ended))
                self._left.discard(video_id)
                self._store_copies(video_id, video if video.ended.change else None)

    def _classify(self) -> None:
        tracks = [track for _, track in self._waiting]
        appearances = appearances_of(tracks, self._engines.classifier, self._options.classification)
        for (video_id, _), appearance in zip(self._waiting, appearances, strict=True):
            self._open[video_id].appearances.append(appearance)
            self._open[video_id].waiting_count -= 1
        self._waiting.clear()

    def _store_copies(self, of_id: str, changed: _OpenVideo | None = None) -> None:
        """Stores the copies of a video; those of one that changed while it was read have to wait for the next run."""
        for row in self._copies.pop(of_id, ()):
            if changed:
                ended = VideoFinished(error=_changed_original(row, changed.row))
                copy = _OpenVideo(replace(row, content_sha256=""), Path(row.path))
                self._finish(self._stored(copy, ended))
            else:
                self._finish(self._ledger.store_copy(row, of_id, self._sources.get(row.video_id)))

    def _stored(self, video: _OpenVideo, ended: VideoFinished) -> VideoRow:
        """Writes a finished video's files and returns its row; a failed video gets empty tables."""
        row = _final_row(video, ended)
        _log_problems(row, ended)
        rows, appearances = ([], []) if row.status == "failed" else (video.rows, video.appearances)
        person_of: dict[int, int] = {}
        if appearances and video.likenesses:
            person_of = people_in_video(video.likenesses, appearances, self._options.people)
        tracks = tracks_table(row.video_id, row.video, appearances, person_of)
        faces = faces_table(row.video_id, rows, [appearance.track_id for appearance in appearances], video.joined)
        return self._ledger.store(row, faces, tracks, provenance=self._provenance, source=video.source)

    def _finish(self, row: VideoRow) -> None:
        self.finished.append(row)
        LOGGER.info("%s: %s%s", row.video, row.status, f": {row.reason}" if row.reason else "")
        self._progress.finished(row)


def _changed_original(row: VideoRow, original: VideoRow) -> VideoError:
    return VideoError(
        f"{row.path} was the same as {original.path}, which changed while it was read",
        fix="run the same command again: it processes both",
    )


def _log_problems(row: VideoRow, ended: VideoFinished) -> None:
    for warning, count in ended.decoder_warnings.items():
        LOGGER.warning("%s: %d times: %s", row.video, count, warning)
    if ended.traceback:
        LOGGER.error("%s: unexpected error\n%s", row.video, ended.traceback)


def _final_row(video: _OpenVideo, ended: VideoFinished) -> VideoRow:
    """The row of a finished video; a file that was written to meanwhile is partial or failed, so it is done again.

    What changed or was lost has no content by which a later run could take it for done.
    """
    row = _decoded_row(video, ended)
    if ended.sha256:
        row = replace(row, content_sha256=ended.sha256)
    if ended.change == "changed" or (ended.is_lost and row.status == "failed"):
        row = replace(row, content_sha256="")
    if ended.change == "changed":
        return row.failed(f"{row.path} changed while it was read", "run the same command again when it is complete")
    if ended.change == "grown" and row.status != "failed":
        reason = f"{row.path} is still being written: it grew while it was read"
        return replace(row, status="partial", reason=reason, fix="run the same command again when it is complete")
    given = printable(str(video.path))  # differs for links
    return replace(row, reason=row.reason.replace(given, row.path), fix=renamed_in_command(row.fix, given, row.path))


def _decoded_row(video: _OpenVideo, ended: VideoFinished) -> VideoRow:
    row, info, stats = video.row, ended.info, ended.stats
    if info is None or stats is None:
        error = ended.error or VideoError("nothing was decoded", fix="play the file to check that it is complete")
        return row.failed(error.what, error.fix)
    row = replace(
        row,
        status="ok",
        container=info.container,
        codec=info.codec,
        width_px=info.width_px,
        height_px=info.height_px,
        displayed_width_px=ended.displayed_wh[0],
        displayed_height_px=ended.displayed_wh[1],
        fps=info.fps,
        expected_s=stats.expected_s,
        decoded_s=stats.decoded_s,
        coverage=stats.coverage,
        frame_count=stats.frame_count,
        sampled_count=stats.sampled_count,
        bad_packet_count=stats.bad_packet_count,
        face_count=sum(len(rows.tracked.faces) for rows in video.rows),
        track_count=len(video.appearances),
        clock_jump_count=ended.clock_jump_count,
        note="; ".join(ended.notes),
        cuts_s=tuple(video.cuts_s),
    )
    repair = command("ffmpeg", "-i", row.path, "repaired.mp4")
    fix = f"copy the file again from its source; or re-encode the rest of it: {repair}"
    if not stats.frame_count:
        return row.failed("no frame could be decoded", fix)
    if ended.error:
        return replace(row, status="partial", reason=ended.error.what, fix=ended.error.fix)
    if stats.coverage < MIN_COVERAGE:
        reason = f"{stats.decoded_s:.1f} of {stats.expected_s:.1f} s could be decoded"
        return replace(row, status="partial", reason=reason, fix=fix)
    return row
