"""The groups by which a tally is divided: videos, times, folders, dates, hours, weekdays, columns of a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from facetally.errors import OptionError
from facetally.formatting import clock, counted, listed
from facetally.tallies.air_time import AirTime, ClockPattern
from facetally.tallies.grouping_names import BY_CLOCK, FIXED, PLAIN
from facetally.tallies.videos_table import AIRTIME, MAX_NAMED, VideosTable, read_videos_table

HOUR_S, DAY_S = 3600.0, 86400.0
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday."""
CLOCK_FIX = (
    "say when the videos were on air: --clock '%Y-%m-%d %H%M' for times in their names, or a column airtime in "
    "--videos-table"
)


@dataclass(frozen=True)
class GroupOptions:
    """By what a tally is grouped.

    Args:
        by: one of `FIXED`, or a column of the table of videos.
        videos_table: a CSV file with a column video.
        clock: a pattern of strptime for the times in the names of videos.
    """

    by: str = "all"
    videos_table: Path | None = None
    clock: str | None = None

    @property
    def key(self) -> str:
        """`by` in the form in which columns are compared."""
        return self.by.strip().lower()


@dataclass(frozen=True)
class Video:
    """A video that counts."""

    name: str
    """As it is shown; unique."""
    own_name: str
    """In its run."""
    video_id: str


