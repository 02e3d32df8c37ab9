"""The batch: every video once, whatever happens to one of them, and on again from where it stopped.

One thread a worker decodes, detects and tracks; this thread classifies finished tracks in batches across videos and
writes each video's tables as soon as its last track has its answer.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from pipeline import __version__
from pipeline.decoding import VideoInfo
from pipeline.engines import Engines
from pipeline.errors import OutputError, PipelineError, VideoError
from pipeline.follow import FaceRows, FollowedFrame, Track, follow
from pipeline.inputs import InputVideo
from pipeline.ledger import Ledger, VideoRow
from pipeline.options import RunOptions
from pipeline.people import Person, people_of
from pipeline.tables import faces_table, tracks_table
from pipeline.video import Account, VideoReader
from pipeline.weights import sha256_of

MIN_COVERAGE = 0.95
"""A video of which less could be decoded is partial."""
MAX_WAIT_S = 5.0
"""A finished video waits no longer than this for a full batch of crops before it is stored."""
QUEUE_SIZE = 64
"""Followed frames that may wait for this thread; bounds memory when classifying is slower than following."""


class Progress(Protocol):
    """Told how the batch goes; does nothing by default."""

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None: ...

    def advanced(self, video_id: str, time_s: float) -> None: ...

    def finished(self, row: VideoRow) -> None: ...


@dataclass(frozen=True)
class Job:
    """A video and its row as far as it is known before decoding."""

    path: Path
    row: VideoRow


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    todo: list[Job]
    done: list[VideoRow]
    """Rows of earlier runs with the same content, options and weights."""


@dataclass(frozen=True)
class _Ended:
    """The last word on a video from its worker."""

    job: Job
    info: VideoInfo | None = None
    account: Account | None = None
    error: PipelineError | None = None


@dataclass
class _OpenVideo:
    """What has come of a video so far."""

    rows: list[FaceRows] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    waiting_count: int = 0
    """Tracks not classified yet."""
    ended: _Ended | None = None
    ended_at_s: float = math.inf
    """On the monotonic clock."""


def plan_run(videos: Sequence[InputVideo], ledger: Ledger, digest: str, force: bool = False) -> Plan:
    """Hashes every file and sets apart what an earlier run has done.

    Args:
        videos: what to work through.
        ledger: the output folder.
        digest: of options and weights.
        force: do everything again.

    Raises:
        OutputError: the folder holds another file's results under the same name.
    """
    plan = Plan([], [])
    known_ids = {row.video_id: row for video_id in ledger.video_ids() if (row := ledger.row(video_id))}
    known_paths = {row.path: row for row in known_ids.values()}
    for video in videos:
        row = VideoRow(video.video_id, video.name, str(video.path.resolve()), options_digest=digest)
        if earlier := known_paths.get(row.path):  # keeps its name, whatever else is named beside it this time
            row = replace(row, video_id=earlier.video_id, video=earlier.video)
        try:
            size = video.path.stat().st_size
            row = replace(row, size_bytes=size, content_sha256=sha256_of(video.path))
        except OSError as error:
            row = row.failed(f"{video.path} cannot be read: {error.strerror}", "check the file's rights")
        known = known_ids.get(row.video_id)
        _refuse_namesake(ledger.out, known, row)
        if known and not force and known.is_done_for(row):
            plan.done.append(known)
        else:
            plan.todo.append(Job(video.path, row))
    return plan


def _refuse_namesake(out: Path, known: VideoRow | None, row: VideoRow) -> None:
    """Raises OutputError where the results of another file would be written over."""
    if known and known.path != row.path and known.content_sha256 != row.content_sha256 and Path(known.path).exists():
        raise OutputError(
            f"{out} already holds {known.video} from {known.path}; {row.path} would take its place",
            fix="choose another folder with -o, or name both folders in one run",
        )


def run_videos(
    plan: Plan, ledger: Ledger, engines: Engines, options: RunOptions, workers: int, progress: Progress
) -> list[VideoRow]:
    """Works through `plan.todo` and returns the new rows, in the order they were finished.

    Raises:
        OutputError: the output folder cannot be written; what was finished before stays.
    """
    provenance: dict[str, Any] = {"version": __version__, "options": options.as_dict(), "models": engines.provenance()}
    progress.planned([job.row for job in plan.todo], plan.done)
    open_videos: defaultdict[str, _OpenVideo] = defaultdict(_OpenVideo)
    waiting: list[tuple[str, Track]] = []
    rows: list[VideoRow] = []

    def classify() -> None:
        people = people_of([track for _, track in waiting], engines.classifier, options.people)
        for (video_id, _), person in zip(waiting, people, strict=True):
            open_videos[video_id].people.append(person)
            open_videos[video_id].waiting_count -= 1
        waiting.clear()

    def store_finished() -> None:
        for video_id, video in list(open_videos.items()):
            if video.ended and not video.waiting_count:
                rows.append(_stored(ledger, open_videos.pop(video_id), video.ended, provenance))
                progress.finished(rows[-1])

    with closing(_events(plan.todo, engines, options, workers)) as events:
        for job, event in events:
            video = open_videos[job.row.video_id]
            if isinstance(event, _Ended):
                video.ended, video.ended_at_s = event, time.monotonic()
            else:
                video.rows.append(event.rows)
                video.waiting_count += len(event.ended)
                waiting += [(job.row.video_id, track) for track in event.ended]
                progress.advanced(job.row.video_id, event.rows.time_s)
            is_full = sum(len(track.crops) for _, track in waiting) >= options.people.batch_crops
            oldest_s = min(video.ended_at_s for video in open_videos.values())
            if is_full or time.monotonic() - oldest_s > MAX_WAIT_S:
                classify()
            store_finished()
    classify()
    store_finished()
    return rows


def _stored(ledger: Ledger, video: _OpenVideo, ended: _Ended, provenance: dict[str, Any]) -> VideoRow:
    """Writes a finished video's files and returns its row."""
    row = _final_row(video, ended)
    tracks = tracks_table(row.video_id, video.people)
    faces = faces_table(row.video_id, video.rows, [person.track_id for person in video.people])
    ledger.store(row, faces, tracks, provenance)
    return row


