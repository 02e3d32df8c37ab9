"""The ledger of a run: one row per video in OUT/videos/, written last, so that it stands for complete results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import pyarrow as pa

from facetally.errors import OutputError
from facetally.files import file_lock
from facetally.formatting import command, printable
from facetally.inputs import PassedOver
from facetally.results.compacted import compacted_of, holder_of, mark_removed
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
from facetally.results.video_row import Status as Status
from facetally.results.video_row import VideoRow as VideoRow
from facetally.results.video_row import renamed_in_command as renamed_in_command
from facetally.storage.copies import RemoteVideo
from facetally.storage.uploads import Uploads

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ROW_COLUMNS = (
    *("video_id", "video", "path", "status", "reason", "fix", "content_sha256", "same_as", "options_digest"),
    *("decoded_s", "coverage", "bad_packet_count", "track_count"),
)
"""Columns of videos/ that tallies, reports and corrections need."""
SOURCE_KEY = "source"
"""In the provenance of a row: which version of an object the video is."""
LOCK_S = 0.2
"""How long a run waits for the lock of its folder; `is_locked` may hold it for a moment."""


class Ledger:
    """The results by video in an output folder.

    Args:
        out: the output folder; need not exist yet.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.uploads: Uploads | None = None
        """Stores the files at an address, too."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the folder against other runs. The system releases the lock when this process ends, even by a crash.

        Raises:
            OutputError: another run holds the lock, or the folder cannot be written.
        """
        busy = OutputError(
            f"another run is writing to {self.out}",
            fix=f"wait until it is done ({command('facetally', 'status', self.out)}), or choose another folder with -o",
        )
        with file_lock(self.out / ".lock", LOCK_S, busy=busy, unwritable_fix="fix the folder's permissions"):
            yield

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
        if self.uploads:
            self.uploads.stored(self.out / "run.json", ())

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
        joined = compacted_of(self.out)
        own = {path.stem for path in (self.out / "videos").glob("*.parquet")}
        return sorted(own | joined.video_ids if joined else own)

    def has(self, video_id: str) -> bool:
        """Whether a video has a row."""
        path = self.path("videos", video_id)
        return path.exists() or holder_of(path) is not None

    def stored_ns(self, video_id: str) -> int:
        """When the row of a video was written, in nanoseconds since 1970; in OUT/compacted/ it keeps its time.

        Raises:
            OSError: it has none.
        """
        path = self.path("videos", video_id)
        holder = holder_of(path)
        return holder.stamp(video_id)[1] if holder else path.stat().st_mtime_ns

    def row(self, video_id: str) -> VideoRow | None:
        """The row of a video; None if there is none, or if it cannot be read (the video is then processed again)."""
        try:
            return self.read_row(video_id) if self.has(video_id) else None
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
        return VideoRow(**rows[0] | texts | {"cuts_s": tuple(rows[0]["cuts_s"])})

    def store(
        self,
        row: VideoRow,
        faces: pa.Table,
        tracks: pa.Table,
        *,
        provenance: dict[str, Any],
        source: RemoteVideo | None = None,
    ) -> VideoRow:
        """Writes a video's three files, the ledger row last; returns the row with the hashes of the other two.

        An older row is deleted first, so that no row ever stands for incomplete results.

        Args:
            source: the object that the video is, if it is one; it is stored beside the row.

        Raises:
            OutputError: the folder cannot be written.
        """
        self._delete(self.path("videos", row.video_id))
        row = replace(
            row,
            faces_sha256=write_table(self.path("faces", row.video_id), faces, provenance),
            tracks_sha256=write_table(self.path("tracks", row.video_id), tracks, provenance),
        )
        self._write_row(row, provenance, source)
        if self.uploads:
            self.uploads.stored(self.path("videos", row.video_id), self._tables_of(row.video_id))
        return row

    def _tables_of(self, video_id: str) -> list[Path]:
        return [self.path("faces", video_id), self.path("tracks", video_id)]

    def store_source(self, row: VideoRow, source: RemoteVideo | None) -> VideoRow:
        """Writes a row again for another version of the object with the same content; returns it.

        Raises:
            OutputError: it is damaged, or the folder cannot be written.
        """
        self._write_row(row, self.provenance(row.video_id), source)
        if self.uploads:
            self.uploads.stored(self.path("videos", row.video_id), ())
        return row

    def _write_row(self, row: VideoRow, provenance: dict[str, Any], source: RemoteVideo | None) -> None:
        made = {name: value for name, value in provenance.items() if name != SOURCE_KEY}
        made |= {SOURCE_KEY: source.as_dict()} if source else {}
        write_table(self.path("videos", row.video_id), pa.Table.from_pylist([asdict(row)], schema=VIDEOS), made)

    def remove(self, video_id: str) -> None:
        """Deletes a video's three files, the ledger row first.

        Raises:
            OutputError: the folder cannot be written.
        """
        mark_removed(self.out, video_id)
        for table in ("videos", "faces", "tracks"):
            self._delete(self.path(table, video_id))
        if self.uploads:
            self.uploads.removed(self.path("videos", video_id), self._tables_of(video_id))

    def _delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot write to {self.out}: {error.strerror}",
                fix="fix the folder's permissions, then run the same command again",
            ) from error

    def store_copy(self, row: VideoRow, of_id: str, source: RemoteVideo | None = None) -> VideoRow:
        """Copies the results of another video with the same content; returns the new row.

        Raises:
            OutputError: the other video's results are damaged, or the folder cannot be written.
        """
        own = self.read_row(of_id).for_copy(row)
        faces, tracks = (
            for_other_video(read_table(self.path(table, of_id), schema), row.video_id, row.video)
            for table, schema in (("faces", FACES), ("tracks", TRACKS))
        )
        made = {name: value for name, value in self.provenance(of_id).items() if name != SOURCE_KEY}
        return self.store(own, faces, tracks, provenance=made, source=source)

    def rows(self) -> Iterator[VideoRow]:
        """The rows of all videos that count, sorted by name: all but those that `--exclude` names.

        Raises:
            OutputError: there is no row, or one is damaged.
        """
        ids, newest = self.video_ids(), self.newest_run()
        if not ids:
            raise self._empty()
        rows = [self.read_row(video_id) for video_id in ids if video_id not in newest.excluded]
        rows = [row for row in rows if not newest.excludes(row.video_id, row.video)]
        if not rows:
            raise OutputError(
                f"all {len(ids)} videos of {self.out} are excluded ({', '.join(newest.exclude)})",
                fix="run the same `facetally run` again with --include-all, and without --exclude",
            )
        yield from sorted(rows, key=lambda row: row.video)

    def provenance(self, video_id: str | None = None) -> dict[str, Any]:
        """How the results of a video were made; by default of the video that was stored last.

        Raises:
            OutputError: there is no row, or it is damaged.
        """
        if video_id is not None:
            return provenance_of(self.path("videos", video_id))
        times_ns: dict[str, int] = {}
        with suppress(FileNotFoundError):  # somebody deletes the folder meanwhile
            times_ns = {path.stem: path.stat().st_mtime_ns for path in (self.out / "videos").glob("*.parquet")}
        if joined := compacted_of(self.out):
            times_ns = {one: joined.stamp(one)[1] for one in joined.video_ids} | times_ns
        if not times_ns:
            raise self._empty()
        return provenance_of(self.path("videos", max(times_ns, key=times_ns.__getitem__)))

    def _empty(self) -> OutputError:
        fix = f"make some first: {command('facetally', 'run', 'VIDEOS', '-o', self.out)}"
        return OutputError(f"{self.out} holds no results", fix=fix)


def option_sets(rows: Iterable[VideoRow]) -> int:
    """The number of different sets of options and weights that the results were made with.

    Sums over more than one of them mix results that are not comparable.
    """
    return len({row.options_digest for row in rows if row.status != "failed"})
