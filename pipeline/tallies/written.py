"""Writes a tally as CSV or JSON: what is published of it, and how it was made."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from facetally import __version__
from facetally.csv_cells import as_cell
from facetally.quantification.correction import Correction
from facetally.quantification.differences import METHOD, Difference
from facetally.quantification.intervals import Interval
from facetally.quantification.run_shares import METHODS
from facetally.tallies.comparison import GroupDifference
from facetally.tallies.corrected import Quotes
from facetally.tallies.shares import NAMES, Shares
from facetally.tallies.summary import Summary

Format = Literal["csv", "json"]
RATIO_DECIMALS, SECOND_DECIMALS = 4, 3


CORRECTED = {"appearances": "women_by_appearance_corrected", "screen_time_s": "women_by_screen_time_corrected"}
"""By unit, the name of the corrected share; with _low, _high and _method for its 95 % interval and method."""


def line_figures(line: Shares, has_people: bool, quotes: Quotes | None = None) -> dict[str, Any]:
    """What is published of a line, by name; None where there is nothing or it is hidden.

    Args:
        line: the line.
        has_people: whether people are counted.
        quotes: its corrected shares; None without a calibration.
    """
    figures: dict[str, Any] = {}
    for unit, names in NAMES.items():
        if unit != "people" or has_people:
            values = line.figures(unit)
            figures |= {name: _number(values[name], is_whole=unit != "screen_time_s") for name in names[:4]}
            figures[names[4]] = _ratio(values[names[4]])
    return figures | ({} if quotes is None else corrected_figures(quotes)) | {"is_hidden": bool(line.hidden)}


def corrected_figures(quotes: Quotes) -> dict[str, Any]:
    """The corrected shares of a line, their 95 % intervals and methods, by `CORRECTED`; None where there is none."""
    figures: dict[str, Any] = {}
    for unit, name in CORRECTED.items():
        quote = quotes.get(unit)
        low, high = (quote and _interval(quote.correction.interval)) or (None, None)
        figures[name] = _ratio(quote.correction.share) if quote else None
        figures |= {f"{name}_low": low, f"{name}_high": high}
        figures[f"{name}_method"] = METHODS[quote.method] if quote else None
    return figures


def lines_table(summary: Summary) -> pd.DataFrame:
    """A row for each group and the total, with the columns group, those of `NAMES`, corrected shares and is_hidden."""
    table = pd.DataFrame(_all_figures(summary))
    numbers = [name for name in table.columns[1:-1] if not name.endswith("_method")]
    return table.astype({name: float for name in numbers if table[name].dtype == object})  # all hidden


def _all_figures(summary: Summary) -> list[dict[str, Any]]:
    """Of each group and of the total, with their names."""
    has_people = summary.total.people.total > 0
    lines = zip([*summary.lines, summary.total], summary.quotes, strict=True)
    is_corrected = summary.options.calibration is not None
    return [
        {"group": line.label, **line_figures(line, has_people, quotes if is_corrected else None)}
        for line, quotes in lines
    ]


def as_csv(summary: Summary) -> str:
    """The lines as CSV. Empty cells have no figure or are hidden; the note of the total says what was done by hand."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures = _all_figures(summary)
    writer.writerow([*figures[-1], "note"])
    for line in figures:
        writer.writerow([*map(_cell, line.values()), as_cell(summary.disclosure) if line is figures[-1] else ""])
    return text.getvalue()


def as_json(summary: Summary) -> str:
    """Everything that is published, with settings, versions and notes."""
    *groups, total = _all_figures(summary)
    content = {
        "made": {
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            "version": __version__,
            "tables_made_by": list(summary.versions),
            "folders": [str(run.ledger.out.resolve()) for run in summary.runs],
            "settings": summary.settings,
        },
        "total": {name: value for name, value in total.items() if name != "group"},
        "groups": groups,
        "differences": [_difference_figures(one) for one in summary.differences],
        "difference_method": METHOD if summary.differences else None,
        "corrected": {
            unit: {name: _correction_figures(one) for name, one in by_method.items()}
            for unit, by_method in summary.corrections.items()
        },
        "corrections_by_hand": summary.disclosure,
        "hidden": summary.published.hidden_sentence,
        "notes": [note for note in (*summary.notes, summary.mixed_note) if note],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return as_cell(value)
    return "" if value is None else value


def _number(value: float | None, is_whole: bool) -> float | int | None:
    if value is None or math.isnan(value):
        return None
    return int(value) if is_whole else round(value, SECOND_DECIMALS)


def _ratio(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, RATIO_DECIMALS)


def _interval(interval: Interval | None) -> list[float | None] | None:
    return None if interval is None else [_ratio(interval.low), _ratio(interval.high)]


def _difference_figures(one: GroupDifference) -> dict[str, Any]:
    def figures(difference: Difference) -> dict[str, Any]:
        return {"difference": _ratio(difference.value), "interval": _interval(difference.interval)}

    return {
        "first": one.first,
        "second": one.second,
        "women_by_appearance": figures(one.by_appearance),
        "women_by_screen_time": figures(one.by_screen_time),
    }


def _correction_figures(correction: Correction) -> dict[str, Any]:
    return {
        "share": _ratio(correction.share),
        "interval": _interval(correction.interval),
        "refusal": correction.refusal or None,
    }
