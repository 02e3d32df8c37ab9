"""Assigns rows to columns at the lowest total cost, as `scipy.optimize.linear_sum_assignment` does.

Importing `scipy.optimize` takes as long as all other imports of a worker together, and 28 MB in each process. A frame
has few faces, for which the same algorithm in Python is fast enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from facetally.detection.faces import IntArray

MAX_SIZE = 4096
"""Larger matrices of costs are given to SciPy, which takes a hundredth of the time for them."""
NONE = -1


def cheapest_assignment(costs: npt.NDArray[np.float64]) -> tuple[IntArray, IntArray]:
    """Rows and their columns, min(N, M) pairs in order of the rows; the same as SciPy's, also among equal costs.

    Args:
        costs: (N, M) finite costs.
    """
    if costs.size > MAX_SIZE:
        from scipy.optimize import linear_sum_assignment

        rows, columns = linear_sum_assignment(costs)
        return np.asarray(rows, np.int64), np.asarray(columns, np.int64)
    if costs.shape[1] < costs.shape[0]:
        columns = np.array(_columns_of_rows(costs.T.tolist()), np.int64)
        order = np.argsort(columns)
        return columns[order], order
    return np.arange(len(costs)), np.array(_columns_of_rows(costs.tolist()), np.int64)


def _columns_of_rows(costs: Sequence[Sequence[float]]) -> list[int]:
    """The column of each row; there are at least as many columns as rows.

    Rows are added one after the other. Each takes a column along the shortest augmenting path (Crouse, "On implementing
    2D rectangular assignment algorithms", IEEE Transactions on Aerospace and Electronic Systems, 2016).
    """
    width = len(costs[0]) if costs else 0
    row_prices, column_prices = [0.0] * len(costs), [0.0] * width
    column_of, row_of = [NONE] * len(costs), [NONE] * width
    for row in range(len(costs)):
        path, shortest, visited, sink = _shortest_path(costs, row, row_of, row_prices, column_prices)
        total = shortest[sink]
        row_prices[row] += total
        for column in visited:
            if (owner := row_of[column]) != NONE:
                row_prices[owner] += total - shortest[column]
            column_prices[column] -= total - shortest[column]
        column, owner = sink, NONE
        while owner != row:
            owner = row_of[column] = path[column]
            column_of[owner], column = column, column_of[owner]
    return column_of


def _shortest_path(
    costs: Sequence[Sequence[float]],
    row: int,
    row_of: Sequence[int],
    row_prices: Sequence[float],
    column_prices: Sequence[float],
) -> tuple[list[int], list[float], list[int], int]:
    """The path from a row to a free column: each column's row before it, lengths, visited columns, the free column."""
    width = len(column_prices)
    remaining = list(range(width - 1, -1, -1))  # with equal costs the result depends on this order
    path, shortest, visited = [NONE] * width, [math.inf] * width, []
    length = 0.0
    while True:
        own, price = costs[row], row_prices[row]
        lowest, place = math.inf, NONE
        for position, column in enumerate(remaining):
            reduced = length + own[column] - price - column_prices[column]
            if reduced < shortest[column]:
                path[column], shortest[column] = row, reduced
            if shortest[column] < lowest or (shortest[column] == lowest and row_of[column] == NONE):
                lowest, place = shortest[column], position
        length = lowest
        column = remaining[place]
        visited.append(column)
        if row_of[column] == NONE:
            return path, shortest, visited, column
        row = row_of[column]
        remaining[place] = remaining[-1]
        remaining.pop()
