"""The frames of a source that are looked at: always the newest one, and those that came meanwhile are left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from facetally.live.reader import Arrived, Gap, Reader
from facetally.options import TIME_TOLERANCE_S, Sampling
from facetally.video.reader import Frame

POLL_S = 0.1
"""How often it is checked whether the session ends."""
FIRST_S = 0.04
"""How long the first frame stands where every frame is looked at: the time to the next one is not known."""


@dataclass(frozen=True)
class Taken:
    """A frame that is looked at."""

    frame: Frame
    arrived_s: float
    """As that of `Arrived`."""


class LiveFrames:
    """Samples a reader's newest frames; iterate in one thread, and call the rest from any.

    In a film, a frame stands for the time until the next sampled one. That is not known here, so it stands for the
    time since the one before: as many intervals as have passed since then, one after a gap. The sum is the same.

    Args:
        reader: the source.
        sampling: the times to sample.
        length_s: ends after so many seconds; 0: with the source.
    """

    def __init__(self, reader: Reader, sampling: Sampling, length_s: float = 0.0) -> None:
        self._reader, self._sampling, self._length_s = reader, sampling, length_s
        self._last: Arrived | None = None
        self._paused_s: float | None = None
        self._is_resumed = self._is_stopped = False
        self.taken: Taken | None = None
        """The frame that was given last."""
        self.sampled_count = self.dropped_count = 0
        self.watched_s = 0.0

    @property
    def is_paused(self) -> bool:
        return self._paused_s is not None

    def toggle_pause(self) -> None:
        """Pauses, or goes on; frames that come meanwhile are not looked at."""
        if self._paused_s is None:
            self._paused_s = self._last.time_s if self._last else 0.0
        else:
            started_s, self._is_resumed = self._paused_s, True
            self._paused_s = None  # last: from here on frames are sampled again
            newest = self._reader.newest
            self._reader.note_gap(Gap(started_s, newest.time_s if newest else started_s, "paused"))

    def stop(self) -> None:
        """Ends the iteration after the present frame."""
        self._is_stopped = True

    def __iter__(self) -> Iterator[Frame]:
        while not self._is_stopped:
            seen = self._last.index if self._last else -1
            arrived = self._reader.wait_for_newer(seen, POLL_S)
            if arrived is not None and not self.is_paused and self._is_due(arrived):
                yield self._frame(arrived)
                self._reader.release(arrived.index)
            elif self._reader.is_over or (self._length_s and self._reader.passed_s() >= self._length_s):
                break
            elif arrived is not None:  # not due: wait for the one after it
                self._reader.release(arrived.index)
                self._reader.wait_for_newer(arrived.index, POLL_S)
        if self._reader.error:
            raise self._reader.error

    def _is_due(self, arrived: Arrived) -> bool:
        return self._last is None or self._sampling.is_due(self._last.time_s, arrived.time_s)

    def _frame(self, arrived: Arrived) -> Frame:
        duration_s, missed_count = self._duration(arrived)
        self.dropped_count += missed_count
        self.sampled_count += 1
        self.watched_s += duration_s
        self._last, self._is_resumed = arrived, False
        frame = Frame(arrived.index, arrived.time_s, duration_s, arrived.image)
        self.taken = Taken(frame, arrived.arrived_s)
        return frame

    def _duration(self, arrived: Arrived) -> tuple[float, int]:
        """Seconds that a frame stands for, and how many that were due before it were missed."""
        last, every_s = self._last, self._sampling.every_s
        is_continued = last is not None and last.connection == arrived.connection and not self._is_resumed
        if not last or not is_continued:
            return every_s or FIRST_S, 0
        if not every_s:
            return arrived.time_s - last.time_s, arrived.index - last.index - 1
        steps = int((arrived.time_s + TIME_TOLERANCE_S) / every_s) - int((last.time_s + TIME_TOLERANCE_S) / every_s)
        return steps * every_s, steps - 1