@dataclass(frozen=True)
class Groups:
    """How the videos of one tally are grouped."""

    options: GroupOptions
    videos: tuple[Video, ...]
    table: VideosTable | None = None
    air_times: Mapping[str, AirTime] = field(default_factory=dict)
    """By the name of the video."""
    notes: tuple[str, ...] = ()
    """Sentences about videos that are in no group."""

    @property
    def by(self) -> str:
        return self.options.key

    @property
    def is_by_clock(self) -> bool:
        """Whether times are those of the clock, and not since a video began."""
        return bool(self.air_times) and self.by in ("time", *BY_CLOCK) and not self.is_column

    @property
    def is_by_video(self) -> bool:
        """Whether each video is in one group."""
        return self.by in ("folder", "video") or self.is_column

    @property
    def has_differences(self) -> bool:
        """Whether groups are compared."""
        return self.by not in PLAIN

    @property
    def is_column(self) -> bool:
        """Whether the groups are the values of a column of the table of videos."""
        return self.table is not None and self.by in self.table.columns and self.by not in (*PLAIN, "folder")

    def bin_s(self, wanted_s: float) -> float:
        """The length of time bins by which the tally is made."""
        if not self.is_by_clock:
            return wanted_s
        if self.by != "time":
            return HOUR_S
        if DAY_S % wanted_s:
            raise OptionError(
                f"by the clock, a day must have a whole number of bins, and {wanted_s:g} s are not a part of it",
                fix="give another --bin: 5m, 15m, 1h",
            )
        return wanted_s

    def starts_s(self) -> dict[str, float]:
        """When each video begins by the clock, by its name; empty if times count from there."""
        return {name: time.start_s for name, time in self.air_times.items()} if self.is_by_clock else {}

    def keyed(self, tallies: pd.DataFrame) -> pd.DataFrame:
        """The cells with a column `group`, sorted by it: the text of their group, a category in the groups' order."""
        if self.by == "all":
            return tallies.assign(group=pd.Categorical(["all"] * len(tallies), categories=["all"]))
        keys, label_of = self._keys(tallies)
        missing = keys.isna()
        order = sorted(keys[~missing].unique(), key=_natural)
        labels = dict.fromkeys(label_of(key) for key in order)
        rest = self.rest
        group = keys[~missing].map(label_of).reindex(keys.index).fillna(rest)
        categories = [label for label in labels if label != rest] + ([rest] if (group == rest).any() else [])
        return tallies.assign(group=pd.Categorical(group, categories=categories))

    @property
    def rest(self) -> str:
        """The group of what is in no group."""
        return "(no time known)" if self.is_by_clock else f"(no {self.by})"

    def _keys(self, tallies: pd.DataFrame) -> tuple[pd.Series, Callable[[Any], str]]:
        """The group of each cell, missing where it has none, and how a group is written."""
        videos = tallies["video"]
        if self.by == "video":
            return videos, str
        if self.is_column and self.table is not None:
            values = {name: row.get(self.by) or None for name, row in self.table.values.items()}
            return videos.map(values), str
        if self.by == "folder":
            folders = {video.name: _folder(video.own_name) for video in self.videos}
            return videos.map(folders), str
        if self.by == "time" and not self.is_by_clock:
            return tallies["bin_start_s"], lambda start: f"from {clock(float(start))}"
        start_s = (tallies["bin_start_s"] + videos.map(self.starts_s()).astype(np.float64)).round(3)
        if self.by == "date":
            return (start_s // DAY_S), lambda day: str(np.datetime64(int(day), "D"))
        if self.by == "weekday":
            return (start_s // DAY_S + EPOCH_WEEKDAY) % 7, lambda day: WEEKDAYS[int(day)]
        if self.by == "hour":
            return start_s % DAY_S // HOUR_S, lambda hour: f"{int(hour):02}:00"
        return start_s % DAY_S, _time_of_day


def groups_of(options: GroupOptions, videos: Sequence[Video]) -> Groups:
    """Reads the table of videos and the times in names.

    Raises:
        OptionError: an unknown grouping, a wrong table or pattern, or a grouping by the clock without a time.
    """
    pattern = ClockPattern(options.clock) if options.clock else None
    names = [video.name for video in videos]
    table = read_videos_table(options.videos_table, names) if options.videos_table else None
    _check(options, table)
    air_times = dict(table.air_times) if table else {}
    if pattern:
        found = {video.name: time for video in videos if (time := pattern.find(video.own_name))}
        if not found:
            raise OptionError(
                f"--clock {options.clock} fits the name of no video, such as {names[0]}",
                fix="write the pattern as the times stand in the names: '%Y-%m-%d %H%M' fits 2026-03-01 1950",
            )
        air_times = found | air_times
    groups = Groups(options, tuple(videos), table, air_times)
    if groups.is_by_clock or (options.key in BY_CLOCK and not groups.is_column):
        _check_clock(options, air_times)
    notes = list(table.notes) if table else []
    without = [name for name in names if name not in air_times]
    if groups.is_by_clock and without:
        notes.append(f"no time on air is known of {counted(len(without), 'video')}: {listed(without, MAX_NAMED)}")
    return Groups(options, tuple(videos), table, air_times, tuple(notes))


def _check(options: GroupOptions, table: VideosTable | None) -> None:
    if options.key in FIXED or (table and options.key in table.columns):
        return
    if table:
        columns = ", ".join(table.columns) or "no other column"
        raise OptionError(
            f"--by {options.by}: {table.path} has no such column; it has {columns}",
            fix=f"name one of them, or one of {', '.join(FIXED)}",
        )
    raise OptionError(
        f"--by {options.by} is not known",
        fix=f"name one of {', '.join(FIXED)}, or a column of a table of videos that you give with --videos-table",
    )


def _check_clock(options: GroupOptions, air_times: Mapping[str, AirTime]) -> None:
    if not air_times:
        raise OptionError(f"--by {options.by} needs the time at which the videos were on air", fix=CLOCK_FIX)
    dates_only = [name for name, time in air_times.items() if not time.has_time]
    if options.key in ("hour", "time") and dates_only:
        raise OptionError(
            f"--by {options.key} needs a time of day, and only the date is known of {listed(dates_only, 1)}",
            fix=f"add the time to {AIRTIME} (2026-03-01 19:50) or to --clock ('%Y-%m-%d %H%M')",
        )


def _folder(name: str) -> str:
    folder = PurePosixPath(name).parent.as_posix()
    return "(top folder)" if folder == "." else folder


def _time_of_day(second: float) -> str:
    minutes, seconds = divmod(round(float(second)), 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text


def _natural(key: Any) -> tuple[Any, ...]:
    """Numbers by their size, also within texts: 2 before 10."""
    if not isinstance(key, str):
        return (key,)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in re.split(r"(\d+)", key))
