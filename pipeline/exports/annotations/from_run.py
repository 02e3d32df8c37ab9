"""The appearances of a run as tracks, for labelling tools to begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from facetally.errors import OutputError
from facetally.exports.annotations.frames import read_frames, stored_size
from facetally.exports.annotations.model import RUN_ATTRIBUTES, UNSURE, ExportTrack, Span, TrackBox, VideoTracks
from facetally.formatting import command
from facetally.results.corrections import Corrections
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS, read_table
from facetally.video.fields import lines_above

DEFAULT_FPS = 25.0
"""Of videos whose rate is not known."""
MAX_GAP_S = 1.0
"""Somebody whose face is not found for longer is out of view; the default of the tracker."""

FindVideo = Callable[[VideoRow], Path | None]


def run_videos(
    ledger: Ledger,
    rows: Sequence[VideoRow],
    corrections: Corrections,
    find: FindVideo,
    on_video: Callable[[str, int], None] = lambda *_: None,
    *,
    with_files: bool = False,
) -> Iterator[VideoTracks]:
    """The videos of a run that could be read, with corrections by hand.

    Args:
        ledger: the run.
        rows: of its videos.
        corrections: by hand.
        find: the file of a video; called only `with_files`, or where the run does not state the size of its frames.
        on_video: called with the name of each video and the number of those before it.
        with_files: whether the format says where the videos are.

    Raises:
        OutputError: a damaged table, or a video whose size is not known.
    """
    for count, row in enumerate(rows):
        on_video(row.video, count)
        if row.status != "failed":
            yield _video(ledger, row, corrections, find, find(row) if with_files else None)


def _video(ledger: Ledger, row: VideoRow, corrections: Corrections, find: FindVideo, path: Path | None) -> VideoTracks:
    tracks = read_table(ledger.path("tracks", row.video_id), TRACKS).to_pandas()
    faces = read_table(ledger.path("faces", row.video_id), FACES).to_pandas()
    displayed_px, stored_px = _sizes(ledger, row, find, is_needed=bool(len(tracks)))
    fps = row.fps or (row.frame_count / row.decoded_s if row.decoded_s else DEFAULT_FPS)
    last_frame = int(faces["frame_index"].max()) if len(faces) else -1
    frame_count = max(row.frame_count, last_frame + 1)
    by_track = dict(iter(faces.sort_values("frame_index", kind="stable").groupby("track_id")))
    found = (
        _track(one, by_track[one["track_id"]], fps, frame_count)
        for one in corrections.applied(tracks).to_dict("records")
        if one["track_id"] in by_track
    )
    return VideoTracks(
        video=row.video,
        path=path or Path(row.path),
        displayed_px=displayed_px,
        stored_px=stored_px,
        fps=fps,
        clock_fps=fps,
        frame_count=frame_count,
        duration_s=max(row.decoded_s, frame_count / fps),
        attributes=RUN_ATTRIBUTES,
        tracks=tuple(found),
        facts={},
    )


def _sizes(
    ledger: Ledger, row: VideoRow, find: FindVideo, *, is_needed: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Width and height as displayed, and as stored."""
    if row.displayed_width_px and row.displayed_height_px:
        displayed_px = row.displayed_width_px, row.displayed_height_px
        blank_lines = lines_above(row.codec, (row.width_px, row.height_px))
        return displayed_px, stored_size((row.width_px, row.height_px - blank_lines), displayed_px)
    if not is_needed:
        return (1, 1), (1, 1)
    path = find(row)
    if path is None:
        raise OutputError(
            f"{ledger.out}, of an older version, does not say how large {row.video} is shown, and that is not there",
            fix="say where the videos are: --videos FOLDER; or process them again: "
            + command("facetally", "run", "VIDEOS", "-o", ledger.out, "--force"),
        )
    frames = read_frames(path)
    return frames.displayed_px, frames.stored_px


def _track(one: Mapping[str, object], faces: pd.DataFrame, fps: float, frame_count: int) -> ExportTrack:
    number = int(str(one["track_id"]))
    person = int(str(one["person_in_video"]))
    age_years = float(str(one["age_years"]))
    attributes = {
        "person": f"person {person}" if person >= 0 else f"track {number}",
        **{name: _known(str(one[name])) for name in ("gender", "age_band")},
        **{"face_quality": "", "note": "", "run_track": str(number)},
        "female_prob": f"{float(str(one['female_prob'])):.3g}",
        "age_years": "" if np.isnan(age_years) else f"{age_years:.3g}",
    }
    return ExportTrack(number, attributes, tuple(_spans(faces, fps, frame_count)))


def _known(word: str) -> str:
    return UNSURE if word == "unknown" else word


def _spans(faces: pd.DataFrame, fps: float, frame_count: int) -> Iterator[Span]:
    """The times in view of a track: of faces up to a second apart, each up to the next sampled frame."""
    faces = faces.drop_duplicates("frame_index")
    times_s = faces["time_s"].to_numpy()
    parts = np.split(np.arange(len(faces)), np.flatnonzero(np.diff(times_s) > MAX_GAP_S) + 1)
    frames = faces["frame_index"].to_numpy()
    edges = faces[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
    for number, part in enumerate(parts):
        last = part[-1]
        stays_s = float(faces["duration_s"].iloc[last])
        count = max(round(min(stays_s, MAX_GAP_S) * fps), 1)
        limit = frame_count if number == len(parts) - 1 else int(frames[last + 1]) - 1
        stop = max(min(int(frames[last]) + count, limit), int(frames[last]) + 1)
        boxes = tuple(TrackBox(int(frames[at]), float(times_s[at]), tuple(edges[at].tolist())) for at in part)
        yield Span(boxes[0].frame, stop, float(times_s[last]) + (stop - 1 - int(frames[last])) / fps, boxes)
