"""Labels against predictions, as a matrix of counts."""

from __future__ import annotations

from collections.abc import Mapping

from facetally.charts.figure import INK, LINE, SMALL, SOFT, WIDTH, Chart, chart_of, described, nothing, shortened
from facetally.charts.figure import text_width as width_of

ROW, HEAD = 36.0, 46.0
GAP = 8.0
WIDEST_LABEL, WIDEST_CELL = 96.0, 96.0
STRONGEST = 0.3
"""Opacity of a cell that holds all of its row; words on it stay readable."""


def confusion(counts: Mapping[tuple[str, str], int], title: str) -> str:
    """A row for each label and a column for each prediction, shaded by the share of the row; hits are framed.

    Args:
        counts: by label and prediction, in the order of the words' first occurrence.
        title: the chart's name.
    """
    if not counts:
        return nothing(title)
    labels = list(dict.fromkeys(label for label, _ in counts))
    predictions = list(dict.fromkeys(prediction for _, prediction in counts))
    with chart_of(HEAD + ROW * len(labels) + 3) as chart:
        _draw(chart, counts, labels, predictions)
        words = (f"{count} labelled {label} predicted {prediction}" for (label, prediction), count in counts.items())
        return chart.svg(title, described(words))


def _draw(chart: Chart, counts: Mapping[tuple[str, str], int], labels: list[str], predictions: list[str]) -> None:
    left = max([width_of("labelled", SMALL), *(min(width_of(label), WIDEST_LABEL) for label in labels)]) + GAP
    rows, columns = len(labels), len(predictions)
    cell = min((WIDTH - 1 - left) / columns, WIDEST_CELL)
    right = left + cell * columns
    axes = chart.axes(left, HEAD, right, HEAD + ROW * rows, (-0.5, columns - 0.5), (rows - 0.5, -0.5))
    chart.text(axes, 0, HEAD - 13, "labelled", place="units", colour=SOFT, size=SMALL)
    chart.text(axes, left, 9, "predicted", place="units", colour=SOFT, size=SMALL)
    for column, prediction in enumerate(predictions):
        chart.text(axes, column, HEAD - 13, shortened(prediction, cell - 4), "center", place="column")
    for row, label in enumerate(labels):
        chart.text(axes, 0, row, shortened(label, WIDEST_LABEL), place="row")
        whole = sum(counts.get((label, prediction), 0) for prediction in predictions)
        for column, prediction in enumerate(predictions):
            count = counts.get((label, prediction), 0)
            if count:
                chart.bar(axes, column - 0.5, row - 0.5, 1, 1, INK, opacity=STRONGEST * count / whole)
            is_hit = label == prediction
            chart.text(axes, column, row, f"{count:,}", "center", colour=INK if count else SOFT, is_bold=is_hit)
    for edge in range(rows + 1):
        chart.line(axes, (-0.5, columns - 0.5), (edge - 0.5, edge - 0.5), colour=LINE)
    for row, label in enumerate(labels):
        if label in predictions:
            column = predictions.index(label)
            x, y = (column - 0.5, column + 0.5), (row - 0.5, row + 0.5)
            chart.line(axes, (x[0], x[1], x[1], x[0], x[0]), (y[0], y[0], y[1], y[1], y[0]), colour=INK, width=1.5)
