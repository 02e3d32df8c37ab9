"""Iterating ahead in a thread: all items, in order, and no thread left."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from facetally.video.prefetch import read_ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "read-ahead"]


@pytest.mark.parametrize("count", [1, 3, 100])
def test_all_items_are_given_in_order(count: int) -> None:
    assert list(read_ahead(range(50), count)) == list(range(50))
    assert list(read_ahead([], count)) == []
    assert threads() == []


def test_the_given_number_of_items_is_computed_ahead_and_no_more() -> None:
    made: list[int] = []
    is_enough = threading.Event()

    def numbers() -> Iterator[int]:
        for number in itertools.count():
            made.append(number)
            if len(made) == 5:  # one is taken, three are in the queue, one waits for space
                is_enough.set()
            yield number

    items = read_ahead(numbers(), 3)
    assert next(items) == 0
    assert is_enough.wait(10)
    assert not threading.Event().wait(0.3)
    assert len(made) == 5
    items.close()
    assert threads() == []


def test_an_error_is_raised_in_the_place_of_its_item() -> None:
    def numbers() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("three")

    items = read_ahead(numbers(), 8)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="three"):
        next(items)
    assert threads() == []


def test_stopping_early_leaves_no_thread() -> None:
    with pytest.raises(KeyError):
        for number in read_ahead(itertools.count(), 2):
            if number == 3:
                raise KeyError
    assert threads() == []
