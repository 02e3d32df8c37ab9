"""How large faces are, with the accuracy to expect of each size above."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facetally.charts.figure import INK, LINE, SMALL, SOFT, WIDTH, Chart, chart_of, described, nothing, slots
from facetally.charts.figure import text_width as width_of
from facetally.charts.shares import is_number
from facetally.formatting import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP, BOTTOM = 142.0, 262.0
ACCURACY_TOP, ACCURACY_BOTTOM = 46.0, 86.0
HEIGHT, HEIGHT_WITHOUT_ACCURACY = 306.0, 204.0
LOWEST_ACCURACY = 0.5
"""At the bottom of the scale: guessing."""


@dataclass(frozen=True)
class SizeBin:
    """Appearances whose faces are so high, in pixels; the last bin ends at infinity."""

    low_px: float
    high_px: float
    appearances: int | None
    """None where hidden."""
    accuracy: float | None = None
    """To expect, 0 to 1."""

    @property
    def label(self) -> str:
        return f"{self.low_px:.0f}+" if math.isinf(self.high_px) else f"{self.low_px:.0f}–{self.high_px:.0f}"


def face_sizes(bins: Sequence[SizeBin], title: str) -> str:
    """Columns with a count each; above them points of the accuracy, where one is known."""
    if not bins:
        return nothing(title)
    has_accuracy = any(is_number(one.accuracy) for one in bins)
    shift = 0.0 if has_accuracy else HEIGHT_WITHOUT_ACCURACY - HEIGHT
    limits = slots(len(bins), fewest=5)
    with chart_of(HEIGHT + shift) as chart:
        largest = max(one.appearances or 0 for one in bins) or 1
        columns = chart.axes(0, TOP + shift, WIDTH, BOTTOM + shift, limits, (0, largest))
        _draw_columns(chart, columns, bins, BOTTOM + shift)
        chart.text(columns, 0, TOP + shift - 26, "appearances", place="units", colour=SOFT, size=SMALL)
        if has_accuracy:
            points = chart.axes(0, ACCURACY_TOP, WIDTH, ACCURACY_BOTTOM, limits, (LOWEST_ACCURACY, 1))
            _draw_accuracy(chart, points, bins)
        return chart.svg(title, described(map(_words, bins)))


def _draw_columns(chart: Chart, axes: Axes, bins: Sequence[SizeBin], bottom: float) -> None:
    chart.line(axes, (0, WIDTH), (bottom, bottom), place="units", colour=LINE)
    step = _label_step([one.label for one in bins])
    for place, one in enumerate(bins):
        count = one.appearances or 0
        if count:
            chart.bar(axes, place - 0.42, 0, 0.84, count, SOFT, opacity=0.7)
        words = "hidden" if one.appearances is None else f"{count:,}"
        if step == 1:
            chart.text(axes, place, count, words, "center", colour=INK, size=SMALL, drop=-10)
        if place % step == 0:
            half = width_of(one.label, SMALL) / 2
            x = (place + 0.5) * WIDTH / (axes.get_xlim()[1] + 0.5)
            x = min(max(x, half + 1), WIDTH - half - 1)
            chart.text(axes, x, bottom + 13, one.label, "center", place="units", colour=INK, size=SMALL)
    chart.text(axes, WIDTH / 2, bottom + 34, "face height in pixels", "center", place="units", colour=SOFT, size=SMALL)


def _label_step(labels: Sequence[str]) -> int:
    """How many bins share a label, so that labels do not touch."""
    widest = max((width_of(label, SMALL) for label in labels), default=0.0) + 6
    return max(1, math.ceil(widest * len(labels) / WIDTH))


def _draw_accuracy(chart: Chart, axes: Axes, bins: Sequence[SizeBin]) -> None:
    chart.text(axes, 0, 8, "accuracy to expect", place="units", colour=SOFT, size=SMALL)
    known = [(place, one.accuracy) for place, one in enumerate(bins) if is_number(one.accuracy)]
    x, y = [place for place, _ in known], [max(accuracy, LOWEST_ACCURACY) for _, accuracy in known]
    chart.line(axes, x, y, colour=SOFT)
    chart.dots(axes, x, y, colour=INK, radius=3.5)
    if len(bins) <= 8:
        for (place, accuracy), height in zip(known, y, strict=True):
            chart.text(axes, place, height, f"{100 * accuracy:.0f} %", "center", size=SMALL, drop=-14)


def _words(one: SizeBin) -> str:
    count = "hidden" if one.appearances is None else f"{one.appearances:,}"
    accuracy = f", accuracy to expect {percent(one.accuracy)}" if is_number(one.accuracy) else ""
    return f"{one.label} pixels: {count} appearances{accuracy}"
