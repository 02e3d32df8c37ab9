"""The ledger of a run: one row per video in OUT/videos/, written last, so that it stands for complete results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import pyarrow as pa
from filelock import FileLock, Timeout

from facetally.errors import OutputError
from facetally.formatting import command, printable
from facetally.inputs import PassedOver
from facetally.results.newest_run import NewestRun
from facetally.results.tables import (
    FACES,
    TRACKS,
    VIDEOS,
    damaged,
    for_other_video,
    provenance_of,
    read_table,
    write_table,
)

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Status = Literal["ok", "partial", "failed"]
"""Of a video; partial: a part of it could not be decoded."""
ROW_COLUMNS = (
    *("video_id", "video", "path", "status", "reason", "fix", "content_sha256", "same_as", "options_digest"),
    *("decoded_s", "coverage", "bad_packet_count", "track_count"),
)
"""Columns of videos/ that tallies, reports and corrections need."""
LOCK_S = 0.2
"""How long a run waits for the lock of its folder; `is_locked` may hold it for a moment."""


@dataclass(frozen=True)
class VideoRow:
    """A row of the table `videos/`; the columns' descriptions are in `tables.VIDEOS`."""

    video_id: str
    video: str
    path: str
    status: Status = "failed"
    reason: str = ""
    fix: str = ""
    size_bytes: int = 0
    content_sha256: str = ""
    same_as: str = ""
    options_digest: str = ""
    container: str = ""
    codec: str = ""
    width_px: int = 0
    height_px: int = 0
    displayed_width_px: int = 0
    displayed_height_px: int = 0
    fps: float = 0.0
    expected_s: float = 0.0
    decoded_s: float = 0.0
    coverage: float = 0.0
    frame_count: int = 0
    sampled_count: int = 0
    bad_packet_count: int = 0
    face_count: int = 0
    track_count: int = 0
    clock_jump_count: int = 0
    note: str = ""
    faces_sha256: str = ""
    tracks_sha256: str = ""

    def failed(self, reason: str, fix: str) -> VideoRow:
        """This row with status failed, and the reason."""
        return replace(self, status="failed", reason=reason, fix=fix)

    def is_done_for(self, planned: VideoRow) -> bool:
        """Whether the same content was processed with the same options, be it in vain.

        A file whose content is not known was processed in vain if it cannot be read for the same reason.
        """
        is_same = (self.content_sha256, self.options_digest) == (planned.content_sha256, planned.options_digest)
        return is_same and (bool(self.content_sha256) or self.reason == planned.reason)

    def for_copy(self, own: VideoRow) -> VideoRow:
        """The row of another video with the same content, with its own names, also in the reason and the fix."""
        return replace(
            self,
            video_id=own.video_id,
            video=own.video,
            path=own.path,
            same_as=self.same_as or self.video,
            reason=self.reason.replace(self.path, own.path),
            fix=renamed_in_command(self.fix, self.path, own.path),
        )


