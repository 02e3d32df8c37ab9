"""Ages as a pyramid: women to the left, men to the right, unknown beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facetally.charts.amounts import amount_words
from facetally.charts.figure import (
    FEMALE,
    LINE,
    MALE,
    SOFT,
    UNKNOWN,
    WIDTH,
    Align,
    Chart,
    chart_of,
    described,
    nothing,
    shortened,
)
from facetally.charts.figure import text_width as width_of
from facetally.charts.shares import is_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, HEAD, BAR = 30.0, 26.0, 0.62
GAP = 7.0
WIDEST_LABEL = 96.0


@dataclass(frozen=True)
class AgeBand:
    """How many women, men and unknown of an age; counts or seconds, None where hidden."""

    label: str
    women: float | None
    men: float | None
    unknown: float | None


@dataclass(frozen=True)
class _Side:
    """One of the three groups of bars."""

    name: str
    colour: str
    amounts: tuple[float | None, ...]
    unit: str
    start: float
    """Where bars begin, in units."""
    direction: int
    """1 to the right, -1 to the left."""

    @property
    def words(self) -> list[str]:
        return [amount_words(amount, self.unit) for amount in self.amounts]


def age_pyramid(bands: Sequence[AgeBand], title: str, unit: str) -> str:
    """Bars of one scale from the middle, the oldest on top.

    Args:
        bands: from young to old.
        title: the chart's name.
        unit: "appearances", "people" or "screen time".
    """
    if not bands:
        return nothing(title)
    rows = list(bands)[::-1]
    with chart_of(HEAD + ROW * len(rows) + 4) as chart:
        _draw(chart, rows, unit)
        return chart.svg(title, described(_words(band, unit) for band in bands))


def _draw(chart: Chart, rows: Sequence[AgeBand], unit: str) -> None:
    axes = chart.axes(0, HEAD, WIDTH, HEAD + ROW * len(rows), (0, WIDTH), (len(rows) - 0.5, -0.5))
    label = min(max(width_of(row.label) for row in rows), WIDEST_LABEL) + 2 * GAP
    sides, scale = _sides(rows, unit, label)
    for side in sides:
        _draw_side(chart, axes, side, scale)
    middle = sides[0].start + label / 2
    for place, row in enumerate(rows):
        chart.text(axes, middle, place, shortened(row.label, WIDEST_LABEL), "center")


def _sides(rows: Sequence[AgeBand], unit: str, label: float) -> tuple[list[_Side], float]:
    """The sides, and how many units wide a bar of one is."""
    women, men = tuple(row.women for row in rows), tuple(row.men for row in rows)
    unknown = tuple(row.unknown for row in rows)
    has_unknown = any(amount != 0 for amount in unknown)
    room = [max(map(width_of, (amount_words(a, unit) for a in side))) + GAP for side in (women, men, unknown)]
    heads = [width_of(name) for name in ("women", "men", "unknown")]
    free = WIDTH - label - room[0] - room[1] - (room[2] + 2 * GAP) * has_unknown
    # headings need their width, whatever the bars
    free -= sum(max(head - own, 0) for head, own in zip(heads[: 2 + has_unknown], room, strict=False))
    scale = free / max(_largest(women) + _largest(men) + _largest(unknown), 1e-9)
    left = room[0] + max(_largest(women) * scale, heads[0] - room[0])
    sides = [_Side("women", FEMALE, women, unit, left, -1), _Side("men", MALE, men, unit, left + label, 1)]
    if has_unknown:
        start = left + label + max(_largest(men) * scale + room[1], heads[1]) + 2 * GAP
        sides.append(_Side("unknown", UNKNOWN, unknown, unit, start, 1))
    return sides, scale


def _draw_side(chart: Chart, axes: Axes, side: _Side, scale: float) -> None:
    align: Align = "right" if side.direction < 0 else "left"
    outwards = side.direction
    chart.text(axes, side.start, HEAD / 2, side.name, align, place="units", colour=SOFT)
    chart.line(axes, (side.start, side.start), (-0.5, len(side.amounts) - 0.5), colour=LINE)
    for place, (amount, words) in enumerate(zip(side.amounts, side.words, strict=True)):
        length = scale * amount if is_number(amount) else 0.0
        if length:
            chart.bar(axes, min(side.start, side.start + outwards * length), place - BAR / 2, length, BAR, side.colour)
        chart.text(axes, side.start + outwards * (length + 5), place, words, align, colour=SOFT)


def _largest(amounts: Sequence[float | None]) -> float:
    return max((amount for amount in amounts if is_number(amount)), default=0.0)


def _words(band: AgeBand, unit: str) -> str:
    amounts = (("women", band.women), ("men", band.men), ("unknown", band.unknown))
    return f"{band.label}: " + ", ".join(f"{name} {amount_words(amount, unit)}" for name, amount in amounts)
