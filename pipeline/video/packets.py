"""Reads the packets of a video stream from its file: jumps of the clock are closed up, failed reads are counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from facetally.video.clock import Clock
from facetally.video.opening import clock_may_jump, own_duration_s, states_length

MAX_FAILED_READS = 100
"""Consecutive reads that may fail before the rest of a file is given up."""


class PacketReader:
    """One pass over the packets of a stream.

    Where the file's length includes other streams, or its clock may jump, their packets are read too: only they show
    whether the file ends early, and whether time passed in a gap.

    Args:
        container: the opened file.
        stream: the one to read.
        on_error: called with each error that a read gave.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, on_error: Callable[[av.error.FFmpegError], None]
    ) -> None:
        self._container, self._stream, self._on_error = container, stream, on_error
        self._own_s = own_duration_s(container, stream)
        may_jump = clock_may_jump(container)
        self._streams: list[Stream] = [stream]
        if may_jump or (self._own_s is None and states_length(container)):
            streams = container.streams
            self._streams += [*streams.audio, *streams.subtitles, *streams.data]
        self._clock = Clock(may_jump)
        self._first_s, self._last_s = math.inf, -math.inf  # of all streams, as stored
        base = stream.time_base
        self._base = (base.numerator, base.denominator) if base else (0, 1)
        self._is_at_end = False
        self.failed_in_a_row = 0
        """Set it to 0 when a packet could be decoded."""
        self.until_byte = 0
        """Where in the file the last packet ends."""
        self.until_s = 0.0
        """Where the last packet of the stream ends, jumps closed up."""
        self.jumped = False
        """Whether the last packet read follows a jump of the clock."""

    @property
    def jump_count(self) -> int:
        """Jumps of the clock so far."""
        return self._clock.jump_count

    def seconds(self, ticks: int | None, item: VideoFrame | Packet[Stream] | Packet[VideoStream]) -> float | None:
        """The time of a packet or image; None if it is unknown."""
        base = item.time_base or self._stream.time_base
        # as float(ticks * base), but several times as fast
        return ticks * base.numerator / base.denominator if ticks is not None and base else None

    def packet_seconds(self, ticks: int | None) -> float | None:
        """As `seconds`, of a packet of the stream that is read."""
        return None if ticks is None or not self._base[0] else ticks * self._base[0] / self._base[1]

    @property
    def is_at_end(self) -> bool:
        """Whether the file was read to its end."""
        return self._is_at_end

    def expected_s(self, start_s: float | None, stated_s: float) -> float:
        """How long the stream should last, in seconds; 0 if that is unknown.

        Args:
            start_s: time of the first image; None if there is none.
            stated_s: length stated by the container.
        """
        is_matroska = "matroska" in self._container.format.name
        if not self._is_at_end or start_s is None or self._own_s is not None:
            return max(stated_s - (start_s or 0.0), 0.0) if is_matroska else stated_s
        own_s = max(self.until_s - start_s, 0.0)
        if not states_length(self._container):
            return own_s if stated_s else 0.0
        # some formats state where the longest stream ends, others its length
        is_end = is_matroska or (self._first_s < stated_s and self._last_s <= stated_s + 1)
        missing_s = stated_s + (0.0 if is_end else self._first_s) - self._last_s
        return own_s + max(missing_s, 0.0) if stated_s else 0.0

    def __iter__(self) -> Iterator[tuple[Packet[VideoStream], float | None]]:
        """Packets and their times, including the empty one at the end."""
        packets = self._demuxed()
        while self.failed_in_a_row < MAX_FAILED_READS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                self.failed_in_a_row += 1
                self._on_error(error)
                packets = self._demuxed()  # the generator ended with its error
                continue
            is_last = packet.size == 0 and packet.dts is None
            if packet.stream is not self._stream and packet.stream_index != self._stream.index:
                self._note_other(packet)
                continue
            if packet.size == 0 and not is_last:  # a dropped frame; the decoder would take it for the end
                continue
            self._is_at_end = is_last
            yield cast("Packet[VideoStream]", packet), self._placed(packet)
            if is_last:
                return

    def _demuxed(self) -> Iterator[Packet[Stream]]:
        return self._container.demux(*self._streams)

    def _note_other(self, packet: Packet[Stream]) -> None:
        time_s = self.seconds(packet.dts, packet)
        if time_s is not None and packet.size:
            self._clock.note_other(time_s)
            self._note_extent(time_s, self.seconds(packet.duration, packet) or 0.0, packet)

    def _placed(self, packet: Packet[Stream]) -> float | None:
        """Closes jumps up in the packet's times; returns its presentation time."""
        pts, dts = packet.pts, packet.dts
        self.jumped = False
        if not packet.size or packet.is_discard:
            return self.packet_seconds(pts)
        duration_s = self.packet_seconds(packet.duration) or 0.0
        decode_s = self.packet_seconds(pts if dts is None else dts)
        if decode_s is not None:
            self._note_extent(decode_s, duration_s, packet)
            self.jumped = self._clock.advance(decode_s, duration_s, packet.is_corrupt)
        if self._clock.offset_s and self._base[0]:
            ticks = round(self._clock.offset_s * self._base[1] / self._base[0])
            pts, dts = None if pts is None else pts + ticks, None if dts is None else dts + ticks
            packet.pts, packet.dts = pts, dts
        time_s = self.packet_seconds(pts)
        if time_s is not None:
            self.until_s = max(self.until_s, time_s + duration_s)
        return time_s

    def _note_extent(self, time_s: float, duration_s: float, packet: Packet[Stream]) -> None:
        self.until_byte = max(self.until_byte, (packet.pos or 0) + packet.size)
        self._first_s = min(self._first_s, time_s)
        self._last_s = max(self._last_s, time_s + duration_s)
