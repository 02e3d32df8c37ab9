"""The commands that sum up a run."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from facetally.cli.options import OUT

MIN_CELL = click.option(
    "--min-cell",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Leave out cells of video, time, gender and age with fewer appearances.",
)
MIN_CONFIDENCE = click.option(
    "--min-confidence",
    type=click.FloatRange(0.5, 1),
    help="Answers below are unknown; `facetally validate` finds it.  [default: as the run had it]",
)
CALIBRATION = click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="Report of `facetally validate`: also shares corrected for the classifier's error.",
)


@click.command()
@OUT
@click.option("--bin", "bin_text", metavar="LENGTH", help="Length of a time bin: 90s, 15m, 1h.  [default: 15m]")
@click.option(
    "--by",
    type=click.Choice(["all", "video", "time"]),
    default="all",
    show_default=True,
    help="What is printed; the table always has all.",
)
@MIN_CONFIDENCE
@MIN_CELL
@CALIBRATION
def tally(
    out: Path, bin_text: str | None, by: str, min_confidence: float | None, min_cell: int, calibration: Path | None
) -> None:
    """Sums up a run by video, time bin, perceived gender and age: prints it and writes OUT/tallies/.

    Example: facetally tally out --bin 15m --by time
    """
    from facetally.cli.printing import print_corrections, print_tally
    from facetally.quantification.run_shares import run_corrections, run_tracks
    from facetally.results.ledger import Ledger, option_sets
    from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin, tally_videos, without_small_cells, write_tallies
    from facetally.tallies.forecast import forecast

    bin_s = parse_bin(bin_text or DEFAULT_BIN)
    ledger = Ledger(out)
    rows = list(ledger.rows())
    corrected = run_corrections(ledger, rows, calibration) if calibration else {}
    tallies, left_out = without_small_cells(tally_videos(ledger, rows, bin_s, min_confidence), min_cell)
    path = write_tallies(ledger, tallies, bin_s, min_confidence, min_cell)
    print_tally(tallies, by)
    if left_out:
        click.echo(f"{left_out}.", err=True)
    if corrected:
        print_corrections(corrected)
    elif expected := forecast(run_tracks(ledger, rows)["face_height_px"].to_numpy()).sentence:
        click.echo(f"{expected}. To know: facetally truth template, then facetally validate", err=True)
    if (sets := option_sets(rows)) > 1:
        click.echo(f"Note: made with {sets} different sets of options or weights; the sums mix them.", err=True)
    click.echo(f"{len(tallies)} rows in {path}", err=True)


@click.command()
@OUT
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: OUT/report.html")
@MIN_CONFIDENCE
@MIN_CELL
@CALIBRATION
def report(
    out: Path, output: Path | None, min_confidence: float | None, min_cell: int, calibration: Path | None
) -> None:
    """Writes a self-contained HTML page: shares, over time, per video, failures, models, method and limits.

    Example: facetally report out
    """
    from facetally.results.ledger import Ledger
    from facetally.tallies.report import write_report

    click.echo(write_report(Ledger(out), output, min_confidence, min_cell, calibration))
