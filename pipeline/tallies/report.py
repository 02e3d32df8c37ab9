"""Writes the report: one self-contained HTML page, no scripts, no network, no faces."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from facetally import __version__
from facetally.files import write_whole
from facetally.formatting import clock, percent
from facetally.options import ClassificationOptions
from facetally.quantification.correction import Correction
from facetally.quantification.run_shares import METHODS, run_corrections
from facetally.results.ledger import Ledger, VideoRow, option_sets
from facetally.tallies.aggregator import Shares, grouped, tally_videos, without_small_cells
from facetally.tallies.forecast import Forecast, run_forecast

GENDERS = ("female", "male", "unknown")
TIME_BINS_S = (10, 30, 60, 300, 900, 3600, 4 * 3600)
MAX_TIME_BINS = 30


def write_report(
    ledger: Ledger,
    path: Path | None = None,
    min_confidence: float | None = None,
    min_cell: int = 0,
    calibration: Path | None = None,
) -> Path:
    """Writes OUT/report.html, or `path`, and returns where it is.

    Args:
        ledger: the run.
        path: where to write the page.
        min_confidence: below this the gender is unknown; in place of the run's own threshold.
        min_cell: cells of the tally with fewer appearances are left out.
        calibration: a report of `validate`; the page then shows corrected shares too.

    Raises:
        OutputError: no results, a damaged file, or a place that cannot be written.
        TruthError: `calibration` is not a report of `validate`, or was made with other weights.
    """
    rows = list(ledger.rows())
    bin_s = readable_bin_s(max(row.decoded_s for row in rows))
    tallies, left_out = without_small_cells(tally_videos(ledger, rows, bin_s, min_confidence), min_cell)
    provenance = ledger.provenance()
    if min_confidence is not None:
        classification = replace(ClassificationOptions.of_run(provenance["options"]), min_confidence=min_confidence)
        provenance["options"]["classification"] = asdict(classification)
    corrected = run_corrections(ledger, rows, calibration) if calibration else {}
    text = rendered(
        rows,
        tallies,
        bin_s=bin_s,
        provenance=provenance,
        expected=run_forecast(ledger, rows),
        corrected=corrected,
        left_out=left_out,
    )
    path = path or ledger.out / "report.html"
    write_whole(path, text)
    return path


def rendered(
    rows: list[VideoRow],
    tallies: pd.DataFrame,
    *,
    bin_s: float,
    provenance: dict[str, Any],
    expected: Forecast,
    corrected: dict[str, dict[str, Correction]],
    left_out: str = "",
) -> str:
    """The page as text; `left_out` states which small cells are not in the tallies."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"percent": percent, "clock": clock, "count": lambda n: f"{n:,.0f}"}
    total, nobody = Shares.of("all", tallies), tallies.iloc[:0]
    by_video = {line.label: line for line in grouped(tallies, "video")}
    return environment.get_template("report.html").render(
        version=__version__,
        genders=GENDERS,
        rows=rows,
        usable=[row for row in rows if row.status != "failed"],
        troubled=[row for row in rows if row.status != "ok"],
        left_out=left_out,
        total=total,
        videos=[by_video.get(row.video, Shares.of(row.video, nobody)) for row in rows if row.status != "failed"],
        times=list(grouped(tallies, "bin_start_s", lambda start: clock(float(start)))),
        ages=[line for line in grouped(tallies, "age_band") if line.label != "unknown"],
        bin_s=bin_s,
        forecast=expected,
        corrected=corrected,
        methods=METHODS,
        mixed=digests if (digests := option_sets(rows)) > 1 else 0,
        options=provenance.get("options", {}),
        classification=ClassificationOptions.of_run(provenance.get("options", {})),
        models=provenance.get("models", {}),
    )


def readable_bin_s(longest_s: float) -> float:
    """The shortest of `TIME_BINS_S` that cuts the longest video into at most `MAX_TIME_BINS` bins."""
    return float(next((b for b in TIME_BINS_S if longest_s / b <= MAX_TIME_BINS), TIME_BINS_S[-1]))
