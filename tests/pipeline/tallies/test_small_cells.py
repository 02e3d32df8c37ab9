"""Hidden cells cannot be computed: an attacker who solves all published equations is left with a wide interval."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from facetally.tallies.shares import GENDERS, NAMES, Column, Published, Shares, published
from facetally.tallies.small_cells import hidden_in_sum

Row = tuple[str, str, str, int]
"""Video, group, gender, appearances."""
UNITS = ("appearances", "screen_time_s")


def cells_of(rows: list[Row]) -> pd.DataFrame:
    """Cells in which each appearance lasts 2.5 s."""
    table = pd.DataFrame(rows, columns=["video", "group", "gender", "appearances"])
    return table.assign(people=table["appearances"], screen_time_s=2.5 * table["appearances"])


class Attacker:
    """Knows all that is published, that the tables belong together, and that no amount is negative.

    The unknowns are all cells of women, men and unknown, of each line, of each part of a line, and of the total.
    """

    def __init__(self, tables: Published, group_of: dict[str, str], unit: str) -> None:
        self.names = NAMES[unit]
        self.places: dict[tuple[str, str, str], int] = {}
        self.equations: list[tuple[dict[int, float], float]] = []
        self.hidden: list[tuple[str, str, str]] = []
        self.read("total", "all", tables.total.figures(unit))
        for at, lines in enumerate(tables.lines):
            for line in lines:
                self.read(f"table {at}", line.label, line.figures(unit))
            for gender in GENDERS:
                self.sums([(f"table {at}", line.label, gender) for line in lines], ("total", "all", gender))
        for part in tables.parts[0]:
            self.read("parts", part.label, part.figures(unit))
        for line in tables.lines[0] if tables.parts[0] else ():
            own = [part.label for part in tables.parts[0] if group_of[part.label] == line.label]
            for gender in GENDERS:
                self.sums([("parts", label, gender) for label in own], ("table 0", line.label, gender))

    def place(self, cell: tuple[str, str, str]) -> int:
        return self.places.setdefault(cell, len(self.places))

    def read(self, table: str, label: str, figures: dict[str, Any]) -> None:
        own = [(table, label, gender) for gender in GENDERS]
        for cell, name in zip(own, self.names[1:4], strict=True):
            if figures[name] is None:
                self.hidden.append(cell)
            else:
                self.equations.append(({self.place(cell): 1.0}, figures[name]))
        if figures[self.names[0]] is not None:
            self.equations.append(({self.place(cell): 1.0 for cell in own}, figures[self.names[0]]))
        share = figures[self.names[4]]
        if share is not None and not math.isnan(share):
            women, men, _ = (self.place(cell) for cell in own)
            self.equations.append(({women: 1.0 - share, men: -share}, 0.0))

    def sums(self, parts: list[tuple[str, str, str]], whole: tuple[str, str, str]) -> None:
        self.equations.append(({**{self.place(part): 1.0 for part in parts}, self.place(whole): -1.0}, 0.0))

    @cached_property
    def matrix(self) -> np.ndarray:
        """(E, P) the factors of all equations."""
        matrix = np.zeros((len(self.equations), len(self.places)))
        for row, (terms, _) in enumerate(self.equations):
            matrix[row, list(terms)] = list(terms.values())
        return matrix

    def width(self, cell: tuple[str, str, str]) -> float:
        """Of the interval of values that fit everything that is published."""
        goal = np.zeros(len(self.places))
        goal[self.place(cell)] = 1.0
        ends = []
        for sign in (1.0, -1.0):
            found = linprog(sign * goal, A_eq=self.matrix, b_eq=[value for _, value in self.equations])
            assert found.status in (0, 3), found.message
            ends.append(math.inf if found.status == 3 else found.fun)
        return math.inf if math.inf in ends else -sum(ends)


def true_value(cells: pd.DataFrame, cell: tuple[str, str, str], unit: str) -> float:
    table, label, gender = cell
    column = {"table 0": "group", "table 1": "video"}.get(table, "video")
    chosen = cells["gender"].to_numpy() == gender
    if table != "total":
        chosen &= cells[column].to_numpy() == label
    return float(cells[unit].to_numpy()[chosen].sum())


def assert_safe(cells: pd.DataFrame, columns: list[Column], min_cell: int) -> Published:
    tables = published(cells, columns, min_cell)
    group_of = dict(zip(cells["video"], cells["group"], strict=True))
    for unit in UNITS:
        attacker = Attacker(tables, group_of, unit)
        for cell in attacker.hidden:
            assert attacker.width(cell) > true_value(cells, cell, unit) + 1e-6, cell
    shown = [line for lines in (*tables.lines, *tables.parts, (tables.total,)) for line in lines]
    for line in shown:
        counts = list(line.figures("appearances").values())[:4]
        assert not [count for count in counts if count is not None and 0 < count < min_cell], line
    return tables


@st.composite
def runs(draw: st.DrawFn) -> pd.DataFrame:
    """Up to eight videos in up to three groups, with up to a dozen appearances of each gender."""
    group_of = draw(st.lists(st.sampled_from("ABC"), min_size=1, max_size=8))
    counts = st.sampled_from([0, 0, 1, 2, 3, 5, 8, 12])
    rows = [(f"{at}.mp4", group, gender, draw(counts)) for at, group in enumerate(group_of) for gender in GENDERS]
    return cells_of([row for row in rows if row[3]] or [("0.mp4", "A", "female", 1)])


@settings(max_examples=25, deadline=None)
@given(runs(), st.integers(2, 6))
def test_no_hidden_cell_can_be_computed_from_the_rest(cells: pd.DataFrame, min_cell: int) -> None:
    assert_safe(cells, [Column("group", parts="video")], min_cell)


@settings(max_examples=15, deadline=None)
@given(runs(), st.integers(2, 6))
def test_nor_from_two_tables_with_the_same_totals(cells: pd.DataFrame, min_cell: int) -> None:
    other = cells.assign(group=[str(at % 3) for at in range(len(cells))])
    tables = published(cells, [Column("group", cells=other), Column("video")], min_cell)
    for unit in UNITS:
        attacker = Attacker(tables, {}, unit)
        for cell in attacker.hidden:
            source = other if cell[0] == "table 0" else cells
            assert attacker.width(cell) > true_value(source, cell, unit) + 1e-6, cell


def test_hiding_the_small_cells_alone_would_give_them_away() -> None:
    cells = cells_of([("a", "A", "female", 2), ("a", "A", "male", 9), ("b", "A", "female", 7), ("b", "A", "male", 9)])
    tables = published(cells, [Column("video")], 5)
    assert [line.hidden for line in tables.lines[0]] == [frozenset({"female"})] * 2
    naive = Published(tables.total, ((tables.lines[0][0], unhidden(tables.lines[0][1])),), ((),), None)
    attacker = Attacker(naive, {}, "appearances")
    assert attacker.hidden == [("table 0", "a", "female")]
    assert attacker.width(attacker.hidden[0]) == pytest.approx(0)


def unhidden(line: Shares) -> Shares:
    return Shares(line.label, line.appearances, line.people, line.screen_time_s)


def test_totals_stay_complete_and_a_line_keeps_what_it_can() -> None:
    rows = [("a", "A", "female", 8), ("a", "A", "male", 12), ("a", "A", "unknown", 2)]
    rows += [("b", "A", "female", 9), ("b", "A", "male", 11), ("b", "A", "unknown", 6)]
    tables = assert_safe(cells_of(rows), [Column("video")], 5)
    assert tables.total.figures("appearances")["appearances"] == 48
    first = tables.lines[0][0].figures("appearances")
    assert (first["appearances"], first["unknown"]) == (None, None)
    assert (first["women"], first["men"], first["women_by_appearance"]) == (8, 12, 0.4)


def test_a_column_that_is_too_small_is_hidden_with_its_total() -> None:
    rows = [("a", "A", "female", 1), ("a", "A", "male", 12), ("b", "A", "female", 2), ("b", "A", "male", 11)]
    tables = assert_safe(cells_of(rows), [Column("video")], 5)
    assert tables.total.hidden == {"female"}
    assert tables.total.bounds("appearances") is None


def test_nothing_is_hidden_where_nothing_is_small() -> None:
    cells = cells_of([("a", "A", "female", 5), ("b", "A", "female", 7)])
    tables = assert_safe(cells, [Column("video")], 5)
    assert (tables.hidden_sentence, tables.total.hidden) == ("", frozenset())
    assert published(cells, [Column("video")], 0).hidden is None


def test_time_that_people_stayed_on_from_before_is_a_small_cell_too() -> None:
    amounts = np.array([[0.0, 0.0, 14.0], [9.0, 0.0, 30.0], [11.0, 0.0, 30.0], [20.0, 0.0, 60.0]])
    hidden, is_total_hidden = hidden_in_sum(amounts, 5, np.zeros(4, bool))
    # with 9 alone, its appearances would be known to be at most 9
    assert (hidden.tolist(), is_total_hidden) == ([True, True, True, False], False)
