"""The ledger of a run: one row per video in OUT/videos/, written last, so that it stands for complete results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from filelock import FileLock, Timeout

from facetally.errors import OutputError
from facetally.files import write_whole
from facetally.inputs import PassedOver
from facetally.results.tables import (
    FACES,
    TRACKS,
    VIDEOS,
    provenance_of,
    read_table,
    with_video_id,
    write_table,
)

Status = Literal["ok", "partial", "failed"]
"""Of a video; partial: a part of it could not be decoded."""


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

    def failed(self, reason: str, fix: str) -> VideoRow:
        """This row with status failed, and the reason."""
        return replace(self, status="failed", reason=reason, fix=fix)

    def is_done_for(self, planned: VideoRow) -> bool:
        """Whether the same content was processed with the same options; failed videos are tried again."""
        return (
            self.status != "failed"
            and self.content_sha256 == planned.content_sha256
            and self.options_digest == planned.options_digest
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
            OutputError: another run holds the lock.
        """
        lock = FileLock(self.out / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise OutputError(
                f"another run is writing to {self.out}",
                fix=f"wait until it is done (facetally status {self.out}), or choose another folder with -o",
            ) from error
        try:
            yield
        finally:
            lock.release()

    @property
    def is_locked(self) -> bool:
        """Whether a run is writing to the folder at present."""
        if not (self.out / ".lock").exists():
            return False
        try:
            with self.locked():
                return False
        except OutputError:
            return True

    def store_names(self, names: Mapping[str, str], passed_over: Iterable[PassedOver] = ()) -> None:
        """Stores what the newest run processes, to show later what is left.

        Args:
            names: of the videos, by their ids.
            passed_over: the files that are not processed.
        """
        reasons = {file.name: file.reason for file in passed_over}
        content = {"videos": dict(names), "passed_over": reasons}
        write_whole(self.out / "run.json", json.dumps(content, indent=1).encode())

    def names(self) -> dict[str, str]:
        """The videos of the newest run, their names by their ids; empty if none was started.

        Raises:
            OutputError: the file with the names is damaged.
        """
        return self._newest_run("videos")

    def passed_over(self) -> list[PassedOver]:
        """The files in the folders of the newest run that were not processed, sorted by name.

        Raises:
            OutputError: the file with the names is damaged.
        """
        return [PassedOver(name, reason) for name, reason in sorted(self._newest_run("passed_over").items())]

    def _newest_run(self, key: str) -> dict[str, str]:
        path = self.out / "run.json"
        try:
            stored = json.loads(path.read_text()) if path.exists() else {"videos": {}}
            return dict(stored[key] if key == "videos" else stored.get(key, {}))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise OutputError(f"{path} cannot be read: {error}", fix="run the same `facetally run` again") from error

    def path(self, table: str, video_id: str) -> Path:
        """The path of one video's file of the table faces, tracks or videos."""
        return self.out / table / f"{video_id}.parquet"

    def video_ids(self) -> list[str]:
        """The ids of all videos that have a row."""
        return sorted(path.stem for path in (self.out / "videos").glob("*.parquet"))

    def row(self, video_id: str) -> VideoRow | None:
        """The row of a video; None if there is none, or if it cannot be read (the video is then processed again)."""
        path = self.path("videos", video_id)
        if not path.exists():
            return None
        try:
            return VideoRow(**read_table(path, VIDEOS).to_pylist()[0])
        except (OutputError, IndexError):
            return None

    def store(self, row: VideoRow, faces: pa.Table, tracks: pa.Table, *, provenance: dict[str, Any]) -> None:
        """Writes a video's three files, the ledger row last.

        An older row is deleted first, so that no row ever stands for incomplete results.

        Raises:
            OutputError: the folder cannot be written.
        """
        try:
            self.path("videos", row.video_id).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot write to {self.out}: {error.strerror}",
                fix="fix the folder's permissions, then run the same command again",
            ) from error
        for table, content in (("faces", faces), ("tracks", tracks)):
            write_table(self.path(table, row.video_id), content, provenance)
        write_table(self.path("videos", row.video_id), pa.Table.from_pylist([asdict(row)], schema=VIDEOS), provenance)

    def store_copy(self, row: VideoRow, of_id: str) -> VideoRow:
        """Copies the results of another video with the same content; returns the new row.

        Raises:
            OutputError: the other video's results are damaged, or the folder cannot be written.
        """
        (source,) = read_table(self.path("videos", of_id), VIDEOS).to_pylist()
        same_as = source["same_as"] or source["video"]
        own = VideoRow(**source | {"video_id": row.video_id, "video": row.video, "path": row.path, "same_as": same_as})
        faces, tracks = (
            with_video_id(read_table(self.path(table, of_id), schema), row.video_id)
            for table, schema in (("faces", FACES), ("tracks", TRACKS))
        )
        self.store(own, faces, tracks, provenance=self.provenance(of_id))
        return own

    def rows(self) -> Iterator[VideoRow]:
        """All rows, sorted by the videos' names.

        Raises:
            OutputError: there is no row, or one is damaged.
        """
        ids = self.video_ids()
        if not ids:
            raise OutputError(
                f"{self.out} holds no results", fix=f"make some first: facetally run VIDEOS -o {self.out}"
            )
        rows = [VideoRow(**read_table(self.path("videos", i), VIDEOS).to_pylist()[0]) for i in ids]
        yield from sorted(rows, key=lambda row: row.video)

    def provenance(self, video_id: str | None = None) -> dict[str, Any]:
        """How the results of a video were made; by default of the video that was stored last."""
        if video_id is not None:
            return provenance_of(self.path("videos", video_id))
        newest = max((self.out / "videos").glob("*.parquet"), key=lambda path: path.stat().st_mtime)
        return provenance_of(newest)


def option_sets(rows: Iterable[VideoRow]) -> int:
    """The number of different sets of options and weights that the results were made with.

    Sums over more than one of them mix results that are not comparable.
    """
    return len({row.options_digest for row in rows if row.status != "failed"})
