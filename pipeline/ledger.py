"""The account of every input file: one row a video in OUT/videos/, written last, so that it vouches for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.errors import OutputError
from pipeline.tables import FACES, TRACKS, VIDEOS, provenance_of, read_table, write_table


@dataclass(frozen=True)
class VideoRow:
    """A row of the table `videos/`; the columns' descriptions are in `tables.VIDEOS`."""

    video_id: str
    video: str
    path: str
    status: str = "failed"
    reason: str = ""
    fix: str = ""
    size_bytes: int = 0
    content_sha256: str = ""
    options_digest: str = ""
    container: str = ""
    codec: str = ""
    width_px: int = 0
    height_px: int = 0
    fps: float = 0.0
    expected_s: float = 0.0
    decoded_s: float = 0.0
    coverage: float = 0.0
    frame_count: int = 0
    sampled_count: int = 0
    bad_packet_count: int = 0
    face_count: int = 0
    track_count: int = 0

    def failed(self, reason: str, fix: str) -> VideoRow:
        """This row with the reason why nothing came of the file."""
        return replace(self, status="failed", reason=reason, fix=fix)


class Ledger:
    """The output folder as a store of results by video.

    Args:
        out: the output folder; need not exist yet.
    """

    def __init__(self, out: Path) -> None:
        self.out = out

    def path(self, table: str, video_id: str) -> Path:
        """Where one video's file of the table faces, tracks or videos lies."""
        return self.out / table / f"{video_id}.parquet"

    def row(self, video_id: str) -> VideoRow | None:
        """The row of a video; None where there is none, or one that cannot be read (it will be made anew)."""
        path = self.path("videos", video_id)
        if not path.exists():
            return None
        try:
            return VideoRow(**read_table(path, VIDEOS).to_pylist()[0])
        except (OutputError, IndexError):
            return None

    def is_done(self, planned: VideoRow) -> bool:
        """Whether the same content was worked through with the same options; what failed is tried again."""
        known = self.row(planned.video_id)
        return (
            known is not None
            and known.status != "failed"
            and known.content_sha256 == planned.content_sha256
            and known.options_digest == planned.options_digest
        )

    def store(self, row: VideoRow, faces: pa.Table, tracks: pa.Table, provenance: dict[str, Any]) -> None:
        """Writes a video's three files, the ledger row last; an older row goes first, so that it never lies.

        Raises:
            OutputError: the folder cannot be written.
        """
        try:
            self.path("videos", row.video_id).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot write to {self.out}: {error.strerror}",
                fix="mend the folder's rights, then run the same command",
            ) from error
        for table, content in (("faces", faces), ("tracks", tracks)):
            write_table(self.path(table, row.video_id), content, provenance)
        write_table(self.path("videos", row.video_id), pa.Table.from_pylist([asdict(row)], schema=VIDEOS), provenance)

    def store_failure(self, row: VideoRow, provenance: dict[str, Any]) -> None:
        """Writes the row of a video that gave nothing, with empty tables beside it."""
        self.store(row, FACES.empty_table(), TRACKS.empty_table(), provenance)

    def rows(self) -> Iterator[VideoRow]:
        """All rows, by the videos' names.

        Raises:
            OutputError: there are none, or one is damaged.
        """
        paths = sorted((self.out / "videos").glob("*.parquet"))
        if not paths:
            raise OutputError(
                f"{self.out} holds no results", fix=f"make some first: facetally run VIDEOS -o {self.out}"
            )
        rows = [VideoRow(**read_table(path, VIDEOS).to_pylist()[0]) for path in paths]
        yield from sorted(rows, key=lambda row: row.video)

    def provenance(self) -> dict[str, Any]:
        """How the newest of the stored results were made."""
        newest = max((self.out / "videos").glob("*.parquet"), key=lambda path: path.stat().st_mtime)
        return provenance_of(newest)
