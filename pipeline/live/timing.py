"""The clocks of live pictures: when they were taken, and whether this machine lags behind them."""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np

MAX_DRIFT_S = 2.0
"""The times of a stream are its own while they differ by less from the time that has passed here: some servers send a
second of what they have stored at once when they are opened."""
MIN_STEP_S = 1e-3
"""Each time is later than the one before, by at least this."""
CREEP = 1e-3
"""Seconds a second by which the clock of a stream may seem to run slow: its clock is not ours."""
MUCH_S, LOST_S, CAUGHT_UP_S = 0.25, 1.0, 0.1
"""From the first of these on pictures that no other needs are not decoded, from the second on none until the next
keyframe; the third ends either."""
GIVEN_UP_S = 3.0
"""What is not made up for so soon is no backlog: the clock of the stream was set back."""
STORED_STEP = 0.5
"""Pictures that a source had stored come in less than this share of the time that lies between them."""
REMEMBERED = 300
"""Latest measurements that a median is about."""


class StreamTimes:
    """Gives each picture a time in seconds from the first one."""

    def __init__(self) -> None:
        self._start_s: float | None = None  # here, of the first picture
        self._offset_s: float | None = None  # from the stream's clock to the time from the first picture
        self.last_s = 0.0

    def of(self, stamp_s: float | None, now_s: float) -> float:
        """The time of the next picture.

        Args:
            stamp_s: on the clock of the stream; None without one.
            now_s: on the clock of this machine.
        """
        if self._start_s is None:
            self._start_s = now_s
            self._offset_s = None if stamp_s is None else -stamp_s
            return 0.0
        here_s = now_s - self._start_s
        if stamp_s is None:
            time_s = here_s
        else:
            if self._offset_s is None or abs(stamp_s + self._offset_s - here_s) > MAX_DRIFT_S:
                self._offset_s = here_s - stamp_s
            time_s = stamp_s + self._offset_s
        self.last_s = max(time_s, self.last_s + MIN_STEP_S)
        return self.last_s

    def restart(self) -> None:
        """The stream was opened again: its clock may have begun anew."""
        self._offset_s = None

    def passed_s(self, now_s: float) -> float:
        """Seconds that have passed here since the first picture; 0 before it."""
        return 0.0 if self._start_s is None else now_s - self._start_s


class StoredStart:
    """Notices the pictures that a source had stored when it was opened: at first they come faster than in real time."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None
        self._is_over = False

    def of(self, stamp_s: float, now_s: float) -> bool:
        """Whether a picture may have been stored: the first one, and those that come too fast directly after it."""
        if self._last:
            last_stamp_s, last_now_s = self._last
            self._is_over |= now_s - last_now_s > STORED_STEP * (stamp_s - last_stamp_s)
        self._last = stamp_s, now_s
        return not self._is_over

    def waited(self, now_s: float) -> None:
        """The next picture was not asked for before this time."""
        if self._last:
            self._last = self._last[0], now_s


class Backlog:
    """Notices when a stream is decoded more slowly than it comes."""

    def __init__(self) -> None:
        self._least_s: float | None = None
        self._seen_s = self._lost_s = 0.0
        self._state: Literal["", "much", "lost"] = ""

    def of(self, stamp_s: float, now_s: float, is_keyframe: bool) -> Literal["", "much", "lost"]:
        """How far behind this machine is with a packet: not, much, or so much that it is not decoded."""
        delay_s = now_s - stamp_s
        if self._least_s is None or abs(delay_s - self._least_s) > 60:  # the clock of the stream was set
            self._least_s = delay_s
        else:
            self._least_s = min(self._least_s + CREEP * (now_s - self._seen_s), delay_s)
        self._seen_s = now_s
        behind_s = delay_s - self._least_s
        if self._state == "lost":
            if is_keyframe and (behind_s < MUCH_S or now_s - self._lost_s > GIVEN_UP_S):
                self._state, self._least_s = "", delay_s
        elif behind_s > LOST_S:
            self._state, self._lost_s = "lost", now_s
        elif behind_s > MUCH_S:
            self._state = "much"
        elif behind_s < CAUGHT_UP_S:
            self._state = ""
        return self._state


class Spread:
    """The newest of many measurements, in seconds."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=REMEMBERED)

    def add(self, value_s: float) -> None:
        self._values.append(value_s)

    def quantile(self, share: float) -> float:
        """In seconds; NaN without measurements."""
        values = list(self._values)
        return float(np.quantile(values, share)) if values else float("nan")
