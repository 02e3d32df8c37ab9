"""Where the videos of a run are now: moved and renamed files are recognised by their content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from facetally.batch.content import sha256_of_first
from facetally.errors import VideoError
from facetally.formatting import listed
from facetally.inputs import InputVideo, find_videos
from facetally.results.ledger import VideoRow

SHOWN = 3
"""The most names that an error lists."""


def find_files(rows: Iterable[VideoRow], videos: Sequence[str] = ()) -> dict[str, Path]:
    """The file of each video, by its id.

    A file is taken that has the name and the size that the run stored, then any of the same content.

    Args:
        rows: of the videos that are wanted.
        videos: files, folders and globs to search; without any, the paths that the run stored.

    Raises:
        VideoError: one is not found, or is another file than the run read.
    """
    found = find_videos(videos) if videos else []
    by_size: dict[int, list[InputVideo]] = defaultdict(list)
    for video in found:
        by_size[video.path.stat().st_size].append(video)
    by_name = {video.name: video for video in found}
    files: dict[str, Path] = {}
    missing: list[VideoRow] = []
    for row in rows:
        path = _same_content(row, by_name.get(row.video), by_size[row.size_bytes]) if found else _stored(row)
        if path is None:
            missing.append(row)
        else:
            files[row.video_id] = path
    if missing:
        raise _not_found(missing, by_name, bool(videos))
    return files


def _stored(row: VideoRow) -> Path | None:
    path = Path(row.path)
    try:
        is_it = path.is_file() and row.size_bytes in (0, path.stat().st_size)
    except OSError:
        return None
    return path if is_it else None


def _same_content(row: VideoRow, same_name: InputVideo | None, same_size: Sequence[InputVideo]) -> Path | None:
    if same_name and row.size_bytes in (0, same_name.path.stat().st_size):
        return same_name.path
    for video in sorted(same_size, key=lambda video: Path(video.name).name != Path(row.video).name):
        if row.content_sha256 == sha256_of_first(video.path, row.size_bytes):
            return video.path
    return None


def _not_found(missing: Sequence[VideoRow], by_name: dict[str, InputVideo], was_searched: bool) -> VideoError:
    names = listed((row.video for row in missing), SHOWN)
    if changed := [row.video for row in missing if row.video in by_name]:
        return VideoError(
            f"{changed[0]} is not the file that was run: its content differs",
            fix="give the files that were run with --videos, or run these and label that run in a new truth folder",
        )
    is_one = len(missing) == 1
    stored = "not where the run read " + ("it" if is_one else "them")
    where = "not found in --videos, by name or by content" if was_searched else stored
    return VideoError(
        f"{'a video of the run is' if is_one else 'videos of the run are'} {where}: {names}",
        fix="give the folder in which the videos are now with --videos; they may have other names",
    )
