"""Moments of a run: frames drawn at random from the time of all videos, and the faces that the run found in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from facetally.labelling.labels import MomentKey
from facetally.quantification.intervals import Floats
from facetally.quantification.sampling import draw_times
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, read_table

SAME_TIME_S = 1e-6


@dataclass(frozen=True)
class DrawnFrame:
    """A frame of a run."""

    row: VideoRow
    """Of its video."""
    time_s: float
    """Seconds from the first frame."""
    inclusion_prob: float
    """In (0, 1]."""


def draw_frames(ledger: Ledger, rows: Sequence[VideoRow], count: int, random: np.random.Generator) -> list[DrawnFrame]:
    """One moment in each of `count` equal segments of the decoded time of all videos, in random order.

    A sampled frame stands for the time until the next one; a moment is moved to the frame that stands for it. The run
    stores sampled frames only where they have faces: elsewhere it found none, and a moment stays where it was drawn.
    Two moments that fall on one frame are one.

    Args:
        ledger: the run.
        rows: its videos; those that failed are left out.
        count: at most the number of sampled frames.
        random: the generator.

    Raises:
        OutputError: a damaged file.
    """
    rows = _with_frames(rows)
    ends = np.cumsum([row.decoded_s for row in rows])
    count = min(count, sum(row.sampled_count for row in rows))
    if not count:
        return []
    segment_s = float(ends[-1]) / count
    at = draw_times(float(ends[-1]), count, random)
    videos = np.minimum(np.searchsorted(ends, at, side="right"), len(rows) - 1)
    with_faces = {index: _frame_spans(ledger, rows[index]) for index in set(videos.tolist())}
    drawn: dict[MomentKey, DrawnFrame] = {}
    for index, time_s in zip(videos.tolist(), at.tolist(), strict=True):
        row = rows[index]
        frame_s = row.decoded_s / row.sampled_count
        own_s = max(time_s - float(ends[index] - row.decoded_s), 0.0)
        frame = DrawnFrame(row, _frame_at(own_s, with_faces[index]), min(frame_s / segment_s, 1.0))
        drawn.setdefault((row.video_id, frame.time_s), frame)
    return list(drawn.values())


def decoded_time_s(rows: Iterable[VideoRow]) -> float:
    """The time of these videos that moments are drawn from."""
    return float(sum(row.decoded_s for row in _with_frames(rows)))


def _with_frames(rows: Iterable[VideoRow]) -> list[VideoRow]:
    return [row for row in rows if row.status != "failed" and row.sampled_count and row.decoded_s > 0]


def found_tracks(ledger: Ledger, moments: Iterable[MomentKey]) -> dict[MomentKey, list[int]]:
    """The track ids of the appearances that the run found at each moment.

    Raises:
        OutputError: a damaged file.
    """
    found: dict[MomentKey, list[int]] = {}
    by_video: dict[str, list[float]] = {}
    for video_id, time_s in moments:
        by_video.setdefault(video_id, []).append(time_s)
    for video_id, times_s in by_video.items():
        faces = read_table(ledger.path("faces", video_id), FACES).to_pandas()
        faces = faces[faces["track_id"] >= 0]
        for time_s in times_s:
            is_there = (faces["time_s"] - time_s).abs() <= SAME_TIME_S
            found[video_id, time_s] = faces.loc[is_there, "track_id"].astype(int).tolist()
    return found


def _frame_spans(ledger: Ledger, row: VideoRow) -> Floats:
    """(F, 2) start and end of the time that each sampled frame with faces stands for, ascending, in seconds."""
    faces = read_table(ledger.path("faces", row.video_id), FACES)
    start_s, first_rows = np.unique(faces["time_s"].to_numpy(), return_index=True)
    return np.column_stack([start_s, start_s + faces["duration_s"].to_numpy()[first_rows]])


def _frame_at(time_s: float, spans: Floats) -> float:
    """The time of the frame that stands for a moment. Sampling intervals differ, at 25 frames a second by half."""
    index = int(np.searchsorted(spans[:, 0], time_s, side="right")) - 1
    return float(spans[index, 0]) if index >= 0 and time_s < spans[index, 1] else round(time_s, 3)
