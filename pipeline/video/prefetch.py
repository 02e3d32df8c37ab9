"""Makes items ahead in a thread of its own, so that decoding goes on while others are worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")
POLL_S = 0.1
"""How often a thread that waits looks whether anybody still wants its items."""


def read_ahead(items: Iterable[Item], count: int) -> Generator[Item]:
    """The same items in their order, up to `count` of them made ahead; what goes wrong comes up in its place.

    Closing the generator waits for the thread's end, so that what `items` reads from may be closed then.
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
        except BaseException as error:  # raised where the items are wanted
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
    """Comes after the last item."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
