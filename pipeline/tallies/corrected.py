"""Shares of women corrected for the classifier's errors, of each group and of the whole, by the method to quote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from facetally.formatting import percent
from facetally.quantification.correction import Correction
from facetally.quantification.run_shares import METHODS, QUOTED, UNITS, corrections
from facetally.tallies.open_runs import OpenRun
from facetally.truth.labels import folder_sources


@dataclass(frozen=True)
class Quote:
    """The corrected share to quote."""

    method: str
    """One of `QUOTED`."""
    correction: Correction

    @property
    def text(self) -> str:
        """The share, and its interval where there is one."""
        interval = self.correction.interval
        share = percent(self.correction.share)
        return f"{share} ({percent(interval.low)} – {percent(interval.high)})" if interval else share

    @property
    def sentence(self) -> str:
        """The share with its interval and method."""
        interval, method = self.correction.interval, METHODS[self.method]
        limits = f"95 % interval {percent(interval.low)} – {percent(interval.high)}; " if interval else ""
        return f"{percent(self.correction.share)} women ({limits}{method})"


Quotes = dict[str, Quote]
"""By unit, without those for which the labels or the run allow no correction."""


def quotes(corrected: Mapping[str, Mapping[str, Correction]]) -> Quotes:
    """The first method of `QUOTED` that is not refused, for each unit.

    Args:
        corrected: as from `run_shares.run_corrections`.
    """
    found = {}
    for unit, by_method in corrected.items():
        allowed = (name for name in QUOTED if name in by_method and not by_method[name].refusal)
        if method := next(allowed, None):
            found[unit] = Quote(method, by_method[method])
    return found


def has_whole_videos(cells: pd.DataFrame) -> bool:
    """Whether each video lies in one group.

    Args:
        cells: with the columns video and group.
    """
    return bool((cells.groupby("video", observed=True)["group"].nunique() <= 1).all())


def group_quotes(
    runs: Sequence[OpenRun],
    cells: pd.DataFrame,
    labelled: pd.DataFrame,
    known: Sequence[Mapping[str, str]] | None = None,
) -> dict[str, Quotes]:
    """The corrected shares to quote of each group of whole videos, by its label.

    Args:
        runs: that are summed up.
        cells: of these, with the columns video and group.
        labelled: as from `run_shares.read_calibration`.
        known: the sources of videos of each run, where the labels state them.

    Raises:
        OutputError: a damaged file.
    """
    group_of = cells.drop_duplicates("video").set_index("video")["group"].astype(str)
    parts = [_grouped_tracks(run, group_of, own) for run, own in zip(runs, known or [{}] * len(runs), strict=True)]
    return {
        str(label): quotes({unit: corrections(labelled, tracks, unit) for unit in UNITS})
        for label, tracks in pd.concat(parts, ignore_index=True).groupby("group")
    }


def _grouped_tracks(run: OpenRun, group_of: pd.Series, known: Mapping[str, str]) -> pd.DataFrame:
    """The tracks of a run with their group, and with the sources that these videos have as a run of their own."""
    rows = [row for row in run.rows if row.video in group_of.index]
    videos: dict[str, list[str]] = {}
    for row in rows:
        videos.setdefault(group_of[row.video], []).append(row.video)
    source_of = {video: source for names in videos.values() for video, source in folder_sources(names).items()}
    source_of |= {video: source for video, source in known.items() if video in source_of}
    video_of = {row.video_id: row.video for row in rows}
    parts = []
    for tracks in run.tables.tracks(rows):
        names = tracks["video_id"].map(video_of)
        kept = tracks[["female_prob", "screen_time_s"]]
        parts.append(kept.assign(group=names.map(group_of), source=names.map(source_of)))
    columns = ["female_prob", "screen_time_s", "group", "source"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame([], columns=columns)


def method_names(found: Sequence[Quotes]) -> str:
    """The methods of quotes in words: "EM", "EM and adjusted count"."""
    return " and ".join(dict.fromkeys(METHODS[quote.method] for one in found for quote in one.values()))
