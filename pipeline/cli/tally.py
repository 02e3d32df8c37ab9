"""The commands that sum up a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from facetally.cli.options import OUT

if TYPE_CHECKING:
    from facetally.cli.printing_tally import Grouping

MIN_CELL = click.option(
    "--min-cell",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Leave out cells (video, time bin, gender and age band) with fewer appearances.",
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


@click.command()
@OUT
@click.option(
    "--bin", "bin_text", metavar="LENGTH", default="15m", show_default=True, help="Length of a time bin: 90s, 15m, 1h."
)
@click.option(
    "--by",
    type=click.Choice(["all", "video", "time"]),
    default="all",
    show_default=True,
    help="Print one line, or one for each video or time bin. OUT/tallies/ always holds all of them.",
)
@MIN_CONFIDENCE
@MIN_CELL
@CALIBRATION
def tally(
    out: Path, bin_text: str, by: Grouping, min_confidence: float | None, min_cell: int, calibration: Path | None
) -> None:
    """Sums up a run by video, time bin, perceived gender and age: prints the sums and writes OUT/tallies/.

    OUT is the folder that `facetally run` wrote.

    Example: facetally tally out --bin 15m --by time
    """
    from facetally.cli.printing_tally import print_corrections, print_tally
    from facetally.jobs.sums import tally_run

    sums = tally_run(out, bin=bin_text, min_confidence=min_confidence, min_cell=min_cell, calibration=calibration)
    print_tally(sums.table, by)
    if sums.left_out:
        click.echo(f"{sums.left_out}.", err=True)
    if sums.corrections:
        print_corrections(sums.corrections)
    elif sums.forecast:
        click.echo(f"{sums.forecast}. To measure it: facetally truth template, then facetally validate", err=True)
    if sums.option_sets > 1:
        click.echo(
            f"Note: the run has results of {sums.option_sets} different sets of options or weights; the sums mix them.",
            err=True,
        )
    click.echo(f"{len(sums.table)} rows in {sums.path}", err=True)


@click.command()
@OUT
@click.option(
    "-o", "--out", "page", type=click.Path(path_type=Path, dir_okay=False), help="The page.  [default: OUT/report.html]"
)
@MIN_CONFIDENCE
@MIN_CELL
@CALIBRATION
def report(out: Path, page: Path | None, min_confidence: float | None, min_cell: int, calibration: Path | None) -> None:
    """Writes a self-contained HTML page: shares, over time, per video, failures, models, method and limits.

    OUT is the folder that `facetally run` wrote.

    Example: facetally report out
    """
    from facetally.jobs.sums import report_run

    click.echo(report_run(out, page, min_confidence=min_confidence, min_cell=min_cell, calibration=calibration))
