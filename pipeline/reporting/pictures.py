"""The charts of a page, made from lines of tables, of which hidden figures stay hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import markupsafe
import numpy as np
import pandas as pd

from facetally.charts.ages import AgeBand, age_pyramid
from facetally.charts.face_sizes import SizeBin, face_sizes
from facetally.charts.over_time import TimePoint, share_over_time
from facetally.charts.shares import ShareRow, shares_with_intervals
from facetally.charts.timeline import timeline
from facetally.quantification.correction import Correction
from facetally.quantification.differences import VideoCounts
from facetally.quantification.intervals import Interval
from facetally.reporting.tracks import VideoTimeline
from facetally.tallies.corrected import Quotes
from facetally.tallies.shares import NAMES, Shares

UNITS = {"appearances": "appearances", "screen_time_s": "screen time", "people": "people"}
"""Names of the units of `tallies.shares`, for texts."""
CAPTIONS = {"appearances": "By appearance", "screen_time_s": "By screen time", "people": "By person"}
AS_COUNTED, CORRECTED = "as counted", "corrected"
MAX_CHARTED = 30
"""Groups in a chart; more have only their table."""
Intervals = Mapping[str, Interval | None]
"""Of shares of women, by the label of the line."""


@dataclass(frozen=True)
class Picture:
    """A chart with its caption."""

    caption: str
    svg: markupsafe.Markup


def unit_names(total: Shares) -> dict[str, str]:
    """The units that were counted."""
    return {unit: name for unit, name in UNITS.items() if unit != "people" or total.people.total > 0}


def total_pictures(total: Shares, intervals: Mapping[str, Interval | None], quotes: Quotes) -> list[Picture]:
    """The share of women by each unit: as counted and corrected.

    Args:
        total: over all videos.
        intervals: of the counted shares, by unit.
        quotes: the corrected shares, by unit.
    """
    pictures = []
    for unit, name in unit_names(total).items():
        bounds = total.bounds(unit) or (None, None)
        share = total.figures(unit)[NAMES[unit][-1]]
        own = None if share is None else intervals.get(unit)
        rows = [ShareRow(AS_COUNTED, share, *_ends(own), *bounds)]
        if unit in quotes:
            rows.append(_corrected_row(quotes[unit].correction))
        pictures.append(_picture(CAPTIONS[unit], shares_with_intervals(rows, f"Share of women by {name}")))
    return pictures


def group_pictures(
    lines: Sequence[Shares], by_unit: Mapping[str, Intervals], title: str, is_time: bool
) -> list[Picture]:
    """The share of women in each group: side by side, or in the order of time where groups are times of the clock."""
    if not 1 <= len(lines) <= MAX_CHARTED:
        return []
    if is_time:
        return over_time_pictures(lines, f"by {title}")
    pictures = []
    for unit in ("appearances", "screen_time_s"):
        rows = []
        for line in lines:
            share = line.figures(unit)[NAMES[unit][-1]]
            own = None if share is None else by_unit[unit].get(line.label)
            rows.append(ShareRow(line.label, share, *_ends(own)))
        name = UNITS[unit]
        pictures.append(_picture(CAPTIONS[unit], shares_with_intervals(rows, f"Share of women by {title}, by {name}")))
    return pictures


def age_pictures(ages: Sequence[Shares]) -> list[Picture]:
    """Pyramids of women and men."""
    pictures = []
    for unit in ("appearances", "screen_time_s"):
        bands = [AgeBand(line.label, *_genders(line, unit)) for line in ages]
        name = UNITS[unit]
        pictures.append(_picture(name.capitalize(), age_pyramid(bands, f"Perceived age, {name}", name)))
    return pictures


def over_time_pictures(times: Sequence[Shares], title: str) -> list[Picture]:
    """Shares of women, with the amounts that they are of."""
    pictures = []
    for unit in ("appearances", "screen_time_s"):
        points = [TimePoint(line.label, *_genders(line, unit)) for line in times]
        name = UNITS[unit]
        svg = share_over_time(points, f"Share of women {title}, by {name}", name)
        pictures.append(_picture(CAPTIONS[unit], svg))
    return pictures


def timeline_picture(one: VideoTimeline) -> Picture:
    """Who is on screen when in a video, and where its shot cuts are."""
    svg = timeline(one.bars, one.row.decoded_s, one.cuts_s, f"Appearances in {one.row.video}")
    return _picture(one.row.video, svg)


def size_picture(bins: Sequence[SizeBin]) -> Picture:
    """How large faces are."""
    return _picture("Face height in pixels", face_sizes(bins, "Appearances by face height"))


def line_intervals(cells: pd.DataFrame, unit: str, column: str = "") -> dict[str, Interval | None]:
    """The 95 % intervals of the shares of women by the values of a column, from a jackknife over videos.

    Args:
        cells: with the columns of `tables.TALLIES`, and this one.
        unit: one of `UNITS`.
        column: its name; empty: all cells together, under the key "all".
    """
    known = cells[cells["gender"] != "unknown"]
    keys = known[column].astype(str) if column else pd.Series("all", known.index)
    return {str(key): _interval(own, unit) for key, own in known.groupby(keys, sort=False)}


def _interval(known: pd.DataFrame, unit: str) -> Interval | None:
    video, videos = pd.factorize(known["video"])
    amounts = known[unit].to_numpy(np.float64)
    is_female = (known["gender"] == "female").to_numpy()
    women = np.bincount(video[is_female], amounts[is_female], len(videos)).astype(np.float64)
    every = np.bincount(video, amounts, len(videos)).astype(np.float64)
    cases = float(known["people" if unit == "people" else "appearances"].sum())
    return VideoCounts(women, every, cases).interval()


def _corrected_row(correction: Correction) -> ShareRow:
    return ShareRow(CORRECTED, correction.share, *_ends(correction.interval))


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (interval.low, interval.high) if interval else (None, None)


def _genders(line: Shares, unit: str) -> list[float | None]:
    """Women, men and unknown; None where hidden."""
    figures = line.figures(unit)
    return [figures[name] for name in NAMES[unit][1:4]]


def _picture(caption: str, svg: str) -> Picture:
    return Picture(caption, markupsafe.Markup(svg))
