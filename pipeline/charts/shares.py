"""Shares as bars, with their intervals and the bounds that unknowns leave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from facetally.charts.figure import FEMALE, INK, LINE, UNKNOWN, WIDTH, described, nothing
from facetally.charts.rows import Rows, rows_of
from facetally.formatting import percent

BAR, BAND = 0.44, 0.16
"""Heights, as parts of a row of 30 units."""
INTERVAL_NOTE = "Line: 95 % interval."
BOUNDS_NOTE = "Strip: if all unknown were men, or all women."


@dataclass(frozen=True)
class ShareRow:
    """One share, 0 to 1; None where it is hidden, NaN where there is nothing to divide."""

    label: str
    share: float | None
    low: float | None = None
    """The 95 % interval."""
    high: float | None = None
    lowest: float | None = None
    """The bounds that unknowns leave: if all of them were men, and if all were women."""
    highest: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        return both(self.low, self.high)

    @property
    def bounds(self) -> tuple[float, float] | None:
        return both(self.lowest, self.highest)


def is_number(value: float | None) -> TypeGuard[float]:
    """Whether a figure can be drawn: it is neither hidden nor undefined."""
    return value is not None and math.isfinite(value)


def both(low: float | None, high: float | None) -> tuple[float, float] | None:
    """The ends of an interval, if both are there."""
    return (low, high) if is_number(low) and is_number(high) else None


def share_words(share: float | None) -> str:
    """ "45.7 %"; "hidden" for None; an en dash for NaN."""
    return "hidden" if share is None else percent(share)


def interval_words(interval: tuple[float, float]) -> str:
    """ "39.1–56.0 %"."""
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f} %"


def shares_with_intervals(rows: Sequence[ShareRow], title: str) -> str:
    """Bars from zero in the colour of women, a line for the interval, and a strip for the bounds."""
    if not rows:
        return nothing(title)
    has_intervals = any(row.interval for row in rows)
    has_bounds = any(row.bounds for row in rows)
    notes = [INTERVAL_NOTE] * has_intervals + [BOUNDS_NOTE] * has_bounds
    right = 140.0 if has_intervals else 58.0
    with rows_of([row.label for row in rows], right, (0, 1), notes=notes) as drawn:
        for place, row in enumerate(rows):
            _draw(drawn, place, row)
            drawn.figure(place, WIDTH - right + 54, share_words(row.share), colour=INK, is_bold=True)
            if row.interval:
                drawn.figure(place, WIDTH, interval_words(row.interval))
        return drawn.chart.svg(title, described(map(_words, rows)))


def _draw(drawn: Rows, place: int, row: ShareRow) -> None:
    scale = 30 / 46 if drawn.has_labels_above else 1.0
    bar, band = BAR * scale, BAND * scale
    drawn.chart.bar(drawn.axes, 0, place - bar / 2, 1, bar, LINE, opacity=0.6)
    if is_number(row.share):
        drawn.chart.bar(drawn.axes, 0, place - bar / 2, row.share, bar, FEMALE)
    if row.bounds:
        lowest, highest = row.bounds
        drawn.chart.bar(drawn.axes, lowest, place + bar / 2 + 0.09, highest - lowest, band, UNKNOWN)
    if row.interval:
        (low, high), gap, cap = row.interval, math.nan, (place - 0.65 * bar, place + 0.65 * bar)
        x, y = (low, high, gap, low, low, gap, high, high), (place, place, gap, *cap, gap, *cap)
        drawn.chart.line(drawn.axes, x, y, colour=INK, width=2)


def _words(row: ShareRow) -> str:
    interval = f", 95 % interval {interval_words(row.interval)}" if row.interval else ""
    bounds = f", between the bounds {interval_words(row.bounds)}" if row.bounds else ""
    return f"{row.label}: {share_words(row.share)}{interval}{bounds}"
