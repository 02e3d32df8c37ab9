"""Sums runs up, and writes their report."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from facetally.errors import OptionError, TruthError
from facetally.files import read_json
from facetally.jobs.arguments import Inputs, PathLike, optional_path, texts
from facetally.jobs.labels import validate_run
from facetally.quantification.correction import Correction
from facetally.quantification.run_shares import REPORT_SCHEMA_VERSION
from facetally.reporting.answer import Verified
from facetally.reporting.pdf import find_browser, print_page
from facetally.reporting.report import write_report
from facetally.results.many_files import Advanced, no_progress
from facetally.tallies.aggregator import DEFAULT_BIN, write_tallies
from facetally.tallies.comparison import GroupDifference
from facetally.tallies.groups import GroupOptions
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
    truth: PathLike | None = None,
    pdf: PathLike | None = None,
    command: str = "",
    advanced: Advanced = no_progress,
) -> Path:
    """Writes the report of runs, one self-contained HTML page, and returns its path: OUT/report.html, or `path`.

    The other arguments and the errors are those of `tally_run`. Several runs need a path. By default bins are as long
    as suits the videos.

    Args:
        truth: the folder with hand labels of the run, instead of a calibration: the page then shows the validation.
            Nothing else of it is written.
        pdf: where to print the page to, through Chromium, Chrome or Edge.
        command: is shown on the page.
        advanced: is called with a number of files that were read.

    Raises:
        PipelineError: as `tally_run`; labels that cannot be used, or no browser that prints.
    """
    outs, page = [Path(one) for one in texts(out)], optional_path(path)
    if page is None and len(outs) > 1:
        raise OptionError("a report of several folders needs a place of its own", fix="name it: -o report.html")
    page = page or outs[0] / "report.html"
    browser = find_browser() if pdf is not None else None
    with _verified(outs, optional_path(truth), optional_path(calibration)) as (verified, labels):
        options = summary_options(
            bin=bin,
            by=by,
            videos_table=videos_table,
            clock=clock,
            min_confidence=min_confidence,
            min_cell=min_cell,
            calibration=labels,
        )
        written = write_report(summed_up_runs(outs, options, advanced), page, command, verified)
    if browser and pdf is not None:
        print_page(browser, written, Path(pdf))
    return written


@contextmanager
def _verified(
    outs: list[Path], truth: Path | None, calibration: Path | None
) -> Iterator[tuple[Verified | None, Path | None]]:
    """The comparison with hand labels, and its report, by which shares are corrected.

    Raises:
        OptionError: labels and a calibration, or labels of several runs.
        TruthError: labels or a report that cannot be used.
    """
    if truth is None:
        yield None if calibration is None else _verified_before(outs, calibration), calibration
        return
    if calibration is not None:
        raise OptionError("--truth and --calibration are both given", fix="give one of them: --truth measures this run")
    if len(outs) > 1:
        raise OptionError(
            f"--truth is of one run, and {len(outs)} folders are given",
            fix="validate one with facetally validate, and give its report with --calibration",
        )
    with tempfile.TemporaryDirectory() as folder:
        figures = validate_run(outs[0], truth, report_folder=folder).figures
        yield Verified(figures, str(truth), is_own=True, is_new=True), Path(folder)


def _verified_before(outs: list[Path], calibration: Path) -> Verified | None:
    """What a report of `facetally validate` says; None for one of an old version, with other figures."""
    path = calibration / "report.json" if calibration.is_dir() else calibration
    fix = "give the folder or report.json that `facetally validate OUT --truth DIR -o FOLDER` wrote"
    figures = read_json(path, TruthError, fix=fix)
    if figures.get("schema_version") != REPORT_SCHEMA_VERSION:
        return None
    is_own = len(outs) == 1 and path.resolve().parent == (outs[0] / "validation").resolve()
    return Verified(figures, str(calibration), is_own)


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
