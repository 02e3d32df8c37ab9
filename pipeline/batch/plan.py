"""Plans a run: which videos are new or changed, which are done, and which are copies of others."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from facetally.batch.content import Content
from facetally.batch.worker import Job
from facetally.errors import OptionError, OutputError
from facetally.formatting import counted
from facetally.inputs import InputVideo, PassedOver
from facetally.results.condition import Condition, Damage, condition_of
from facetally.results.ledger import SOURCE_KEY, Ledger, VideoRow
from facetally.results.newest_run import is_excluded
from facetally.storage.addresses import is_address
from facetally.storage.copies import RemoteVideo
from facetally.storage.listing import is_there


@dataclass(frozen=True)
class Copy:
    """A video with the same content as another one, whose results are copied."""

    row: VideoRow
    of_id: str
    """Id of the video with the same content."""
    source: RemoteVideo | None = None
    """As in `Job`."""


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    todo: list[Job] = field(default_factory=list)
    done: list[VideoRow] = field(default_factory=list)
    """Rows of earlier runs with the same content, options and weights; also those of videos that failed."""
    copies: list[Copy] = field(default_factory=list)
    passed_over: Sequence[PassedOver] = ()
    """Files in the input folders that are not processed."""
    exclude: tuple[str, ...] = ()
    """Patterns of the videos that are left out."""
    excluded: dict[str, str] = field(default_factory=dict)
    """The names of the input videos that they fit, by their ids."""
    replaced: list[VideoRow] = field(default_factory=list)
    """Finished rows of input videos that were made with other options or weights."""
    changed: list[VideoRow] = field(default_factory=list)
    """Rows of input videos whose files have other content now."""
    damaged: list[Damage] = field(default_factory=list)
    """Input videos with results that cannot be used."""
    newer: list[Damage] = field(default_factory=list)
    """Input videos with results that only a newer facetally can use."""
    unreadable: list[VideoRow] = field(default_factory=list)
    """Finished rows of input videos whose files cannot be read now; they are also in `done`."""
    known_ids: list[str] = field(default_factory=list)
    """Input videos of which the output folder has results, excluded or not."""
    gone: dict[str, str] = field(default_factory=dict)
    """The names of videos with results that are not among the inputs, by their ids; not those that are excluded."""
    gone_damaged: list[Damage] = field(default_factory=list)
    """Those of them whose results cannot be used."""
    gone_excluded: list[str] = field(default_factory=list)
    """The names of videos with results that are not among the inputs, and are excluded."""
    resumes: bool = False
    """Whether some finished row has the options and weights of this run."""
    mixed: list[VideoRow] = field(default_factory=list)
    """Finished rows of `gone` that were made with other options or weights."""
    source_ids: dict[str, str] = field(default_factory=dict)
    """Videos with these options and weights, done or in `todo`, by the hash of their content: others are copies."""
    kept: dict[str, VideoRow] = field(default_factory=dict)
    """Rows of earlier runs of videos in `todo` that are in object storage, by their ids: if their content turns out to
    be the same, they are done."""

    @property
    def is_mixing(self) -> bool:
        """Whether the first results of these options and weights come to some of others: sums would mix them."""
        return bool(self.mixed) and not self.resumes

    @property
    def new(self) -> list[VideoRow]:
        """The rows of all videos that are not done, filled in as far as is known before decoding."""
        return [job.row for job in self.todo] + [copy.row for copy in self.copies]

    @property
    def names(self) -> dict[str, str]:
        """The names of all input videos that are not excluded, by their ids, sorted."""
        rows = sorted([*self.done, *self.new], key=lambda row: row.video)
        return {row.video_id: row.video for row in rows}


def plan_run(
    videos: Sequence[InputVideo],
    ledger: Ledger,
    digest: str,
    *,
    force: bool = False,
    retry_failed: bool = False,
    exclude: Iterable[str] = (),
    passed_over: Sequence[PassedOver] = (),
) -> Plan:
    """Hashes every file and separates the videos that are done, and copies of the same content, from those to process.

    Args:
        videos: the videos to process.
        ledger: the output folder.
        digest: of options and weights.
        force: process all videos again.
        retry_failed: process videos again that failed; otherwise only if their files changed.
        exclude: patterns of videos to leave out.
        passed_over: files in the input folders that are not processed.

    Raises:
        OutputError: the folder holds results of another file under the same name.
        OptionError: all videos are excluded.
    """
    known = condition_of(ledger, is_deep=True)
    finished = [row for row in known.rows.values() if row.status != "failed"]
    resumes = any(row.options_digest == digest for row in finished)
    plan = Plan(passed_over=passed_over, exclude=relative_patterns(exclude, videos), resumes=resumes)
    by_path = {row.path: row for row in known.rows.values()}
    new: list[Job] = []
    for video in videos:
        named = _named(video, by_path)
        if is_excluded(plan.exclude, named.video, video.name):
            plan.excluded[named.video_id] = named.video
            continue
        row, content = _identified(video, replace(named, options_digest=digest), ledger, known)
        if row.content_sha256 or not video.source:
            refuse_namesake(ledger.out, known.rows.get(row.video_id), row)
        earlier = None if force else _done_row(row, known, retry_failed=retry_failed)
        if earlier:
            plan.done.append(earlier)
            plan.unreadable.extend([earlier] if row.reason and earlier.status != "failed" else [])
        else:
            new.append(Job(video.path.absolute(), row, content, video.source))
            _note_replaced(plan, row, known)
            if video.source and not row.content_sha256 and not force:
                plan.kept.update(_kept(row, known, retry_failed=retry_failed))
    if videos and len(plan.excluded) == len(videos):
        raise OptionError(
            f"all {counted(len(videos), 'video')} are excluded: {', '.join(plan.exclude)}",
            fix="add --include-all, and give narrower --exclude patterns",
        )
    usable = [row for video_id, row in known.rows.items() if video_id not in known.damages]
    _divide(plan, new, [] if force else usable, digest)
    _note_gone(plan, known, digest)
    return plan


def relative_patterns(patterns: Iterable[str], videos: Sequence[InputVideo]) -> tuple[str, ...]:
    """The patterns without the input folder at their beginning, where they fit no name as they are.

    Videos go by their path within the input folder, and a shell completes `--exclude videos/a.mp4` from where it is.
    """
    places = [(video.source.address if video.source else str(video.path), video.name) for video in videos]
    folders = {place.removesuffix(name) for place, name in places} - {""}
    relative: dict[str, None] = {}
    for pattern in patterns:
        text = pattern if is_address(pattern) else Path(pattern).as_posix()
        folder = next((folder for folder in folders if text.startswith(folder)), "")
        fits = any(is_excluded([pattern], video.name) for video in videos)
        relative[pattern if fits else text.removeprefix(folder)] = None
    return tuple(relative)


def _named(video: InputVideo, by_path: dict[str, VideoRow]) -> VideoRow:
    """The row of a video with its names; it keeps those of an earlier run, whichever other inputs are given now."""
    path = video.place
    earlier = by_path.get(path)
    return VideoRow(earlier.video_id, earlier.video, path) if earlier else VideoRow(video.video_id, video.name, path)


def _identified(video: InputVideo, row: VideoRow, ledger: Ledger, known: Condition) -> tuple[VideoRow, Content | None]:
    """A video's row with the size and hash of its file, or with the reason why it could not be read.

    One in object storage is not read for this: its hash is known if it is the version that was processed before.
    """
    if video.source:
        row, earlier = replace(row, size_bytes=video.source.size_bytes), known.rows.get(row.video_id)
        is_same = earlier and earlier.path == row.path and _stored_source(ledger, earlier) == video.source.as_dict()
        return (replace(row, content_sha256=earlier.content_sha256) if earlier and is_same else row), None
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


def _stored_source(ledger: Ledger, row: VideoRow) -> object:
    """Which version of an object the results of a video were made of."""
    try:
        return ledger.provenance(row.video_id).get(SOURCE_KEY)
    except OutputError:
        return None


def _kept(row: VideoRow, known: Condition, *, retry_failed: bool) -> dict[str, VideoRow]:
    """The row of an earlier run that is done if the content is the same, by its id."""
    earlier = known.rows.get(row.video_id)
    same = earlier and replace(row, content_sha256=earlier.content_sha256)
    done = _done_row(same, known, retry_failed=retry_failed) if same and same.content_sha256 else None
    return {row.video_id: done} if done else {}


def refuse_namesake(out: Path, known: VideoRow | None, row: VideoRow) -> None:
    """Raises OutputError where the results of another file would be overwritten."""
    is_other = known and known.path != row.path and known.content_sha256 != row.content_sha256
    if known and is_other and (is_there(known.path) if is_address(known.path) else Path(known.path).exists()):
        raise OutputError(
            f"{out} already holds {known.video} from {known.path}; {row.path} would overwrite it",
            fix="choose another folder with -o, or name both folders in one run",
        )


def _done_row(row: VideoRow, known: Condition, *, retry_failed: bool) -> VideoRow | None:
    """The row of an earlier run that need not be made again."""
    earlier = known.rows.get(row.video_id)
    if not earlier or row.video_id in known.damages or (retry_failed and earlier.status == "failed"):
        return None
    is_kept = row.reason and earlier.status != "failed" and earlier.options_digest == row.options_digest
    return earlier if is_kept or earlier.is_done_for(row) else None


def _note_replaced(plan: Plan, row: VideoRow, known: Condition) -> None:
    """Notes why a video with results is processed again."""
    earlier, damage = known.rows.get(row.video_id), known.damages.get(row.video_id)
    if damage:
        (plan.newer if damage.is_newer else plan.damaged).append(replace(damage, video=row.video))
    elif earlier and earlier.status != "failed" and earlier.options_digest != row.options_digest:
        plan.replaced.append(earlier)
    elif earlier and row.content_sha256 and earlier.content_sha256 not in ("", row.content_sha256):
        plan.changed.append(earlier)


def _divide(plan: Plan, new: Sequence[Job], usable: Iterable[VideoRow], digest: str) -> None:
    """Divides the videos that are not done into those to process and copies of others.

    Args:
        plan: gets them.
        new: the videos.
        usable: rows of earlier runs that may be copied.
        digest: of options and weights.
    """
    new_ids = {job.row.video_id for job in new}  # no copies of results that are about to change
    made = [row for row in usable if row.status != "failed" and row.options_digest == digest]
    source_ids = plan.source_ids
    source_ids.update({row.content_sha256: row.video_id for row in made if row.video_id not in new_ids})
    for job in new:
        row = job.row
        if not row.content_sha256 and job.source:  # not known before it is fetched
            plan.todo.append(job)
        elif not row.reason and row.content_sha256 in source_ids:
            plan.copies.append(Copy(row, source_ids[row.content_sha256], job.source))
        else:
            plan.todo.append(job)
            if not row.reason:
                source_ids[row.content_sha256] = row.video_id


def _note_gone(plan: Plan, known: Condition, digest: str) -> None:
    """Notes the videos with results that are not among the inputs."""
    here = plan.names.keys() | plan.excluded.keys()
    names = {i: damage.video for i, damage in known.damages.items()} | {i: row.video for i, row in known.rows.items()}
    for video_id, name in names.items():
        if video_id in here:
            plan.known_ids.append(video_id)
        elif is_excluded(plan.exclude, name):
            plan.gone_excluded.append(name)
        else:
            plan.gone[video_id] = name
    plan.gone_damaged.extend(damage for i, damage in known.damages.items() if i in plan.gone)
    finished = [row for row in known.rows.values() if row.status != "failed"]
    plan.mixed.extend(row for row in finished if row.video_id in plan.gone and row.options_digest != digest)


def refuse_damage_elsewhere(plan: Plan) -> None:
    """Raises OutputError if results are damaged that this run does not make again: they could not be summed up."""
    if plan.gone_damaged:
        first, more = plan.gone_damaged[0], len(plan.gone_damaged) - 1
        raise OutputError(
            f"{first.what}{f' (and {more} more)' if more else ''}, and its video is not among the inputs",
            fix="give the video too, and it is processed again; or add --prune, which removes all results of videos "
            "that are not among the inputs",
        )


def refuse_to_prune_all(plan: Plan, out: Path) -> None:
    """Raises OutputError if all results would be removed: the inputs are most likely not those that were meant."""
    if plan.gone and not plan.copies and not plan.known_ids:
        raise OutputError(
            f"--prune would remove all {counted(len(plan.gone), 'video')} of {out}: none of them is among the inputs",
            fix="give the inputs that you gave before, or choose another folder with -o",
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
