"""Sums a run up, and writes its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from facetally.jobs.arguments import PathLike, optional_path
from facetally.quantification.correction import Correction
from facetally.quantification.run_shares import run_corrections
from facetally.results.ledger import Ledger, option_sets
from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin, tally_videos, without_small_cells, write_tallies
from facetally.tallies.forecast import run_forecast
from facetally.tallies.report import write_report


@dataclass(frozen=True)
class Tally:
    """Sums over a run."""

    table: pd.DataFrame
    """With the columns of tallies/."""
    path: Path
    """Where it was written."""
    left_out: str
    """A sentence about the small cells that were left out; empty if none were."""
    corrections: dict[str, dict[str, Correction]]
    """Shares of women by unit and method, corrected for the classifier's errors; empty without a validation report."""
    forecast: str
    """A sentence about the accuracy to expect for faces of these sizes; empty without faces."""
    option_sets: int
    """Number of different sets of options and weights in the run; if more than one, the sums mix their results."""


def tally_run(
    out: PathLike,
    *,
    bin: str = DEFAULT_BIN,
    min_confidence: float | None = None,
    min_cell: int = 0,
    calibration: PathLike | None = None,
) -> Tally:
    """Sums a run up by video, time bin, perceived gender and age, and writes OUT/tallies/.

    Args:
        out: a run's output folder.
        bin: length of a time bin: "90s", "15m", "1h".
        min_confidence: the probability below which a gender is unknown; by default the run's own.
        min_cell: appearances below which a cell is left out.
        calibration: a report of `validate_run`, or its folder: adds shares corrected for the classifier's errors.

    Raises:
        PipelineError: no results, a damaged file, or a report of other weights.
    """
    ledger, bin_s = Ledger(Path(out)), parse_bin(bin)
    rows = list(ledger.rows())
    corrections = run_corrections(ledger, rows, Path(calibration)) if calibration else {}
    tallies = tally_videos(ledger, rows, bin_s, min_confidence=min_confidence)
    table, left_out = without_small_cells(tallies, min_cell)
    path = write_tallies(ledger, table, bin_s, min_confidence=min_confidence, min_cell=min_cell)
    expected = run_forecast(ledger, rows)
    return Tally(table, path, left_out, corrections, expected.sentence, option_sets(rows))


def report_run(
    out: PathLike,
    path: PathLike | None = None,
    *,
    min_confidence: float | None = None,
    min_cell: int = 0,
    calibration: PathLike | None = None,
) -> Path:
    """Writes a run's report, one self-contained HTML page, and returns its path: OUT/report.html, or `path`.

    The other arguments and the errors are those of `tally_run`.
    """
    ledger, page = Ledger(Path(out)), optional_path(path)
    report = optional_path(calibration)
    return write_report(ledger, page, min_confidence=min_confidence, min_cell=min_cell, calibration=report)
