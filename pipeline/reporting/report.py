"""Writes the report of runs: one self-contained HTML page, no network, no faces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from facetally.files import write_whole
from facetally.formatting import command as command_line
from facetally.formatting import place
from facetally.options import ClassificationOptions
from facetally.quantification.correction import Correction
from facetally.quantification.intervals import Interval
from facetally.quantification.run_shares import METHODS, UNITS
from facetally.reporting.answer import Verified
from facetally.reporting.page import Making, PageGroups, rendered
from facetally.reporting.tracks import track_pictures
from facetally.tallies.groups import Groups
from facetally.tallies.summary import Summary, grouped_cells, readable_bin_s


def write_report(summary: Summary, path: Path, command: str = "", verified: Verified | None = None) -> Path:
    """Writes the page and returns `path`.

    Args:
        summary: of the runs.
        path: where to write the page.
        command: that makes the page.
        verified: a comparison with hand labels, which the page then shows.

    Raises:
        OutputError: a damaged file, or a place that cannot be written.
    """
    groups, rows, provenance = summary.groups, summary.rows, summary.runs[-1].ledger.provenance()
    bin_s, cells = summary.bin_s, summary.cells
    if groups.is_by_clock:
        bin_s = readable_bin_s(max(row.decoded_s for row in rows))
        plain = Groups(replace(groups.options, by="all"), groups.videos)
        cells = grouped_cells(summary.runs, plain, bin_s, summary.options.min_confidence)
    if summary.options.min_confidence is not None:
        made_with = ClassificationOptions.of_run(provenance["options"])
        classification = replace(made_with, min_confidence=summary.options.min_confidence)
        provenance["options"]["classification"] = asdict(classification)
    text = rendered(
        rows,
        cells,
        bin_s=bin_s,
        provenance=provenance,
        expected=summary.forecast,
        corrected=_corrected(summary, verified),
        min_cell=summary.options.min_cell,
        groups=_page_groups(summary),
        making=_making(summary, command, verified),
        tracks=track_pictures(summary),
        verified=verified,
    )
    write_whole(path, text)
    return path


def _corrected(summary: Summary, verified: Verified | None) -> dict[str, dict[str, Correction]]:
    """The corrected shares; those of a validation of this run itself, which knows how its labels were drawn."""
    if not summary.corrections or verified is None or not verified.is_new:
        return summary.corrections
    found: dict[str, dict[str, Correction]] = {}
    for unit, key in UNITS.items():
        female = verified.figures[key]["female"]
        quote = {} if female["quote"] is None else {female["quote"]["method"]: female["quote"]}
        by_method = female["run"] | quote
        found[unit] = {method: _correction(by_method[method]) for method in METHODS if method in by_method}
    return found


def _correction(figures: Mapping[str, Any]) -> Correction:
    """From its figures in report.json."""
    share, low, high = (figures.get(name) for name in ("share", "low", "high"))
    interval = None
    if low is not None and high is not None and (low, high) != (0.0, 1.0):  # 0 to 1 stands for none
        interval = Interval(low, high)
    return Correction(math.nan if share is None else share, interval, figures.get("refusal") or "")


def _page_groups(summary: Summary) -> PageGroups | None:
    groups = summary.groups
    if groups.by in ("all", "video") or (groups.by == "time" and not groups.is_by_clock):
        return None
    title = "time of day" if groups.by == "time" else groups.options.by
    labels = [line.label for line in summary.lines]
    corrected = dict(zip(labels, summary.quotes, strict=False)) if summary.has_group_corrections else {}
    return PageGroups(title, summary.cells, groups.rest, groups.is_by_video, corrected, groups.is_by_clock)


def _making(summary: Summary, command: str, verified: Verified | None) -> Making:
    settings = {name: value for name, value in summary.settings.items() if value not in (None, 0, "all")}
    if verified and verified.is_new:
        settings = {name: value for name, value in settings.items() if name != "calibration"}
        settings["truth"] = verified.source
    outs = [run.ledger.out for run in summary.runs]
    return Making(
        datetime.now().strftime("%Y-%m-%d %H:%M"),
        tuple(place(out.resolve()) for out in outs),
        command,
        settings,
        summary.versions,
        tuple(note for note in (summary.disclosure, *summary.notes) if note),
        command_line("facetally", "label", outs[0] if len(outs) == 1 else "OUT"),
        command_line("facetally", "tally", *outs, "--by", "video", "--format", "csv"),
        command_line("facetally", "status", outs[0] if len(outs) == 1 else "OUT"),
    )
