"""Reads a table of videos: a CSV file with a column video and any further ones, by which tallies are grouped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from facetally.csv_rows import CsvRow, read_rows
from facetally.errors import OptionError, PipelineError
from facetally.formatting import counted, listed, one_line
from facetally.problems import Problems
from facetally.tallies.air_time import AirTime, parse_air_time
from facetally.truth.video_names import matched_names

VIDEO, AIRTIME = "video", "airtime"
MAX_NAMED = 5
"""Names that a note lists; more are counted."""
MAX_SEARCHED = 200
"""Lines of which names are compared one by one, to say which of them are wrong."""


@dataclass(frozen=True)
class VideosTable:
    """The values of the videos of a run."""

    path: Path
    columns: tuple[str, ...]
    """In lower case, without video."""
    values: Mapping[str, Mapping[str, str]]
    """By the name of a video of the run and by column."""
    air_times: Mapping[str, AirTime]
    """Of the videos that have one."""
    notes: tuple[str, ...]
    """Sentences that name lines without a video, and videos without a line."""


def read_videos_table(path: Path, videos: Sequence[str]) -> VideosTable:
    """Reads a table of videos.

    Args:
        path: CSV; names in the column video fit as in a truth folder. The column airtime, if there is one, has dates
            and times in ISO form.
        videos: the names of the videos of the run.

    Raises:
        OptionError: no such file or no column video; all wrong lines at once; or no line fits a video.
    """
    rows = read_rows(path, [VIDEO], OptionError)
    problems = Problems(str(path))
    air_times = {row.line: problems.attempt(partial(_air_time, row), None) for row in rows}
    lines: dict[str, CsvRow] = {}
    for row in rows:
        with problems.collected():
            name = row.text(VIDEO)
            if name in lines:
                raise row.wrong(VIDEO, f"stands in line {lines[name].line} too", fix="delete one of the two lines")
            lines[name] = row
    matched = _matched(lines, videos, problems)
    problems.raise_any()
    if not matched:
        shown = "other names" if path.is_symlink() else listed(lines, MAX_NAMED) or "nothing"
        raise OptionError(
            f"{path}: no line is of a video of the run; the table has {shown}, "
            f"the run has {listed(videos, MAX_NAMED) or 'nothing'}",
            fix="write the names of the video files in the column video",
        )
    columns = tuple(name for name in (rows[0].values if rows else {}) if name and name != VIDEO)
    of_video = {run_name: lines[name] for name, run_name in matched.items()}
    return VideosTable(
        path,
        columns,
        {video: {name: one_line(value) for name, value in row.values.items()} for video, row in of_video.items()},
        {video: time for video, row in of_video.items() if (time := air_times[row.line])},
        tuple(_notes(path, lines, matched, videos)),
    )


def _air_time(row: CsvRow) -> AirTime | None:
    text = row.values.get(AIRTIME, "")
    if not text:
        return None
    found = parse_air_time(text)
    if found is None:
        raise row.wrong(AIRTIME, "is not a date and time", fix="write it like 2026-03-01 19:50, or leave it empty")
    return found


def _matched(lines: Mapping[str, CsvRow], videos: Sequence[str], problems: Problems) -> dict[str, str]:
    """The names of the table that fit a video, with its name in the run; adds a problem for each that fits several."""
    if not lines:
        return {}
    try:
        return matched_names(lines, videos)
    except PipelineError:
        pass
    matched: dict[str, str] = {}
    used: dict[str, CsvRow] = {}
    for name in list(lines)[:MAX_SEARCHED]:
        row = lines[name]
        fitting = [video for video in videos if _fits(name, video)]
        if len(fitting) > 1 and name not in fitting:
            problems.add(row.wrong(VIDEO, f"may be {fitting[0]} or {fitting[1]}", fix="write more of its path"))
        elif fitting and (first := used.setdefault(fitting[0], row)) is not row:
            problems.add(
                row.wrong(VIDEO, f"is {fitting[0]}, and so is line {first.line}", fix="delete one of the two lines")
            )
    return matched


def _fits(name: str, video: str) -> bool:
    try:
        return bool(matched_names([name], [video]))
    except PipelineError:
        return False


def _notes(path: Path, lines: Mapping[str, CsvRow], matched: Mapping[str, str], videos: Sequence[str]) -> Iterable[str]:
    without_video = [f"line {row.line} ({name})" for name, row in lines.items() if name not in matched]
    if without_video:
        yield f"{path}: no video of the run fits {listed(without_video, MAX_NAMED)}"
    with_line = set(matched.values())
    without_line = [video for video in videos if video not in with_line]
    if without_line:
        count = counted(len(without_line), "video")
        yield f"{path} has no line for {count}: {listed(without_line, MAX_NAMED)}"
