"""The share of women over time or clock, above the amounts that it is a share of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from facetally.charts.amounts import amount_words, few, few_words
from facetally.charts.figure import (
    FEMALE,
    LINE,
    SMALL,
    SOFT,
    WIDTH,
    Chart,
    chart_of,
    described,
    nothing,
    shortened,
    slots,
)
from facetally.charts.figure import text_width as width_of
from facetally.charts.shares import is_number, share_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT, RIGHT = 50.0, 394.0
TOP, BOTTOM = 14.0, 154.0
AMOUNTS_TOP, AMOUNTS_BOTTOM = 190.0, 234.0
HEIGHT = 280.0
WIDE, WIDE_OF_MANY, THIN = 2.5, 1.5, 0.9
MANY = 120
"""Points from which on lines are less wide."""
WIDEST_LABEL = 120.0
MOST_DOTS = 48
"""With more points each line has dots only where a point stands alone."""


@dataclass(frozen=True)
class TimePoint:
    """How many women, men and unknown in one bin of time; counts or seconds, None where hidden."""

    label: str
    women: float | None
    men: float | None
    unknown: float | None

    @property
    def known(self) -> float:
        """Women and men; 0 where they are hidden."""
        return self.women + self.men if is_number(self.women) and is_number(self.men) else 0.0

    @property
    def share(self) -> float | None:
        """Of women among women and men."""
        if self.women is None or self.men is None:
            return None
        return self.women / self.known if self.known else float("nan")

    @property
    def total(self) -> float:
        return self.known + (self.unknown if is_number(self.unknown) else 0.0)


def share_over_time(points: Sequence[TimePoint], title: str, unit: str) -> str:
    """A line with gaps where nobody is in view, thin where it rests on few; columns with the amounts below.

    Args:
        points: in order of time, of equal length.
        title: the chart's name.
        unit: "appearances", "people" or "screen time".
    """
    if not points:
        return nothing(title)
    with chart_of(HEIGHT) as chart:
        limits = slots(len(points), fewest=5)
        shares = chart.axes(LEFT, TOP, RIGHT, BOTTOM, limits, (0, 1))
        largest = max((point.total for point in points), default=0.0)
        amounts = chart.axes(LEFT, AMOUNTS_TOP, RIGHT, AMOUNTS_BOTTOM, limits, (0, largest or 1))
        _draw_scale(chart, shares)
        _draw_shares(chart, shares, points, few(unit))
        _draw_amounts(chart, amounts, points, unit)
        _draw_times(chart, amounts, [point.label for point in points])
        if any(0 < point.known < few(unit) for point in points):
            note = f"Thin or small: {few_words(unit)}."
            chart.text(shares, WIDTH, AMOUNTS_TOP - 16, note, "right", place="units", colour=SOFT, size=SMALL)
        return chart.svg(title, described(_words(point, unit) for point in points))


def _draw_scale(chart: Chart, axes: Axes) -> None:
    for share in (0.0, 0.5, 1.0):
        y = BOTTOM - share * (BOTTOM - TOP)
        chart.line(axes, (LEFT, RIGHT), (y, y), place="units", colour=LINE)
        chart.text(
            axes, LEFT - 6, y, f"{share:.0%}".replace("%", " %"), "right", place="units", colour=SOFT, size=SMALL
        )


def _draw_shares(chart: Chart, axes: Axes, points: Sequence[TimePoint], enough: float) -> None:
    places = [(place, share) for place, point in enumerate(points) if is_number(share := point.share)]
    shown = dict(places)
    steps = [(a, b, min(points[a].known, points[b].known) < enough) for a, b in pairwise(shown) if b == a + 1]
    wide = WIDE if len(points) <= MANY else WIDE_OF_MANY
    for stretch, is_thin in _stretches(steps):
        chart.line(axes, stretch, [shown[i] for i in stretch], colour=FEMALE, width=THIN if is_thin else wide)
    joined = {place for a, b, _ in steps for place in (a, b)}
    dotted = [place for place in shown if place not in joined or len(points) <= MOST_DOTS]
    for is_few, radius in ((True, 2.0), (False, 3.5)):
        own = [place for place in dotted if (points[place].known < enough) == is_few]
        chart.dots(axes, own, [shown[place] for place in own], colour=FEMALE, radius=radius)


def _stretches(steps: Iterable[tuple[int, int, bool]]) -> list[tuple[list[int], bool]]:
    """Steps from one point to the next, joined to one line as long as it is unbroken and equally wide."""
    stretches: list[tuple[list[int], bool]] = []
    for start, stop, is_thin in steps:
        if stretches and stretches[-1] == ([*stretches[-1][0][:-1], start], is_thin):
            stretches[-1][0].append(stop)
        else:
            stretches.append(([start, stop], is_thin))
    return stretches


def _draw_amounts(chart: Chart, axes: Axes, points: Sequence[TimePoint], unit: str) -> None:
    chart.text(axes, 0, AMOUNTS_TOP - 16, unit, place="units", colour=SOFT, size=SMALL)
    for place, point in enumerate(points):
        if point.total:
            chart.bar(axes, place - 0.4, 0, 0.8, point.total, SOFT, opacity=0.55)
    chart.line(axes, (LEFT, RIGHT), (AMOUNTS_BOTTOM, AMOUNTS_BOTTOM), place="units", colour=LINE)
    largest = max(points, key=lambda point: point.total, default=None)
    if largest and largest.total:
        words = amount_words(largest.total, unit)
        chart.text(axes, LEFT - 6, AMOUNTS_TOP, words, "right", place="units", colour=SOFT, size=SMALL)


def _draw_times(chart: Chart, axes: Axes, labels: Sequence[str]) -> None:
    """As many labels as have room, evenly spaced from the first on."""
    labels = [shortened(label, WIDEST_LABEL, SMALL) for label in labels]
    widest, bin_width = max(map(width_of, labels)) + 12, (RIGHT - LEFT) / (axes.get_xlim()[1] + 0.5)
    step = max(1, -int(-widest // bin_width))
    for place in range(0, len(labels), step):
        centre = LEFT + (place + 0.5) * bin_width
        width = width_of(labels[place], SMALL)
        centre = min(max(centre, width / 2), WIDTH - width / 2)
        chart.text(axes, centre, AMOUNTS_BOTTOM + 14, labels[place], "center", place="units", colour=SOFT, size=SMALL)


def _words(point: TimePoint, unit: str) -> str:
    return f"{point.label}: women {share_words(point.share)} of {amount_words(point.known, unit)}"
