"""Computing with several threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice

import pytest

from facetally.threads import AHEAD, PerThread, in_order


def slow_if_even(number: int) -> int:
    time.sleep(0.01 * (number % 2 == 0))
    return 10 * number


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    assert list(in_order(slow_if_even, range(20), threads)) == [10 * number for number in range(20)]


def test_items_are_computed_side_by_side() -> None:
    both_are_here = threading.Barrier(2, timeout=20)
    assert list(in_order(lambda item: (both_are_here.wait(), item)[1], "ab", 2)) == ["a", "b"]


def test_only_so_many_items_are_taken_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(slow_if_even, items(), 2)
    assert list(islice(results, 3)) == [0, 10, 20]
    assert len(taken) <= 3 + AHEAD * 2
    results.close()
    assert len(taken) <= 3 + AHEAD * 2


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_raised_in_the_place_of_its_result(threads: int) -> None:
    results = in_order(lambda number: 1 // number, [1, 0, 1], threads)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


class Counter:
    """Counts its copies."""

    copies = 0

    def __copy__(self) -> Counter:
        Counter.copies += 1
        return Counter()


def test_each_thread_has_its_own_and_the_first_one_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counter, "copies", 0)
    original, here = Counter(), threading.Barrier(2, timeout=20)
    own = PerThread(original)

    def taken(_: int) -> Counter:
        here.wait()
        assert own.get() is own.get()
        return own.get()

    first, second = in_order(taken, range(2), 2)
    assert first is not second and original in (first, second) and Counter.copies == 1
