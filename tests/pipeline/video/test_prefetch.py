"""Items made ahead in a thread: all of them, in order, and no thread left over."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from facetally.video.prefetch import read_ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "read-ahead"]


@pytest.mark.parametrize("count", [1, 3, 100])
def test_all_items_come_in_their_order(count: int) -> None:
    assert list(read_ahead(range(50), count)) == list(range(50))
    assert list(read_ahead([], count)) == []
    assert threads() == []


def test_so_many_are_made_before_they_are_wanted_and_no_more() -> None:
    made: list[int] = []
    is_enough = threading.Event()

    def numbers() -> Iterator[int]:
        for number in itertools.count():
            made.append(number)
            if len(made) == 5:  # one is taken, three wait, one finds no room
                is_enough.set()
            yield number

    items = read_ahead(numbers(), 3)
    assert next(items) == 0
    assert is_enough.wait(10)
    assert not threading.Event().wait(0.3)
    assert len(made) == 5
    items.close()
    assert threads() == []


def test_an_error_comes_up_where_its_item_would_have() -> None:
    def numbers() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("three")

    items = read_ahead(numbers(), 8)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="three"):
        next(items)
    assert threads() == []


def test_whoever_stops_early_leaves_no_thread() -> None:
    with pytest.raises(KeyError):
        for number in read_ahead(itertools.count(), 2):
            if number == 3:
                raise KeyError
    assert threads() == []
