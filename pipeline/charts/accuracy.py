"""Accuracy by group: points with intervals, and the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facetally.charts.figure import INK, LINE, SOFT, WIDTH, Align, described, nothing, text_width
from facetally.charts.rows import FOOT, GAP, Rows, rows_of
from facetally.charts.shares import both, interval_words, is_number
from facetally.formatting import percent

HEAD = 24.0
FIGURE = 52.0
"""Width of the column with the accuracies."""


@dataclass(frozen=True)
class AccuracyRow:
    """Accuracy of one group, 0 to 1, over a number of labels; None where there is none."""

    label: str
    count: int | None
    """None where the number is not known."""
    accuracy: float | None
    low: float | None
    """The 95 % interval."""
    high: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        return both(self.low, self.high)


def accuracy_by(rows: Sequence[AccuracyRow], target: float | None, title: str) -> str:
    """Points on a common scale, from half or from zero to one; with counts, since few labels say little."""
    if not rows:
        return nothing(title)
    lowest = min((value for row in rows for value in (row.accuracy, row.low) if is_number(value)), default=0.0)
    start = 0.5 if lowest >= 0.5 and (target is None or target >= 0.5) else 0.0
    counts = max(text_width(_of(row)) for row in rows) + 1.5 * GAP
    head = 0.0 if target is None else HEAD
    with rows_of([row.label for row in rows], FIGURE + counts + 3 * GAP, (start, 1), head=head, foot=FOOT) as drawn:
        _draw_scale(drawn, len(rows), start, target)
        for place, row in enumerate(rows):
            _draw(drawn, place, row)
            drawn.figure(place, WIDTH - counts, percent(row.accuracy), colour=INK, is_bold=True)
            drawn.figure(place, WIDTH, _of(row))
        return drawn.chart.svg(title, described(_descriptions(rows, target)))


def _draw_scale(drawn: Rows, count: int, start: float, target: float | None) -> None:
    """The ends below, the target above, so that their words never meet."""
    ends: tuple[tuple[float, Align], ...] = ((start, "left"), (1.0, "right"))
    for x, align in ends:
        drawn.upright(x, count, colour=LINE)
        drawn.below(x, f"{x:.0%}".replace("%", " %"), align)
    if target is not None:
        drawn.upright(target, count, colour=SOFT, is_dashed=True)
        drawn.above(target, f"target {percent(target)}")


def _draw(drawn: Rows, place: int, row: AccuracyRow) -> None:
    if row.interval:
        drawn.chart.line(drawn.axes, row.interval, (place, place), colour=SOFT, width=3)
    if is_number(row.accuracy):
        drawn.chart.dots(drawn.axes, [row.accuracy], [place], colour=INK, radius=4.5)


def _descriptions(rows: Sequence[AccuracyRow], target: float | None) -> list[str]:
    first = [] if target is None else [f"Target {percent(target)}"]
    return first + [
        f"{row.label}: {percent(row.accuracy)} {_of(row)}".rstrip()
        + (f", 95 % interval {interval_words(row.interval)}" if row.interval else "")
        for row in rows
    ]


def _of(row: AccuracyRow) -> str:
    return "" if row.count is None else f"of {row.count:,}"
