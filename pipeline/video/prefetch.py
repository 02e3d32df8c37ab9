"""Iterates in a background thread, so that decoding continues while earlier frames are processed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")
POLL_S = 0.1
"""How often a waiting thread checks whether the generator was closed."""


def read_ahead(items: Iterable[Item], count: int) -> Generator[Item]:
    """The same items in the same order, up to `count` of them computed ahead; errors are raised in their place.

    Closing the generator waits for the thread to end, so that the source of `items` may be closed then.
    """
    made: queue.Queue[Item | _End] = queue.Queue(count)
    is_closed = threading.Event()

    def put(item: Item | _End) -> None:
        while not is_closed.is_set():
            with suppress(queue.Full):
                made.put(item, timeout=POLL_S)
                return

    def make() -> None:
        try:
            for item in items:
                put(item)
                if is_closed.is_set():
                    return
        except BaseException as error:  # raised in the thread of the consumer
            put(_End(error))
        else:
            put(_End())

    thread = threading.Thread(target=make, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.error:
            raise item.error
    finally:
        is_closed.set()
        thread.join()


class _End:
    """Marks the end of the items."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