class Ledger:
    """The results by video in an output folder.

    Args:
        out: the output folder; need not exist yet.
    """

    def __init__(self, out: Path) -> None:
        self.out = out

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the folder against other runs. The system releases the lock when this process ends, even by a crash.

        Raises:
            OutputError: another run holds the lock, or the folder cannot be written.
        """
        lock = FileLock(self.out / ".lock")
        try:
            lock.acquire(timeout=LOCK_S)
        except Timeout as error:
            raise OutputError(
                f"another run is writing to {self.out}",
                fix=f"wait until it is done ({command('facetally', 'status', self.out)}), or choose another folder "
                "with -o",
            ) from error
        except OSError as error:
            what = f"cannot write to {self.out}: {error.strerror or error}"
            raise OutputError(what, fix="fix the folder's permissions") from error
        try:
            yield
        finally:
            lock.release()

    @property
    def is_locked(self) -> bool:
        """Whether a run is writing to the folder at present. The folder may be read-only."""
        if fcntl is None:
            return self._is_locked_elsewhere()
        try:
            handle = os.open(self.out / ".lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks
            return False
        finally:
            os.close(handle)
        return False

    def _is_locked_elsewhere(self) -> bool:
        if not (self.out / ".lock").exists():
            return False
        try:
            with self.locked():
                return False
        except OutputError:
            return True
        except OSError:  # read-only
            return False

    def store_names(
        self,
        names: Mapping[str, str],
        passed_over: Iterable[PassedOver] = (),
        *,
        exclude: Iterable[str] = (),
        excluded: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Stores what the newest run processes, to show later what is left.

        Args:
            names: of the videos, by their ids.
            passed_over: the files that are not processed.
            exclude, excluded: as in `NewestRun`.
        """
        reasons = {file.name: file.reason for file in passed_over}
        NewestRun(names, reasons, tuple(exclude), excluded).write(self.out)

    def newest_run(self) -> NewestRun:
        """What the newest run was given; empty if none was started.

        Raises:
            OutputError: run.json is damaged.
        """
        return NewestRun.read(self.out)

    def names(self) -> dict[str, str]:
        """The videos of the newest run, their names by their ids; errors as for `newest_run`."""
        return dict(self.newest_run().videos)

    def passed_over(self) -> list[PassedOver]:
        """The files in the folders of the newest run that were not processed; errors as for `newest_run`."""
        return self.newest_run().files_passed_over()

    def path(self, table: str, video_id: str) -> Path:
        """The path of one video's file of the table faces, tracks or videos."""
        return self.out / table / f"{video_id}.parquet"

    def video_ids(self) -> list[str]:
        """The ids of all videos that have a row."""
        return sorted(path.stem for path in (self.out / "videos").glob("*.parquet"))

    def row(self, video_id: str) -> VideoRow | None:
        """The row of a video; None if there is none, or if it cannot be read (the video is then processed again)."""
        try:
            return self.read_row(video_id) if self.path("videos", video_id).exists() else None
        except OutputError:
            return None

    def read_row(self, video_id: str) -> VideoRow:
        """The row of a video.

        Raises:
            OutputError: it is damaged, or of another version.
        """
        path = self.path("videos", video_id)
        rows = read_table(path, VIDEOS).to_pylist()
        if len(rows) != 1 or rows[0]["video_id"] != video_id or rows[0]["status"] not in get_args(Status):
            raise damaged(path, "is damaged: it is not the row of this video")
        texts = {name: printable(value) for name, value in rows[0].items() if isinstance(value, str)}
        return VideoRow(**rows[0] | texts)

    def store(self, row: VideoRow, faces: pa.Table, tracks: pa.Table, *, provenance: dict[str, Any]) -> VideoRow:
        """Writes a video's three files, the ledger row last; returns the row with the hashes of the other two.

        An older row is deleted first, so that no row ever stands for incomplete results.

        Raises:
            OutputError: the folder cannot be written.
        """
        self._delete(self.path("videos", row.video_id))
        row = replace(
            row,
            faces_sha256=write_table(self.path("faces", row.video_id), faces, provenance),
            tracks_sha256=write_table(self.path("tracks", row.video_id), tracks, provenance),
        )
        write_table(self.path("videos", row.video_id), pa.Table.from_pylist([asdict(row)], schema=VIDEOS), provenance)
        return row

    def remove(self, video_id: str) -> None:
        """Deletes a video's three files, the ledger row first.

        Raises:
            OutputError: the folder cannot be written.
        """
        for table in ("videos", "faces", "tracks"):
            self._delete(self.path(table, video_id))

    def _delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot write to {self.out}: {error.strerror}",
                fix="fix the folder's permissions, then run the same command again",
            ) from error

    def store_copy(self, row: VideoRow, of_id: str) -> VideoRow:
        """Copies the results of another video with the same content; returns the new row.

        Raises:
            OutputError: the other video's results are damaged, or the folder cannot be written.
        """
        own = self.read_row(of_id).for_copy(row)
        faces, tracks = (
            for_other_video(read_table(self.path(table, of_id), schema), row.video_id, row.video)
            for table, schema in (("faces", FACES), ("tracks", TRACKS))
        )
        return self.store(own, faces, tracks, provenance=self.provenance(of_id))

    def rows(self) -> Iterator[VideoRow]:
        """The rows of all videos that count, sorted by name: all but those that `--exclude` names.

        Raises:
            OutputError: there is no row, or one is damaged.
        """
        ids, newest = self.video_ids(), self.newest_run()
        if not ids:
            fix = f"make some first: {command('facetally', 'run', 'VIDEOS', '-o', self.out)}"
            raise OutputError(f"{self.out} holds no results", fix=fix)
        rows = [self.read_row(video_id) for video_id in ids if video_id not in newest.excluded]
        rows = [row for row in rows if not newest.excludes(row.video_id, row.video)]
        if not rows:
            raise OutputError(
                f"all {len(ids)} videos of {self.out} are excluded ({', '.join(newest.exclude)})",
                fix="run the same `facetally run` again with --include-all, and without --exclude",
            )
        yield from sorted(rows, key=lambda row: row.video)

    def provenance(self, video_id: str | None = None) -> dict[str, Any]:
        """How the results of a video were made; by default of the video that was stored last."""
        if video_id is not None:
            return provenance_of(self.path("videos", video_id))
        newest = max((self.out / "videos").glob("*.parquet"), key=lambda path: path.stat().st_mtime)
        return provenance_of(newest)


def renamed_in_command(text: str, old: str, new: str) -> str:
    """A text with another path in place of `old`, also where a command in the text quotes it for the shell."""
    return command(new).join(part.replace(old, new) for part in text.split(command(old)))


def option_sets(rows: Iterable[VideoRow]) -> int:
    """The number of different sets of options and weights that the results were made with.

    Sums over more than one of them mix results that are not comparable.
    """
    return len({row.options_digest for row in rows if row.status != "failed"})
