"""Sums runs up, and writes their report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from facetally.errors import OptionError
from facetally.jobs.arguments import Inputs, PathLike, optional_path, texts
from facetally.quantification.correction import Correction
from facetally.results.many_files import Advanced, no_progress
from facetally.tallies.aggregator import DEFAULT_BIN, write_tallies
from facetally.tallies.comparison import GroupDifference
from facetally.tallies.groups import GroupOptions
from facetally.tallies.report import write_report
from facetally.tallies.summary import Summary, SummaryOptions, summed_up
from facetally.tallies.written import lines_table


@dataclass(frozen=True)
class Tally:
    """Sums over one or several runs."""

    table: pd.DataFrame
    """A row for each video, time bin, gender and age band, with the columns of tallies/; without hidden cells."""
    lines: pd.DataFrame
    """A row for each group, and the last for all: sums, and the shares of women, with a validation report also the
    corrected share to quote, its interval and method; NaN where a figure is hidden."""
    differences: list[GroupDifference]
    """Between two groups, or between each of more groups and the rest, with 95 % intervals."""
    path: Path | None
    """Where the table was written; None if it was not."""
    hidden: str
    """A sentence about small cells that are hidden; empty if none are."""
    corrections: dict[str, dict[str, Correction]]
    """Shares of women by unit and method, corrected for the classifier's errors; empty without a validation report."""
    by_hand: str
    """A sentence about the appearances that were corrected by hand; empty if none were."""
    notes: list[str]
    """What else a reader must know, such as videos in no group."""
    forecast: str
    """A sentence about the accuracy to expect for faces of these sizes; empty without faces."""
    option_sets: int
    """Number of different sets of options and weights in the runs; if more than one, the sums mix their results."""


def tally_run(
    out: Inputs,
    *,
    bin: str = DEFAULT_BIN,
    by: str = "all",
    videos_table: PathLike | None = None,
    clock: str | None = None,
    min_confidence: float | None = None,
    min_cell: int = 0,
    calibration: PathLike | None = None,
    write: bool = False,
) -> Tally:
    """Sums runs up by video, time bin, perceived gender and age.

    Args:
        out: a run's output folder, or several.
        bin: length of a time bin: "90s", "15m", "1h".
        by: groups: "all", "video", "time", "folder", "date", "hour", "weekday", or a column of `videos_table`.
        videos_table: a CSV file with a column video and any others; airtime is when a video was on air.
        clock: a pattern of strptime for the times in the names of videos: "%Y-%m-%d %H%M".
        min_confidence: the probability below which a gender is unknown; by default the run's own.
        min_cell: appearances below which a cell is hidden, with others, so that it cannot be computed from these.
        calibration: a report of `validate_run`, or its folder: adds shares corrected for the classifier's errors.
        write: also replaces OUT/tallies/, which a run writes at its end.

    Raises:
        PipelineError: no results, a damaged file, a wrong option or table of videos, or a report of other weights.
    """
    options = summary_options(
        bin=bin,
        by=by,
        videos_table=videos_table,
        clock=clock,
        min_confidence=min_confidence,
        min_cell=min_cell,
        calibration=calibration,
    )
    summary = summed_up_runs(out, options)
    path = write_summary(summary) if write else None
    return Tally(
        summary.table,
        lines_table(summary),
        summary.differences,
        path,
        summary.published.hidden_sentence,
        summary.corrections,
        summary.disclosure,
        summary.notes,
        summary.forecast.sentence,
        summary.option_sets,
    )


def report_run(
    out: Inputs,
    path: PathLike | None = None,
    *,
    bin: str | None = None,
    by: str = "all",
    videos_table: PathLike | None = None,
    clock: str | None = None,
    min_confidence: float | None = None,
    min_cell: int = 0,
    calibration: PathLike | None = None,
    command: str = "",
    advanced: Advanced = no_progress,
) -> Path:
    """Writes the report of runs, one self-contained HTML page, and returns its path: OUT/report.html, or `path`.

    The other arguments and the errors are those of `tally_run`; several runs need a path, and bins are by default as
    long as suits the videos. `command` is shown on the
    page, and `advanced` is called with a number of files that were read.
    """
    outs, page = texts(out), optional_path(path)
    if len(outs) > 1 and page is None:
        raise OptionError("a report of several folders needs a place of its own", fix="name it: -o report.html")
    options = summary_options(
        bin=bin,
        by=by,
        videos_table=videos_table,
        clock=clock,
        min_confidence=min_confidence,
        min_cell=min_cell,
        calibration=calibration,
    )
    summary = summed_up_runs(outs, options, advanced)
    return write_report(summary, page or Path(outs[0]) / "report.html", command)


def summed_up_runs(out: Inputs, options: SummaryOptions, advanced: Advanced = no_progress) -> Summary:
    """As `summed_up`, for one output folder or several."""
    return summed_up([Path(one) for one in texts(out)], options, advanced)


def write_summary(summary: Summary) -> Path:
    """Replaces OUT/tallies/ of one run, and returns the path of its file.

    Raises:
        OptionError: the cells are of several runs, by a clock, or incomplete.
        OutputError: it cannot be written.
    """
    if len(summary.runs) > 1 or summary.groups.is_by_clock or summary.options.min_cell:
        raise OptionError(
            "OUT/tallies/ holds all cells of one run, by time since each video began",
            fix="give --write with one folder, and without --min-cell and groupings by the clock",
        )
    columns = [name for name in summary.cells.columns if name != "group"]
    ledger, min_confidence = summary.runs[0].ledger, summary.options.min_confidence
    return write_tallies(ledger, summary.cells[columns], summary.bin_s, min_confidence)


def summary_options(
    *,
    bin: str | None = DEFAULT_BIN,
    by: str = "all",
    videos_table: PathLike | None = None,
    clock: str | None = None,
    min_confidence: float | None = None,
    min_cell: int = 0,
    calibration: PathLike | None = None,
) -> SummaryOptions:
    """The arguments of `tally_run` as one."""
    groups = GroupOptions(by, optional_path(videos_table), clock)
    return SummaryOptions(bin, groups, min_confidence, min_cell, optional_path(calibration))
