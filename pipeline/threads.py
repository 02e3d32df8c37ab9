"""Computes with several threads and keeps the order. Networks and decoders run beside each other: they hold no lock."""

from __future__ import annotations

import copy
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Thing = TypeVar("Thing")
AHEAD = 2
"""Results per thread that are computed ahead: enough that no thread waits for a single slow item."""


def usable_cores() -> int:
    """Cores that this process may use; these may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Generator[Result]:
    """`function` of each item, in the order of the items; errors are raised in their place.

    Args:
        function: is called from several threads; with one thread, from the caller's, and only when a result is asked
            for.
        items: are iterated in the caller's thread, at most `AHEAD` x `threads` ahead of the results.
        threads: how many items are computed at the same time.
    """
    if threads < 2:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # an error, or nobody wants the rest
            for future in waiting:
                future.cancel()


class PerThread(Generic[Thing]):
    """A thing that is not thread-safe: the first thread gets it, and each other thread a copy of its own."""

    def __init__(self, thing: Thing) -> None:
        self._thing, self._own, self._lock = thing, threading.local(), threading.Lock()
        self._is_taken = False

    def get(self) -> Thing:
        """That of the calling thread."""
        if not hasattr(self._own, "thing"):
            with self._lock:
                is_first, self._is_taken = not self._is_taken, True
                self._own.thing = self._thing if is_first else copy.copy(self._thing)
        own: Thing = self._own.thing
        return own
