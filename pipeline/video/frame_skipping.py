"""Tells the decoder which pictures nobody will look at.

A picture that no other is predicted from (in H.264 and HEVC many B-frames) need not be decoded unless it is sampled;
and where the one shown right after it must be decoded anyway, that one can be looked at instead. To know that
beforehand takes the order of presentation, so packets are read some way ahead.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

AHEAD = 32
"""Packets read ahead: H.264 and HEVC may store a picture at most 16 places from where it is shown."""
REMEMBERED = 4 * AHEAD
MAX_JUMP_S = 1.0
"""Times of packets that go back by more are no times to rely on."""


class Skipping:
    """Reads packets ahead and says of each whether its picture is wanted.

    Args:
        is_due: whether a picture at the second time is looked at, given the time of the picture shown before it.
        is_referred_to: whether other pictures are predicted from a packet's.
        patience_s: how much later than due a picture may be looked at.
    """

    def __init__(
        self, is_due: Callable[[float, float], bool], is_referred_to: Callable[[Any], bool], patience_s: float
    ) -> None:
        self._is_due, self._is_referred_to, self._patience_s = is_due, is_referred_to, patience_s
        self._latest: list[tuple[float, bool]] = []  # time and whether referred to, in order of presentation
        self.left_out: list[float] = []
        """Times of the pictures that were left out behind the last one `shown`."""
        self._is_off = False

    def stop(self) -> None:
        """From now on every picture is wanted."""
        self._is_off = True

    def ahead(self, packets: Iterable[tuple[Any, float | None]]) -> Iterator[tuple[Any, bool]]:
        """Packets with their times in seconds -> packets, and whether their pictures are wanted."""
        waiting: deque[tuple[Any, float | None]] = deque()
        for packet, time_s in packets:
            self._remember(packet, time_s)
            waiting.append((packet, time_s))
            while waiting and (self._is_off or len(waiting) > AHEAD):
                yield self._judged(*waiting.popleft())
        while waiting:
            yield self._judged(*waiting.popleft())

    def shown(self, time_s: float) -> int:
        """How many pictures were left out before one that has come, since the last call."""
        at = bisect_left(self.left_out, time_s)
        del self.left_out[:at]
        return at

    def _remember(self, packet: Any, time_s: float | None) -> None:
        if self._is_off or not packet.size or packet.is_discard:
            return
        if time_s is None or (self._latest and time_s < self._latest[-1][0] - MAX_JUMP_S):
            self.stop()
        else:
            insort(self._latest, (time_s, self._is_referred_to(packet)))
            del self._latest[:-REMEMBERED]

    def _judged(self, packet: Any, time_s: float | None) -> tuple[Any, bool]:
        if self._is_off or time_s is None or packet.is_discard or not packet.size or self._is_wanted(time_s):
            return packet, True
        insort(self.left_out, time_s)
        return packet, False

    def _is_wanted(self, time_s: float) -> bool:
        at = bisect_left(self._latest, (time_s, False))
        if at == 0 or self._latest[at][1]:
            return True
        if not self._is_due(self._latest[at - 1][0], time_s):
            return False
        if at + 1 == len(self._latest):
            return True
        later_s, is_decoded_anyway = self._latest[at + 1]
        return not is_decoded_anyway or later_s > time_s + self._patience_s or self._is_due(time_s, later_s)
