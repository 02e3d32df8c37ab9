"""Hides small cells of tables, so that nobody can compute them from the rest: complementary suppression.

A table has a line for each video, time, age band or group, and the columns women, men, unknown and their sum; its last
line is the total. A cell with too few appearances is hidden (primary suppression). Alone it could be computed: from the
sum of its line, and from the total of its column. So the sum of its line is hidden too, and in its column further
cells, the smallest first, until those hidden are at least two and together at least the smallest number that may be
shown. All that remains known of a hidden cell is then the sum of the hidden cells of its column: each of them may be
anything from 0 to that sum. If a whole column is too small for that, its total is hidden as well.

A share is shown where women and men are: it needs no sum of its line.

Source: L. Willenborg and T. de Waal, "Elements of Statistical Disclosure Control", Springer 2001, chapters 5 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
NOTHING = 1e-9
"""Seconds below which a sum of durations is 0."""


@dataclass(frozen=True)
class Lines:
    """The lines of a table, without its total.

    Args:
        amounts: (L, G, U) of each line, gender and unit; the first unit is appearances.
        parts: a table of which each line is a part of one line here, such as the videos of groups.
        line_of: (P,) the line here that a line of `parts` belongs to.
    """

    amounts: Floats
    parts: Floats | None = None
    line_of: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Hidden:
    """What is hidden in the tables of one publication."""

    total: Bools
    """(G,) in the line of totals."""
    lines: tuple[Bools, ...]
    """(L, G) of each table."""
    parts: tuple[Bools | None, ...]
    """(P, G) of each table that has parts."""

    @property
    def count(self) -> int:
        """The number of hidden cells, without sums of lines."""
        inner = [*self.lines, *(part for part in self.parts if part is not None)]
        return int(self.total.sum()) + sum(int(cells.sum()) for cells in inner)


def hidden_cells(tables: Sequence[Lines], min_cell: int) -> Hidden:
    """The cells to hide in tables that are published together and have the same totals.

    Args:
        tables: at least one.
        min_cell: cells with fewer appearances are too small.
    """
    genders = tables[0].amounts.shape[1]
    total = np.zeros(genders, bool)
    lines = [np.zeros(table.amounts.shape[:2], bool) for table in tables]
    parts = [None if table.parts is None else np.zeros(table.parts.shape[:2], bool) for table in tables]
    for gender in range(genders):
        columns = [_of_gender(table, gender) for table in tables]
        found = [_hidden_in_column(column, min_cell) for column in columns]
        total[gender] = any(is_total_hidden for _, _, is_total_hidden in found)
        for at, (own, inner, _) in enumerate(found):
            lines[at][:, gender] = _filled(columns[at].amounts) if total[gender] else own
            own_parts, amounts = parts[at], columns[at].parts
            if own_parts is not None and amounts is not None and inner is not None:
                own_parts[:, gender] = _filled(amounts) if total[gender] else inner
    return Hidden(total, tuple(lines), tuple(parts))


def _of_gender(table: Lines, gender: int) -> Lines:
    return Lines(table.amounts[:, gender], None if table.parts is None else table.parts[:, gender], table.line_of)


def _hidden_in_column(column: Lines, min_cell: int) -> tuple[Bools, Bools | None, bool]:
    """The hidden lines and parts of one gender, and whether its total must be hidden too."""
    forced = np.zeros(len(column.amounts), bool)
    while True:
        lines, is_total_hidden = hidden_in_sum(column.amounts, min_cell, forced)
        if column.parts is None or column.line_of is None:
            return lines, None, is_total_hidden
        parts, unsafe = _hidden_parts(column.parts, column.line_of, lines, min_cell)
        if not unsafe.any():
            return lines, parts, is_total_hidden
        forced |= unsafe


def _hidden_parts(parts: Floats, line_of: npt.NDArray[np.int64], lines: Bools, min_cell: int) -> tuple[Bools, Bools]:
    """The hidden parts: all of a hidden line, and within each other line those that its shown sum demands.

    Returns:
        (P,) the parts, and (L,) the lines that must be hidden because their parts are too few.
    """
    hidden = _filled(parts) & lines[line_of]
    unsafe = np.zeros(len(lines), bool)
    for line in np.unique(line_of[_small(parts, min_cell) & ~lines[line_of]]):
        own = np.flatnonzero(line_of == line)
        hidden[own], unsafe[line] = hidden_in_sum(parts[own], min_cell, np.zeros(len(own), bool))
    return hidden, unsafe


def hidden_in_sum(amounts: Floats, min_cell: int, forced: Bools) -> tuple[Bools, bool]:
    """Which of the cells that a published sum is made of must be hidden, and whether the sum must be hidden too.

    Args:
        amounts: (N, U) the cells, in units of which the first is appearances.
        min_cell: cells with fewer appearances are too small.
        forced: (N,) cells that are hidden for other reasons.
    """
    hidden = _small(amounts, min_cell) | forced
    others = np.flatnonzero(_filled(amounts) & ~hidden)
    others = others[np.argsort(amounts[others, 0], kind="stable")]
    for count in range(len(others) + 1):
        hidden[others[:count]] = True
        if not hidden.any() or _is_safe(amounts[hidden], min_cell):
            return hidden, False
    return hidden, True


def _is_safe(hidden: Floats, min_cell: int) -> bool:
    """Whether the sum of the hidden cells says little about each: it is no small cell, and none makes up all of it."""
    total = hidden.sum(axis=0)
    return bool(total[0] >= min_cell and np.all((total <= NOTHING) | (total - hidden.max(axis=0) > NOTHING)))


def _filled(amounts: Floats) -> Bools:
    return np.asarray((amounts > 0).any(axis=-1))


def _small(amounts: Floats, min_cell: int) -> Bools:
    """Cells that are too small, also those of people who only stayed on from another time."""
    return _filled(amounts) & (amounts[:, 0] < min_cell)
