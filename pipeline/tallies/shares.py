"""Who appears: the amounts of each perceived gender in each line of a table, and which of them are hidden."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.tallies.aggregator import in_order
from facetally.tallies.small_cells import Hidden, Lines, hidden_cells

GENDERS = ("female", "male", "unknown")
UNITS = ("appearances", "people", "screen_time_s")
"""Columns of `tables.TALLIES`."""
NAMES = {
    "appearances": ("appearances", "women", "men", "unknown", "women_by_appearance"),
    "screen_time_s": ("screen_time_s", "women_s", "men_s", "unknown_s", "women_by_screen_time"),
    "people": ("people", "women_people", "men_people", "unknown_people", "women_by_person"),
}
"""By unit, the names of the sum, the three genders and the share of women in everything that is published."""
Figure = float | None
"""NaN where there is none, None where it is hidden."""


@dataclass(frozen=True)
class Amounts:
    """The amount of each perceived gender, in appearances, people or seconds."""

    female: float
    male: float
    unknown: float

    @classmethod
    def of(cls, tallies: pd.DataFrame, unit: str) -> Amounts:
        """Sums a tally's column `unit` by gender."""
        sums = tallies.groupby("gender")[unit].sum()
        return cls(*(float(sums.get(gender, 0)) for gender in GENDERS))

    @property
    def total(self) -> float:
        return self.female + self.male + self.unknown

    @property
    def female_share(self) -> float:
        """Share of women among those of known gender, in [0, 1]; NaN where there are none."""
        known = self.female + self.male
        return self.female / known if known else math.nan

    @property
    def female_bounds(self) -> tuple[float, float]:
        """The share of women if all unknown were men, and if all were women; NaN where there is nobody."""
        if not self.total:
            return math.nan, math.nan
        return self.female / self.total, (self.female + self.unknown) / self.total


@dataclass(frozen=True)
class Shares:
    """A line of a table: who appears, in every unit. What is published of it is in `figures` and `bounds`."""

    label: str
    appearances: Amounts
    people: Amounts
    """Zero in a run that did not count people."""
    screen_time_s: Amounts
    hidden: frozenset[str] = frozenset()
    """The genders of which the cells are hidden, in every unit."""

    @classmethod
    def of(cls, label: str, tallies: pd.DataFrame) -> Shares:
        """Sums a tally."""
        appearances, people, screen_time_s = (Amounts.of(tallies, unit) for unit in UNITS)
        return cls(label, appearances, people, screen_time_s)

    def figures(self, unit: str) -> dict[str, Figure]:
        """The sum, the three genders and the share of women, by `NAMES`; hidden ones are None."""
        amounts: Amounts = getattr(self, unit)
        is_share_hidden = not self.hidden.isdisjoint(("female", "male"))
        values = [
            None if self.hidden else amounts.total,
            *(None if gender in self.hidden else getattr(amounts, gender) for gender in GENDERS),
            None if is_share_hidden else amounts.female_share,
        ]
        return dict(zip(NAMES[unit], values, strict=True))

    def bounds(self, unit: str) -> tuple[float, float] | None:
        """The share of women if all unknown were men, and if all were women; None if anything is hidden."""
        amounts: Amounts = getattr(self, unit)
        return None if self.hidden else amounts.female_bounds


