"""Reads a source in a thread of its own and keeps only its newest picture; opens it again when it breaks off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from facetally.errors import PipelineError
from facetally.live.captures import Capture
from facetally.live.timing import StoredStart, StreamTimes
from facetally.log import LOGGER
from facetally.video.opening import VideoInfo
from facetally.video.reader import FrameImage

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Before a source is opened again: the first time, and at most; each wait is twice the one before."""
STEADY_S = 10.0
"""A source that gave pictures for so long begins with the first wait again."""
HELD_S = 1.0
"""So long a picture that the source had stored stays the newest one at most, until it was looked at."""
MAX_GAPS = 1000
"""That are remembered one by one."""


@dataclass(frozen=True)
class Gap:
    """A time without pictures, or in which they were not looked at."""

    start_s: float
    stop_s: float
    reason: str


@dataclass(frozen=True)
class Arrived:
    """A picture, and when it came."""

    index: int
    """0-based, among all decoded pictures."""
    time_s: float
    """Seconds from the first picture."""
    image: FrameImage
    arrived_s: float
    """On the monotonic clock of this machine, when it was decoded."""
    connection: int = 0
    """How often the source had been opened again by then."""


class Reader:
    """The newest picture of a source.

    What the source had stored when it was opened comes at once, a second or two of it. These pictures are not replaced
    by newer ones before they were looked at: as long as they come faster than in real time, there is time for all.

    Args:
        open_source: opens it; called again when it breaks off.
        length_s: ends after so many seconds; 0: with the source.

    Raises:
        PipelineError: it cannot be opened; after that it is tried again and again.
    """

    def __init__(self, open_source: Callable[[], Capture], length_s: float = 0.0) -> None:
        self._open_source, self._length_s = open_source, length_s
        self._capture: Capture | None = open_source()
        self.info: VideoInfo = self._capture.info
        self._times, self._newest = StreamTimes(), threading.Condition()
        self._first_s: float | None = None  # on the clock of a film
        self._broken_s = 0.0
        self._arrived: Arrived | None = None
        self._released = -1
        self._is_over, self._stop = False, threading.Event()
        self.error: BaseException | None = None
        self.frame_count = self.connection_count = self._skipped_before = 0
        self.gaps: list[Gap] = []
        self.state = ""
        """What is wrong at present, as a sentence; empty if nothing is."""
        self._thread = threading.Thread(target=self._run, name="live-reader", daemon=True)

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, and waits until the source is released; a server that does not answer is not waited for long."""
        self._stop.set()
        with self._newest:
            self._newest.notify_all()
        if self._thread.ident:
            self._thread.join(timeout=2.0)

    @property
    def is_over(self) -> bool:
        """Whether no picture comes any more."""
        return self._is_over or self._stop.is_set()

    @property
    def newest(self) -> Arrived | None:
        """The newest picture; None before the first."""
        return self._arrived

    @property
    def skipped_count(self) -> int:
        """Pictures that were not decoded, to catch up with the source."""
        return self._skipped_before + (self._capture.skipped_count if self._capture else 0)

    def wait_for_newer(self, index: int, timeout_s: float) -> Arrived | None:
        """The newest picture, once it is later than that with this index; None after `timeout_s`, or at the end."""

        def is_there() -> bool:
            return self.is_over or (self._arrived is not None and self._arrived.index > index)

        with self._newest:
            self._newest.wait_for(is_there, timeout_s)
            arrived = self._arrived
        return arrived if arrived is not None and arrived.index > index else None

    def release(self, index: int) -> None:
        """The picture with this index was looked at, or is not wanted."""
        with self._newest:
            self._released = index
            self._newest.notify_all()

    def note_gap(self, gap: Gap) -> None:
        """Remembers a gap."""
        if len(self.gaps) < MAX_GAPS:
            self.gaps.append(gap)
        LOGGER.warning("gap from %.1f s to %.1f s: %s", gap.start_s, gap.stop_s, gap.reason)

    def passed_s(self) -> float:
        """Seconds since the first picture."""
        return self._times.passed_s(time.monotonic())

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:  # raised in the thread of the consumer
            self.error = error
        finally:
            self._is_over = True
            self._release()
            with self._newest:
                self._newest.notify_all()

    def _read(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            opened_s, is_finished = time.monotonic(), self._read_once()
            if is_finished or self._stop.is_set():
                return
            if time.monotonic() - opened_s > STEADY_S:
                wait_s = FIRST_WAIT_S
            broken_s = self._times.last_s
            self._release()
            while not self._reopened(wait_s):
                if self._stop.is_set() or self._is_long_enough():
                    return
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            self._times.restart()
            self._first_s, self._broken_s = None, broken_s
            self.connection_count += 1

    def _reopened(self, wait_s: float) -> bool:
        """Whether the source could be opened again after this time."""
        self.state = f"connection lost, next attempt in {wait_s:g} s"
        if self._stop.wait(wait_s):
            return False
        try:
            self._capture = self._open_source()
        except PipelineError as error:
            LOGGER.info("not opened: %s", error.what)
            return False
        return True

    def _read_once(self) -> bool:
        """Reads until the source ends or breaks off; returns whether all is read that is wanted."""
        assert self._capture
        capture, first, stored = self._capture, True, StoredStart()
        for picture in capture.pictures():
            now_s = time.monotonic()
            if capture.is_paced and picture.time_s is not None:
                time_s = self._paced(picture.time_s)
            else:
                time_s = self._times.of(picture.time_s, now_s)
            if self._stop.is_set():
                return True
            if first and self.connection_count:
                self.note_gap(Gap(self._broken_s, time_s, "connection lost"))
            first, self.state = False, ""
            self._give(Arrived(self.frame_count, time_s, picture.image, time.monotonic(), self.connection_count))
            if not capture.is_paced and picture.time_s is not None and stored.of(picture.time_s, now_s):
                self._hold()
                stored.waited(time.monotonic())
            if self._is_long_enough():
                return True
        return capture.is_finished()

    def _paced(self, stamp_s: float) -> float:
        """Waits until it is time for a picture of a film, and returns its time from the first one."""
        if not self.frame_count:
            self._times.of(stamp_s, time.monotonic())
        if self._first_s is None:  # opened again, a film begins from its start: its time goes on
            self._first_s = stamp_s - self.passed_s() if self.frame_count else stamp_s
        time_s = stamp_s - self._first_s
        self._stop.wait(max(time_s - self.passed_s(), 0.0))
        self._times.last_s = time_s
        return time_s

    def _give(self, arrived: Arrived) -> None:
        with self._newest:
            self._arrived = arrived
            self.frame_count += 1
            self._newest.notify_all()

    def _hold(self) -> None:
        """Waits until the newest picture was looked at."""
        index = self.frame_count - 1
        with self._newest:
            self._newest.wait_for(lambda: self._released >= index or self._stop.is_set(), HELD_S)

    def _is_long_enough(self) -> bool:
        return bool(self._length_s) and self.passed_s() >= self._length_s

    def _release(self) -> None:
        if self._capture:
            self._skipped_before += self._capture.skipped_count
            with suppress(Exception):  # a stream that is broken already
                self._capture.close()
        self._capture = None
