"""Predicted probability against the share that is correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facetally.charts.figure import FEMALE, LINE, SMALL, SOFT, Align, Chart, chart_of, described, nothing
from facetally.charts.shares import both, interval_words, is_number
from facetally.formatting import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT, RIGHT, TOP, BOTTOM = 50.0, 374.0, 30.0, 276.0
HEIGHT = 320.0


@dataclass(frozen=True)
class ReliabilityBin:
    """Tracks with about the same predicted probability of a woman."""

    predicted: float
    """The mean of the probabilities."""
    share: float | None
    """Of women by the labels."""
    low: float | None
    """The 95 % interval of the share."""
    high: float | None
    count: int

    @property
    def interval(self) -> tuple[float, float] | None:
        return both(self.low, self.high)


def reliability(bins: Sequence[ReliabilityBin], title: str) -> str:
    """Points with intervals and counts; on the diagonal the probabilities are right."""
    if not bins:
        return nothing(title)
    with chart_of(HEIGHT) as chart:
        axes = chart.axes(LEFT, TOP, RIGHT, BOTTOM, (0, 1), (0, 1))
        _draw_scale(chart, axes)
        for one in bins:
            if one.interval:
                chart.line(axes, (one.predicted, one.predicted), one.interval, colour=SOFT, width=2)
            if is_number(one.share):
                chart.dots(axes, [one.predicted], [one.share], colour=FEMALE, radius=5)
                _draw_count(chart, axes, one)
        return chart.svg(title, described(map(_words, bins)))


def _draw_scale(chart: Chart, axes: Axes) -> None:
    chart.text(axes, 0, 9, "women by the labels", place="units", colour=SOFT, size=SMALL)
    chart.text(
        axes,
        RIGHT + 20,
        HEIGHT - 9,
        "predicted probability of a woman",
        "right",
        place="units",
        colour=SOFT,
        size=SMALL,
    )
    for share in (0.0, 0.5, 1.0):
        words = f"{share:.0%}".replace("%", " %")
        y = BOTTOM - share * (BOTTOM - TOP)
        chart.line(axes, (LEFT, RIGHT), (y, y), place="units", colour=LINE)
        chart.text(axes, LEFT - 8, y, words, "right", place="units", colour=SOFT, size=SMALL)
        chart.text(axes, share, BOTTOM + 16, words, "center", place="column", colour=SOFT, size=SMALL)
    chart.line(axes, (0, 1), (0, 1), colour=SOFT, is_dashed=True)


def _draw_count(chart: Chart, axes: Axes, one: ReliabilityBin) -> None:
    """Beside the point, on the side that has room."""
    align: Align = "right" if one.predicted > 0.8 else "left"
    shift = (-9 if align == "right" else 9) / (RIGHT - LEFT)
    chart.text(axes, one.predicted + shift, one.share or 0.0, f"{one.count:,}", align, size=SMALL)


def _words(one: ReliabilityBin) -> str:
    interval = f", 95 % interval {interval_words(one.interval)}" if one.interval else ""
    return f"Predicted {percent(one.predicted)}: {percent(one.share)} of {one.count:,} are women{interval}"
