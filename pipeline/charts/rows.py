"""The frame of charts with a line for each row: a label, a plot along a common scale, figures on the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facetally.charts.figure import SMALL, SOFT, WIDTH, Align, Chart, chart_of, shortened, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDEST_COLUMN = 132.0
"""Longer labels stand above their row."""
ROW, ROW_WITH_LABEL_ABOVE = 30.0, 46.0
"""Height in units."""
FOOT = 20.0
"""Height of a line of text below the rows."""
GAP = 8.0


@dataclass(frozen=True)
class Rows:
    """A chart with rows; row i lies at y = i of its axes."""

    chart: Chart
    axes: Axes
    has_labels_above: bool

    def figure(self, row: int, right: float, words: str, *, colour: str = SOFT, is_bold: bool = False) -> None:
        """Writes a figure of a row whose right end lies at `right` units."""
        self.chart.text(self.axes, right, row, words, "right", place="row", colour=colour, is_bold=is_bold)

    def upright(self, x: float, count: int, *, colour: str, is_dashed: bool = False) -> None:
        """A vertical line at a place of the scale; it leaves out the labels where they stand in its way."""
        top, bottom = self.axes.get_ylim()[1], self.axes.get_ylim()[0]
        spans = [(row - 0.2, row + 0.26) for row in range(count)] if self.has_labels_above else [(top, bottom)]
        for span in spans:
            self.chart.line(self.axes, (x, x), span, colour=colour, width=1.5 if is_dashed else 1, is_dashed=is_dashed)

    def above(self, x: float, words: str) -> None:
        """Words in the head, over a place of the scale."""
        half = text_width(words, SMALL) / 2
        units = self.axes.get_position().x0 * WIDTH + self._fraction(x) * self.axes.get_position().width * WIDTH
        units = min(max(units, half), WIDTH - half)
        self.chart.text(self.axes, units, 9, words, "center", place="units", colour=SOFT, size=SMALL)

    def below(self, x: float, words: str, align: Align) -> None:
        """Words below the rows, at a place of the scale."""
        y = (1 - self.axes.get_position().y0) * self.chart.height + FOOT / 2
        self.chart.text(self.axes, x, y, words, align, place="column", colour=SOFT, size=SMALL)

    def _fraction(self, x: float) -> float:
        start, end = self.axes.get_xlim()
        return (x - start) / (end - start)


@contextmanager
def rows_of(
    labels: Sequence[str],
    right: float,
    limits: tuple[float, float],
    *,
    head: float = 0.0,
    foot: float = 0.0,
    notes: Sequence[str] = (),
) -> Iterator[Rows]:
    """A chart with labels and a plot, to be filled.

    Args:
        labels: one for each row.
        right: units to leave on the right for figures.
        limits: of the plot's scale.
        head: units to leave above.
        foot: units to leave below, above the notes.
        notes: lines of text below.
    """
    column = max(text_width(label) for label in labels)
    above = column > WIDEST_COLUMN
    row_height = ROW_WITH_LABEL_ABOVE if above else ROW
    left = 1.0 if above else column + GAP
    bottom = head + row_height * len(labels)
    with chart_of(bottom + foot + FOOT * len(notes) + 4) as chart:
        shift = 0.25 if above else 0.0  # rows sit lower, to have room for their labels
        axes = chart.axes(left, head, WIDTH - right, bottom, limits, (len(labels) - 0.5 - shift, -0.5 - shift))
        for row, label in enumerate(labels):
            width = WIDTH if above else WIDEST_COLUMN
            chart.text(axes, 0, row, shortened(label, width), place="row", drop=-20 if above else 0)
        for number, note in enumerate(notes):
            y = bottom + foot + FOOT * (number + 0.5) + 2
            chart.text(axes, 0, y, note, place="units", colour=SOFT, size=SMALL)
        yield Rows(chart, axes, above)
