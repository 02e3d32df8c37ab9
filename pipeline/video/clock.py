"""Closes up the jumps of a video's clock.

The clock of a broadcast may jump, on or back: an encoder is restarted, another programme begins, or recordings were
joined with `cat`. ISO/IEC 13818-1 calls this a discontinuity, and wants a time stamp at least every 0.7 s otherwise.
Nothing is shown during the jump.
"""

from __future__ import annotations

from collections import deque

MIN_BACK_S = 0.5
"""Decoding times never decrease; they are allowed to by less than this, as rounding and repairs cause it."""
MIN_FORWARD_S = 1.0
"""A shorter gap is never a jump, ..."""
CERTAIN_FORWARD_S = 10.0
"""... and a longer one always is if nothing else was stored meanwhile. FFmpeg has the same limit."""
GAP_FACTOR = 5.0
"""In between, a gap is a jump if it is this many times as long as any before it."""
MIN_GAPS = 3
"""Gaps that must have been seen for that."""
REMEMBERED = 512
"""Times of packets of other streams that are remembered."""


class Clock:
    """Follows the decoding times of a stream and finds the jumps in them.

    Args:
        may_jump_on: whether jumps forward are looked for; jumps back always are.
    """

    def __init__(self, may_jump_on: bool) -> None:
        self.jump_count = 0
        self.offset_s = 0.0
        """To be added to the times of packets, to close up all jumps so far."""
        self._may_jump_on = may_jump_on
        self._last_s: float | None = None
        self._duration_s = 0.0  # of the last packet
        self._longest_gap_s, self._gap_count = 0.0, 0
        self._others: deque[float] = deque(maxlen=REMEMBERED)

    def note_other(self, time_s: float) -> None:
        """Takes the time of a packet of another stream: where sound was stored meanwhile, a gap is no jump."""
        self._others.append(time_s)

    def advance(self, time_s: float, duration_s: float, is_damaged: bool = False) -> bool:
        """Takes the decoding time of the next packet; returns whether the clock jumped before it.

        Args:
            time_s: seconds, as stored.
            duration_s: of the packet; 0 if unknown.
            is_damaged: data were lost before it: then a gap of a few seconds is no jump, but a loss.
        """
        gap_s = 0.0 if self._last_s is None else time_s - self._last_s
        is_jump = gap_s < -MIN_BACK_S or self._is_jump_on(gap_s, is_damaged)
        if is_jump:
            self.jump_count += 1
            self.offset_s += (self._duration_s or self._longest_gap_s) - gap_s
            self._others.clear()
        elif gap_s > 0:
            self._longest_gap_s, self._gap_count = max(self._longest_gap_s, gap_s), self._gap_count + 1
        self._last_s, self._duration_s = time_s, duration_s
        return is_jump

    def _is_jump_on(self, gap_s: float, is_damaged: bool) -> bool:
        if not self._may_jump_on or gap_s <= max(MIN_FORWARD_S, GAP_FACTOR * self._longest_gap_s):
            return False
        if gap_s <= CERTAIN_FORWARD_S and (is_damaged or self._gap_count < MIN_GAPS):
            return False
        assert self._last_s is not None
        early_s, late_s = self._last_s + gap_s / 4, self._last_s + 3 * gap_s / 4  # streams are stored a bit apart
        return not any(early_s < time_s < late_s for time_s in self._others)
