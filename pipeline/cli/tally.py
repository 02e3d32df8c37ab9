"""The commands that sum up a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from facetally.cli.options import FINISHED_OUTPUT
from facetally.formatting import place
from facetally.tallies.grouping_names import FIXED

if TYPE_CHECKING:
    from facetally.tallies.summary import Summary, SummaryOptions

DEFAULT_BIN = "15m"


def _known_grouping(context: click.Context, _: click.Parameter, given: tuple[str, ...]) -> str:
    """The one grouping.

    Raises:
        BadParameter: there are several, or it is not known and no table of videos can have a column of that name.
    """
    if len(given) > 1:
        raise click.BadParameter(
            f"is given {len(given)} times: {', '.join(given)}. Give one, and call the command again for each other."
        )
    (by,) = given
    if by.strip().lower() not in FIXED and context.params.get("videos_table") is None:
        raise click.BadParameter(
            f"{by!r} is not one of {', '.join(FIXED)}. Other names are columns of a table that you give with "
            "--videos-table."
        )
    return by


OUTS = click.argument("outs", type=FINISHED_OUTPUT, nargs=-1, required=True, metavar="OUT...")
BIN = click.option(
    "--bin",
    "bin_text",
    metavar="LENGTH",
    default=DEFAULT_BIN,
    show_default=True,
    help="Length of a time bin: 90s, 15m, 1h; --by date, hour and weekday have their own.",
)
BY = click.option(
    "--by",
    metavar="|".join((*FIXED, "COLUMN")),
    default=("all",),
    multiple=True,  # to refuse a second one, which would silently replace the first
    show_default="all",
    callback=_known_grouping,
    help="Show a line for each group. Of two groups the difference is shown, of more the difference of each from the "
    "rest.",
)
VIDEOS_TABLE = click.option(
    "--videos-table",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    help="A CSV file with a column video and any others to group by, such as channel; airtime (2026-03-01 19:50) is "
    "when a video was on air.",
)
CLOCK = click.option(
    "--clock",
    metavar="PATTERN",
    help="When videos were on air, as it stands in their names: '%Y-%m-%d %H%M'. Times are then those of the clock.",
)
MIN_CELL = click.option(
    "--min-cell",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Hide cells with fewer appearances, and others with them, so that none can be computed; totals are complete.",
)
MIN_CONFIDENCE = click.option(
    "--min-confidence",
    type=click.FloatRange(0.5, 1),
    help="Genders of a lower probability are unknown; `facetally validate` proposes a value.  [default: the run's]",
)
CALIBRATION = click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="Folder that `facetally validate` wrote: also show shares corrected for the classifier's errors.",
)
SUMMARY_OPTIONS = (BY, VIDEOS_TABLE, CLOCK, MIN_CONFIDENCE, MIN_CELL, CALIBRATION)


def _with_summary_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(SUMMARY_OPTIONS):
        function = option(function)
    return function


@click.command()
@OUTS
@BIN
@_with_summary_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="Print a table, CSV, or JSON with everything that belongs to it.",
)
@click.option(
    "--write", is_flag=True, help="Also replace OUT/tallies/, which the run writes at its end; nothing else changes it."
)
def tally(outs: tuple[Path, ...], form: str, write: bool, **given: Any) -> None:
    """Sums up runs by group, perceived gender and age, and prints the sums. Files in OUT stay as they are.

    OUT is a folder that `facetally run` wrote. Several are summed up together.

    Example: facetally tally out --bin 15m --by time

    Example: facetally tally out --by channel --videos-table groups.csv --format csv > channels.csv
    """
    from facetally.cli.printing_tally import print_summary, sentences
    from facetally.jobs.sums import write_summary
    from facetally.tallies.written import as_csv, as_json

    summary = _summary(outs, _options(**given))
    _ = summary.corrections  # a wrong --calibration fails before anything is printed or written
    path = write_summary(summary) if write else None
    if form == "table":
        print_summary(summary)
    else:
        click.echo(as_csv(summary) if form == "csv" else as_json(summary), nl=False)
        for sentence in sentences(summary):
            click.echo(sentence, err=True)
    if path:
        click.echo(f"{len(summary.cells):,} rows in {place(path)}", err=True)


@click.command()
@OUTS
@click.option(
    "-o",
    "--out",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page.  [default: OUT/report.html; several folders need it]",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Folder with hand labels of this run: also show the validation, and shares corrected by it.",
)
@click.option(
    "--pdf",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also print the page to this file, through Chromium, Chrome or Edge (or FACETALLY_BROWSER).",
)
@_with_summary_options
def report(outs: tuple[Path, ...], page: Path | None, **given: Any) -> None:
    """Writes a self-contained HTML page: shares, groups, over time, per video, failures, models, method and limits.

    OUT is a folder that `facetally run` wrote. Several are summed up together.

    Example: facetally report out

    Example: facetally report out --truth truth --pdf report.pdf

    Example: facetally report out --by hour --clock '%Y-%m-%d %H%M'
    """
    from facetally.cli.reading_progress import reading_progress
    from facetally.jobs.sums import report_run

    with reading_progress(outs) as advanced:
        path = report_run(outs, page, command=_command(outs, page, given), advanced=advanced, **given)
    click.echo(place(path))
    if pdf := given["pdf"]:
        click.echo(pdf)


def _options(bin_text: str, **given: Any) -> SummaryOptions:
    from facetally.jobs.sums import summary_options

    return summary_options(bin=bin_text, **given)


def _summary(outs: tuple[Path, ...], options: SummaryOptions) -> Summary:
    from facetally.cli.reading_progress import reading_progress
    from facetally.jobs.sums import summed_up_runs

    with reading_progress(outs) as advanced:
        return summed_up_runs(outs, options, advanced)


def _command(outs: tuple[Path, ...], page: Path | None, given: dict[str, Any]) -> str:
    """The command that makes the page, without options that have their defaults."""
    from facetally.formatting import command

    words: list[object] = ["facetally", "report", *outs]
    words += ["-o", page] if page else []
    for name, value in given.items():
        if value not in (None, 0, "all"):
            words += [f"--{name.replace('_', '-')}", value]
    return command(*words)
