"""Decides which frames the decoder can skip.

A frame that is no reference for others (in H.264 and HEVC many B-frames) need not be decoded unless it is sampled. If
the frame shown right after it must be decoded anyway, that one can be sampled instead. This needs the order of
presentation in advance, so packets are read some way ahead.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facetally.video.nal import VideoPacket

AHEAD = 32
"""Packets read ahead: H.264 and HEVC may store a frame at most 16 places from its place in presentation order."""
REMEMBERED = 4 * AHEAD
MAX_JUMP_S = 1.0
"""If the times of packets jump back by more, they are not relied on."""


class Skipping:
    """Reads packets ahead and decides for each whether its frame is wanted.

    Args:
        is_due: whether the frame at the second time is sampled, given the time of the frame shown before it.
        is_referred_to: whether the frame of a packet is a reference for others.
        patience_s: how much later than due a frame may be sampled.
    """

    def __init__(
        self, is_due: Callable[[float, float], bool], is_referred_to: Callable[[VideoPacket], bool], patience_s: float
    ) -> None:
        self._is_due, self._is_referred_to, self._patience_s = is_due, is_referred_to, patience_s
        self._latest: list[tuple[float, bool]] = []  # time and whether referred to, in order of presentation
        self.left_out: list[float] = []
        """Times of the frames that were skipped since the last one `shown`."""
        self._is_off = False

    @classmethod
    def never(cls) -> Skipping:
        """An instance for which every frame is wanted."""
        skipping = cls(lambda *_: True, lambda _: True, 0.0)
        skipping.stop()
        return skipping

    def stop(self) -> None:
        """From now on every frame is wanted."""
        self._is_off = True

    def ahead(self, packets: Iterable[tuple[VideoPacket, float | None]]) -> Iterator[tuple[VideoPacket, bool]]:
        """Takes packets with their times in seconds; gives packets, and whether their frames are wanted."""
        waiting: deque[tuple[VideoPacket, float | None]] = deque()
        for packet, time_s in packets:
            self._remember(packet, time_s)
            waiting.append((packet, time_s))
            while waiting and (self._is_off or len(waiting) > AHEAD):
                yield self._decided(*waiting.popleft())
        while waiting:
            yield self._decided(*waiting.popleft())

    def shown(self, time_s: float) -> int:
        """How many frames were skipped before the one at `time_s`, since the last call."""
        at = bisect_left(self.left_out, time_s)
        del self.left_out[:at]
        return at

    def _remember(self, packet: VideoPacket, time_s: float | None) -> None:
        if self._is_off or not packet.size or packet.is_discard:
            return
        if time_s is None or (self._latest and time_s < self._latest[-1][0] - MAX_JUMP_S):
            self.stop()
        else:
            insort(self._latest, (time_s, self._is_referred_to(packet)))
            del self._latest[:-REMEMBERED]

    def _decided(self, packet: VideoPacket, time_s: float | None) -> tuple[VideoPacket, bool]:
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