def _final_row(video: _OpenVideo, ended: _Ended) -> VideoRow:
    row, info, account = ended.job.row, ended.info, ended.account
    if info is None or account is None:
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
        expected_s=account.expected_s,
        decoded_s=account.decoded_s,
        coverage=account.coverage,
        frame_count=account.frame_count,
        sampled_count=account.sampled_count,
        bad_packet_count=account.bad_packet_count,
        face_count=sum(len(rows.tracked.faces) for rows in video.rows),
        track_count=len(video.people),
    )
    fix = f"copy the file again from its source; or re-encode what is left of it: ffmpeg -i '{row.path}' repaired.mp4"
    if not account.frame_count:
        return row.failed("no frame could be decoded", fix)
    if ended.error:
        return replace(row, status="partial", reason=ended.error.what, fix=ended.error.fix)
    if account.coverage < MIN_COVERAGE:
        reason = f"{account.decoded_s:.1f} of {account.expected_s:.1f} s could be decoded"
        return replace(row, status="partial", reason=reason, fix=fix)
    return row


def _events(
    jobs: Sequence[Job], engines: Engines, options: RunOptions, workers: int
) -> Generator[tuple[Job, FollowedFrame | _Ended]]:
    """What the workers find, as they find it; each job's last event is its `_Ended`."""
    events: queue.Queue[tuple[Job, FollowedFrame | _Ended]] = queue.Queue(QUEUE_SIZE)
    stop = threading.Event()

    def put(job: Job, event: FollowedFrame | _Ended) -> None:
        while not stop.is_set():
            try:
                events.put((job, event), timeout=0.2)
            except queue.Full:
                continue
            return

    def work(job: Job) -> None:
        if not stop.is_set():
            for event in _followed(job, engines, options, stop):
                put(job, event)

    with ThreadPoolExecutor(workers, thread_name_prefix="follow") as pool:
        try:
            for job in jobs:
                pool.submit(work, job)
            left = len(jobs)
            while left:
                job, event = events.get()
                left -= isinstance(event, _Ended)
                yield job, event
        finally:  # also when the consumer stops early: let the workers go home
            stop.set()
            pool.shutdown(cancel_futures=True)


def _followed(
    job: Job, engines: Engines, options: RunOptions, stop: threading.Event
) -> Iterator[FollowedFrame | _Ended]:
    """Follows one video; whatever goes wrong with it stays with it."""
    if job.row.reason:
        yield _Ended(job, error=VideoError(job.row.reason, fix=job.row.fix))
        return
    info, account, error = None, None, None
    try:
        with VideoReader(job.path, options.sampling) as reader:
            info = reader.info
            try:
                for followed in follow(reader, engines.detector, engines.recipe, options):
                    yield followed
                    if stop.is_set():
                        return
            finally:
                account = reader.account
    except PipelineError as problem:
        error = problem
    except Exception as problem:  # a bad video never stops the batch
        what = f"{type(problem).__name__} while reading {job.path}: {problem}"
        error = VideoError(what, fix="report it with the file, if it can be shared")
    yield _Ended(job, info, account, error)


def check_output(out: Path) -> None:
    """Makes the output folder, so that a run does not fail at its first result.

    Raises:
        OutputError: it cannot be made or written.
    """
    try:
        (out / "videos").mkdir(parents=True, exist_ok=True)
        probe = out / ".write-test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}", fix="choose another folder with -o") from error
