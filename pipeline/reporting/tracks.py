"""What a page shows of single appearances: timelines, face sizes and qualities, read in one pass over all tracks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.charts.face_sizes import SizeBin
from facetally.charts.timeline import TrackBar
from facetally.reporting.answer import labels_needed
from facetally.results.ledger import VideoRow
from facetally.tallies.forecast import AccuracyByHeight, accuracies_of
from facetally.tallies.small_cells import hidden_in_sum
from facetally.tallies.summary import Summary
from facetally.validation.validate import ValidateOptions

MAX_TIMELINES = 30
"""Videos with a timeline: those with the most screen time."""
MAX_BARS = 20_000
"""Tracks in all timelines together, about 20 bytes of the page each."""
SIZES_PX = (0, 16, 24, 40, 80, 160)
"""Where the bins of face heights begin."""
QUALITY_BINS = 10
Floats = npt.NDArray[np.float64]
LABEL_COLUMNS = ("video_id", "track_id", "first_s", "last_s", "gender", "female_prob", "face_height_px")


@dataclass(frozen=True)
class VideoTimeline:
    """The appearances of a video."""

    row: VideoRow
    bars: tuple[TrackBar, ...]
    cuts_s: tuple[float, ...] = ()
    """Times of the shot cuts."""


@dataclass(frozen=True)
class QualityBin:
    """Appearances of which the best face crop has about this quality, 0 to 1."""

    low: float
    high: float
    appearances: int | None
    """None where hidden."""


@dataclass(frozen=True)
class TrackPictures:
    """What a page shows of single appearances; everything is empty without any."""

    timelines: tuple[VideoTimeline, ...] = ()
    without_timeline: int = 0
    """Videos with appearances that have none, since others have more screen time."""
    sizes: tuple[SizeBin, ...] = ()
    size_source: str = ""
    """Of the accuracies of `sizes`."""
    qualities: tuple[QualityBin, ...] = ()
    labels_needed: int | None = None
    """Appearances to label for a verdict; None where that is not known."""


NO_TRACKS = TrackPictures()


def track_pictures(summary: Summary) -> TrackPictures:
    """Reads the tracks of all runs once.

    With hidden cells there are no timelines, which show every appearance. Face sizes and qualities are then hidden like
    cells of a table, and left out where the sum of all appearances is hidden.

    Raises:
        OutputError: a damaged file.
    """
    min_cell = summary.options.min_cell
    chosen = {} if min_cell else _most_seen(summary)
    heights, qualities = np.zeros(len(SIZES_PX)), np.zeros(QUALITY_BINS)
    bars: dict[tuple[int, str], list[TrackBar]] = {}
    kept: list[pd.DataFrame] = []
    cuts_s: dict[str, tuple[float, ...]] = {}
    for number, run in enumerate(summary.runs):
        for row in run.rows:
            if row.video in chosen:  # the rows of a summary have only some of the columns
                cuts_s[row.video] = run.ledger.read_row(row.video_id).cuts_s
        names = {row.video_id: row.video for row in run.rows}
        for tracks in run.tables.tracks(run.rows, summary.options.min_confidence):
            tracks = tracks.assign(video=tracks["video_id"].map(names))
            heights += np.histogram(tracks["face_height_px"], [*SIZES_PX, math.inf])[0]
            qualities += np.histogram(tracks["quality"], np.linspace(0, 1, QUALITY_BINS + 1))[0]
            for video, own in tracks[tracks["video"].isin(chosen)].groupby("video", sort=False):
                bars[number, str(video)] = _bars(own)
            kept.append(tracks[["video", *LABEL_COLUMNS]])
    by_video = {video: own for (_, video), own in bars.items()}
    accuracies = accuracies_of(summary.runs[-1].ledger.provenance().get("models", {}))
    is_hidden = bool(summary.total.hidden)
    timelines = _within_budget(
        VideoTimeline(row, tuple(by_video.get(name, ())), cuts_s.get(name, ())) for name, row in chosen.items()
    )
    return TrackPictures(
        timelines=timelines,
        without_timeline=0 if min_cell else _seen_count(summary) - len(timelines),
        sizes=() if is_hidden or not heights.any() else _sizes(heights, min_cell, accuracies),
        size_source=accuracies.source,
        qualities=() if is_hidden or not qualities.any() else _qualities(qualities, min_cell),
        labels_needed=None if is_hidden or len(summary.runs) > 1 else _needed(kept),
    )


def _needed(parts: Sequence[pd.DataFrame]) -> int | None:
    return labels_needed(pd.concat(parts, ignore_index=True), ValidateOptions.target) if parts else None


def _most_seen(summary: Summary) -> dict[str, VideoRow]:
    """The rows of the videos with the most screen time, by name, in that order."""
    rows = {row.video: row for row in summary.rows if row.status != "failed"}
    seconds = summary.cells.groupby("video")["screen_time_s"].sum()
    seconds = seconds[seconds > 0].sort_index().sort_values(ascending=False, kind="stable")
    return {name: rows[name] for name in seconds.index[:MAX_TIMELINES] if name in rows}


def _seen_count(summary: Summary) -> int:
    return int((summary.cells.groupby("video")["appearances"].sum() > 0).sum())


def _bars(tracks: pd.DataFrame) -> list[TrackBar]:
    columns = (tracks[name].tolist() for name in ("first_s", "last_s", "gender", "track_id"))
    return [TrackBar(*values) for values in zip(*columns, strict=True)]


def _within_budget(timelines: Iterable[VideoTimeline]) -> tuple[VideoTimeline, ...]:
    """The first timelines, as long as they have not too many bars together; the first in any case."""
    kept: list[VideoTimeline] = []
    count = 0
    for one in timelines:
        count += len(one.bars)
        if kept and count > MAX_BARS:
            break
        kept.append(one)
    return tuple(kept)


def _shown(counts: Iterable[float], min_cell: int) -> list[int | None]:
    """The counts, without those that are too small and those from which these could be computed."""
    amounts = np.array([[count] for count in counts], np.float64)
    if not min_cell:
        return [int(count) for count in amounts[:, 0]]
    hidden, is_total_hidden = hidden_in_sum(amounts, min_cell, np.zeros(len(amounts), bool))
    if is_total_hidden:  # the sum is published elsewhere
        return [None for _ in amounts]
    return [None if is_hidden else int(count) for count, is_hidden in zip(amounts[:, 0], hidden, strict=True)]


def _sizes(heights: Floats, min_cell: int, accuracies: AccuracyByHeight) -> tuple[SizeBin, ...]:
    """The bins of face heights with the accuracy to expect in the middle of each."""
    edges = [*SIZES_PX, math.inf]
    middles = [
        (low + min(high, 1.25 * low)) / 2 if math.isinf(high) else (low + high) / 2 for low, high in pairwise(edges)
    ]
    expected = np.interp(middles, accuracies.heights_px, accuracies.accuracy)
    shown = _shown(heights, min_cell)
    return tuple(
        SizeBin(low, high if math.isinf(high) else high - 1, count, float(accuracy))
        for (low, high), count, accuracy in zip(pairwise(edges), shown, expected, strict=True)
    )


def _qualities(counts: Floats, min_cell: int) -> tuple[QualityBin, ...]:
    edges = pairwise(np.linspace(0, 1, QUALITY_BINS + 1).round(2).tolist())
    return tuple(
        QualityBin(low, high, count) for (low, high), count in zip(edges, _shown(counts, min_cell), strict=True)
    )
