"""Plans a run: which videos are new or changed, which are done, and which are copies of others."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facetally.batch.content import Content
from facetally.batch.worker import Job
from facetally.errors import OutputError
from facetally.inputs import InputVideo, PassedOver, shown_path
from facetally.results.ledger import Ledger, VideoRow


@dataclass(frozen=True)
class Copy:
    """A video with the same content as another one, whose results are copied."""

    row: VideoRow
    of_id: str
    """Id of the video with the same content."""


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    todo: list[Job]
    done: list[VideoRow]
    """Rows of earlier runs with the same content, options and weights."""
    copies: list[Copy]
    passed_over: Sequence[PassedOver] = ()
    """Files in the input folders that are not processed."""

    @property
    def new(self) -> list[VideoRow]:
        """The rows of all videos that are not done, filled in as far as is known before decoding."""
        return [job.row for job in self.todo] + [copy.row for copy in self.copies]


def plan_run(
    videos: Sequence[InputVideo],
    ledger: Ledger,
    digest: str,
    *,
    force: bool = False,
    passed_over: Sequence[PassedOver] = (),
) -> Plan:
    """Hashes every file and separates the videos that are done, and copies of the same content, from those to process.

    Args:
        videos: the videos to process.
        ledger: the output folder.
        digest: of options and weights.
        force: process all videos again.
        passed_over: files in the input folders that are not processed.

    Raises:
        OutputError: the folder holds results of another file under the same name.
    """
    plan = Plan([], [], [], passed_over)
    known_ids = {row.video_id: row for video_id in ledger.video_ids() if (row := ledger.row(video_id))}
    known_paths = {row.path: row for row in known_ids.values()}
    new: list[Job] = []
    for video in videos:
        row, content = _identified(video, digest)
        if earlier := known_paths.get(row.path):  # keeps its name, whichever other inputs are given this time
            row = replace(row, video_id=earlier.video_id, video=earlier.video)
        known = known_ids.get(row.video_id)
        _refuse_namesake(ledger.out, known, row)
        if known and not force and known.is_done_for(row):
            plan.done.append(known)
        else:
            new.append(Job(video.path, row, content))
    unchanged = known_ids.keys() - {job.row.video_id for job in new}  # no copies of results that are about to change
    usable = [row for row in known_ids.values() if row.status != "failed" and row.options_digest == digest]
    source_ids = {} if force else {row.content_sha256: row.video_id for row in usable if row.video_id in unchanged}
    for job in new:
        row = job.row
        if not row.reason and row.content_sha256 in source_ids:
            plan.copies.append(Copy(row, source_ids[row.content_sha256]))
        else:
            plan.todo.append(job)
            if not row.reason:
                source_ids[row.content_sha256] = row.video_id
    return plan


def _identified(video: InputVideo, digest: str) -> tuple[VideoRow, Content | None]:
    """A video's row with the size and hash of its file, or with the reason why it could not be read."""
    row = VideoRow(video.video_id, video.name, shown_path(video.path), options_digest=digest)
    try:
        status = video.path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device may never end
            fix = "leave it out, or save its content to a regular file"
            return row.failed(f"{row.path} is not a regular file", fix), None
        content = Content.of(video.path)
        return replace(row, size_bytes=content.size_bytes, content_sha256=content.sha256), content
    except OSError as error:
        fix = "check the file's permissions and the disk"
        return row.failed(f"{row.path} cannot be read: {error.strerror}", fix), None


def _refuse_namesake(out: Path, known: VideoRow | None, row: VideoRow) -> None:
    """Raises OutputError where the results of another file would be overwritten."""
    if known and known.path != row.path and known.content_sha256 != row.content_sha256 and Path(known.path).exists():
        raise OutputError(
            f"{out} already holds {known.video} from {known.path}; {row.path} would overwrite it",
            fix="choose another folder with -o, or name both folders in one run",
        )


def check_output(out: Path) -> None:
    """Creates the output folder and checks that it is writable, so that a run does not fail at its first result.

    Raises:
        OutputError: it cannot be created or written.
    """
    try:
        (out / "videos").mkdir(parents=True, exist_ok=True)
        probe = out / ".write-test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}", fix="choose another folder with -o") from error
