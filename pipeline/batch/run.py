"""The batch: every video once, whatever happens to one of them, and on again from where it stopped.

Workers decode, detect and track, a process each; this process classifies finished tracks in batches across videos and
writes each video's tables as soon as its last track has its answer.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from facetally import __version__
from facetally.batch.plan import Plan
from facetally.batch.worker import VideoFinished, WorkerTask
from facetally.batch.worker_pool import run_workers
from facetally.errors import VideoError
from facetally.models.engines import Engines
from facetally.options import RunOptions, WorkerOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import faces_table, tracks_table
from facetally.tracks.follow import FaceRows, FollowedFrame, Track
from facetally.tracks.people import Person, people_of

MIN_COVERAGE = 0.95
"""A video of which less could be decoded is partial."""
MAX_WAIT_S = 5.0
"""A finished video waits no longer than this for a full batch of crops before it is stored."""


class Progress(Protocol):
    """Told how the batch goes; does nothing by default."""

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None: ...

    def advanced(self, video_id: str, time_s: float) -> None: ...

    def finished(self, row: VideoRow) -> None: ...


@dataclass
class _OpenVideo:
    """What has come of a video so far."""

    row: VideoRow
    rows: list[FaceRows] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    waiting_count: int = 0
    """Tracks not classified yet."""
    ended: VideoFinished | None = None
    ended_at_s: float = math.inf
    """On the monotonic clock."""

    def add(self, event: FollowedFrame | VideoFinished) -> tuple[Track, ...]:
        """Notes what came; returns the tracks that ended with it."""
        if isinstance(event, VideoFinished):
            self.ended, self.ended_at_s = event, time.monotonic()
            return ()
        self.rows.append(event.rows)
        self.waiting_count += len(event.ended)
        return event.ended


def run_videos(
    plan: Plan,
    ledger: Ledger,
    engines: Engines,
    options: RunOptions,
    progress: Progress,
    workers: WorkerOptions | None = None,
) -> list[VideoRow]:
    """Works through `plan.todo` and returns the new rows, in the order they were finished.

    Raises:
        OutputError: the output folder cannot be written; what was finished before stays.
    """
    provenance: dict[str, Any] = {"version": __version__, "options": options.as_dict(), "models": engines.provenance()}
    progress.planned(plan.new, plan.done)
    open_videos: dict[str, _OpenVideo] = {}
    waiting: list[tuple[str, Track]] = []
    rows: list[VideoRow] = []
    copies: defaultdict[str, list[VideoRow]] = defaultdict(list)
    for copy in plan.copies:
        copies[copy.of_id].append(copy.row)

    def classify() -> None:
        people = people_of([track for _, track in waiting], engines.classifier, options.people)
        for (video_id, _), person in zip(waiting, people, strict=True):
            open_videos[video_id].people.append(person)
            open_videos[video_id].waiting_count -= 1
        waiting.clear()

    def finish(row: VideoRow) -> None:
        rows.append(row)
        progress.finished(row)

    def finish_copies(of_id: str) -> None:
        for row in copies.pop(of_id, ()):
            finish(ledger.store_copy(row, of_id))

    def store_finished() -> None:
        for video_id, video in list(open_videos.items()):
            if video.ended and not video.waiting_count:
                finish(_stored(ledger, open_videos.pop(video_id), video.ended, provenance))
                finish_copies(video_id)

    for of_id in sorted(copies.keys() - {job.row.video_id for job in plan.todo}):
        finish_copies(of_id)
    workers = workers or WorkerOptions()
    task = WorkerTask(engines.detector, engines.recipe, options, workers.threads)
    with closing(run_workers(plan.todo, task, workers)) as events:
        for news in events:
            if news:
                job, event = news
                video = open_videos.setdefault(job.row.video_id, _OpenVideo(job.row))
                waiting += [(job.row.video_id, track) for track in video.add(event)]
                if isinstance(event, FollowedFrame):
                    progress.advanced(job.row.video_id, event.rows.time_s)
            is_full = sum(len(track.crops) for _, track in waiting) >= options.people.batch_crops
            oldest_s = min((video.ended_at_s for video in open_videos.values()), default=math.inf)
            if is_full or time.monotonic() - oldest_s > MAX_WAIT_S:
                classify()
            store_finished()
    classify()
    store_finished()
    return rows


def _stored(ledger: Ledger, video: _OpenVideo, ended: VideoFinished, provenance: dict[str, Any]) -> VideoRow:
    """Writes a finished video's files and returns its row; what was found before a failure is no result."""
    row = _final_row(video, ended)
    rows, people = ([], []) if row.status == "failed" else (video.rows, video.people)
    tracks = tracks_table(row.video_id, people)
    faces = faces_table(row.video_id, rows, [person.track_id for person in people])
    ledger.store(row, faces, tracks, provenance)
    return row


def _final_row(video: _OpenVideo, ended: VideoFinished) -> VideoRow:
    row, info, stats = video.row, ended.info, ended.stats
    if info is None or stats is None:
        error = ended.error or VideoError("nothing was decoded", fix="play the file to see whether it is whole")
        return row.failed(error.what, error.fix)
    row = replace(
        row,
        status="ok",
        container=info.container,
        codec=info.codec,
        width_px=info.width_px,
        height_px=info.height_px,
        fps=info.fps,
        expected_s=stats.expected_s,
        decoded_s=stats.decoded_s,
        coverage=stats.coverage,
        frame_count=stats.frame_count,
        sampled_count=stats.sampled_count,
        bad_packet_count=stats.bad_packet_count,
        face_count=sum(len(rows.tracked.faces) for rows in video.rows),
        track_count=len(video.people),
    )
    fix = f"copy the file again from its source; or re-encode what is left of it: ffmpeg -i '{row.path}' repaired.mp4"
    if not stats.frame_count:
        return row.failed("no frame could be decoded", fix)
    if ended.error:
        return replace(row, status="partial", reason=ended.error.what, fix=ended.error.fix)
    if stats.coverage < MIN_COVERAGE:
        reason = f"{stats.decoded_s:.1f} of {stats.expected_s:.1f} s could be decoded"
        return replace(row, status="partial", reason=reason, fix=fix)
    return row