@dataclass(frozen=True)
class Column:
    """What the lines of a table are.

    Args:
        name: a column of the cells.
        label_of: turns a value into a label.
        parts: a column of the cells of which each value belongs to one value of `name`.
        cells: other cells with the same totals, such as by another length of time bins.
    """

    name: str
    label_of: Callable[[Any], str] = str
    parts: str = ""
    cells: pd.DataFrame | None = None

    def of(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Its own cells, otherwise these."""
        return cells if self.cells is None else self.cells


@dataclass(frozen=True)
class Published:
    """The tables that are published together."""

    total: Shares
    lines: tuple[tuple[Shares, ...], ...]
    """Of each table."""
    parts: tuple[tuple[Shares, ...], ...]
    """Of each table; empty where it has none."""
    hidden: Hidden | None
    """None where nothing had to be hidden."""

    @property
    def hidden_sentence(self) -> str:
        """States that cells are hidden; empty if none are."""
        if self.hidden is None or not self.hidden.count:
            return ""
        totals = "some totals are hidden too" if self.hidden.total.any() else "totals are complete"
        return (
            "Small cells are hidden, and others with them, so that no small one can be computed from the rest; "
            f"{totals}"
        )


def published(cells: pd.DataFrame, columns: Sequence[Column], min_cell: int = 0) -> Published:
    """Sums cells up by several columns; hides those with fewer than `min_cell` appearances.

    Args:
        cells: with the columns of `tables.TALLIES`, and those named.
        columns: of the tables; the lines of each are sorted by value, age bands by age.
        min_cell: 0 hides nothing.
    """
    tables = [_summed(column.of(cells), column.name) for column in columns]
    inner = [_summed(column.of(cells), column.parts) if column.parts else None for column in columns]
    hidden = None
    if min_cell > 0 and len(cells):
        each = zip(columns, tables, inner, strict=True)
        hidden = hidden_cells([_lines(column.of(cells), column, own, parts) for column, own, parts in each], min_cell)
    sums = _summed(cells.assign(all="all"), "all")[1]
    total = sums.sum(axis=0) if len(sums) else np.zeros((len(GENDERS), len(UNITS)))
    lines = [
        _shares(own, column.label_of, None if hidden is None else hidden.lines[at])
        for at, (column, own) in enumerate(zip(columns, tables, strict=True))
    ]
    parts = [
        _shares(own, str, None if hidden is None else hidden.parts[at]) if own else () for at, own in enumerate(inner)
    ]
    masked = None if hidden is None else hidden.total[None]
    return Published(_shares((["all"], total[None]), str, masked)[0], tuple(lines), tuple(parts), hidden)


def grouped(tallies: pd.DataFrame, column: str, label_of: Callable[[Any], str] = str) -> Iterable[Shares]:
    """The shares for each value of a column, sorted by value, age bands by age.

    Args:
        tallies: with the columns of `tables.TALLIES`.
        column: one of these.
        label_of: turns a value into a label.
    """
    return _shares(_summed(tallies, column), label_of, None)


Summed = tuple[list[Any], npt.NDArray[np.float64]]
"""The L values of a column, and their (L, G, U) amounts by gender and unit."""


def _summed(cells: pd.DataFrame, column: str) -> Summed:
    cells = cells[cells["gender"].isin(GENDERS)]
    sums = cells.groupby([column, "gender"], observed=True)[list(UNITS)].sum().reset_index()
    values = in_order(sums[[column]].drop_duplicates(), [column])[column].tolist()
    place = {value: at for at, value in enumerate(values)}
    amounts = np.zeros((len(values), len(GENDERS), len(UNITS)))
    at, gender = [place[value] for value in sums[column]], [GENDERS.index(gender) for gender in sums["gender"]]
    amounts[at, gender] = sums[list(UNITS)].to_numpy(np.float64)
    return values, amounts


def _lines(cells: pd.DataFrame, column: Column, own: Summed, parts: Summed | None) -> Lines:
    if parts is None:
        return Lines(own[1])
    line_of = cells.drop_duplicates(column.parts).set_index(column.parts)[column.name]
    place = {value: at for at, value in enumerate(own[0])}
    return Lines(own[1], parts[1], np.array([place[line_of[part]] for part in parts[0]], np.int64))


def _shares(summed: Summed, label_of: Callable[[Any], str], hidden: npt.NDArray[np.bool_] | None) -> tuple[Shares, ...]:
    values, amounts = summed
    names = [frozenset[str]()] * len(values)
    if hidden is not None:
        names = [frozenset(g for g, is_hidden in zip(GENDERS, row, strict=True) if is_hidden) for row in hidden]
    rows = amounts.transpose(0, 2, 1).tolist()
    return tuple(
        Shares(label_of(value), Amounts(*appearances), Amounts(*people), Amounts(*screen_time_s), own)
        for value, (appearances, people, screen_time_s), own in zip(values, rows, names, strict=True)
    )
