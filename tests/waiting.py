"""Waits until something is so."""

from __future__ import annotations

import time
from collections.abc import Callable


def becomes_true(timeout_s: float, condition: Callable[[], object]) -> bool:
    """Whether it becomes so within a time."""
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        if condition():
            return True
        time.sleep(0.05)
    return False
