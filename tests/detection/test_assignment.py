"""The assignment of tracks to faces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from facetally.detection import assignment
from facetally.detection.assignment import cheapest_assignment


def same_as_scipy(costs: np.ndarray) -> bool:
    return all(
        np.array_equal(*pair) for pair in zip(cheapest_assignment(costs), linear_sum_assignment(costs), strict=True)
    )


def test_the_total_cost_is_lowest_not_each_cost() -> None:
    rows, columns = cheapest_assignment(np.array([[1.0, 2.0], [2.0, 9.0]]))
    assert rows.tolist() == [0, 1] and columns.tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 7), (7, 4), (9, 9), (30, 40)])
def test_it_is_the_assignment_of_scipy(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert all(same_as_scipy(rng.normal(size=shape)) for _ in range(50))


@pytest.mark.parametrize("shape", [(3, 3), (3, 6), (6, 3), (8, 8)])
def test_among_equal_costs_too(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    forbidden = [np.where(rng.random(shape) < 0.5, 1e6, rng.integers(0, 4, shape)) for _ in range(300)]
    assert all(same_as_scipy(costs.astype(np.float64)) for costs in forbidden)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_is_assigned_to_nothing(shape: tuple[int, int]) -> None:
    rows, columns = cheapest_assignment(np.zeros(shape))
    assert not len(rows) and not len(columns)


def test_large_costs_are_given_to_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "MAX_SIZE", 3)
    assert same_as_scipy(np.random.default_rng(2).normal(size=(5, 6)))
