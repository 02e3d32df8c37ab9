"""Copies sound and text of a video into another file, packet by packet, as they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from facetally.errors import OutputError
from facetally.formatting import listed
from facetally.video.clock import Clock
from facetally.video.opening import clock_may_jump, opened, video_stream

SOUND_IN_MP4 = frozenset(("aac", "mp3", "mp2", "ac3", "eac3", "alac", "opus", "flac"))
"""Codecs of sound that common players play in MP4."""
TEXT = {"mp4": frozenset(("mov_text",)), "matroska": frozenset(("subrip", "ass", "webvtt", "text"))}
"""Codecs of subtitles that are copied, by container."""
KEPT_TIMES = frozenset(("mov", "matroska"))
"""Formats whose times begin near 0, and are kept. Those of broadcasts begin anywhere: there the file's start is 0."""


def fits_mp4(container: InputContainer) -> bool:
    """Whether MP4 can hold the sound of a file."""
    return all(stream.codec_context.name in SOUND_IN_MP4 for stream in container.streams.audio)


def start_of(container: InputContainer) -> float:
    """Seconds that are subtracted from all times of a file."""
    names = set(container.format.name.split(","))
    return max((container.start_time or 0) / 1e6, 0.0) if KEPT_TIMES.isdisjoint(names) else 0.0


class OtherStreams:
    """The packets of sound and subtitles of a file, on their way into another one.

    Args:
        path: of the video.
        number: of its video stream, as in `Sampling`.
        with_sound: whether sound is copied.
    """

    def __init__(self, path: Path, number: int = -1, *, with_sound: bool = True) -> None:
        self._path, self._container = path, opened(path)
        self._video = video_stream(self._container, path, number)
        self._with_sound = with_sound
        self._copies: dict[int, Any] = {}
        self._packets: Iterator[tuple[float, Packet[Stream]]] = iter(())
        self._held: deque[tuple[float, Packet[Stream]]] = deque()
        self._last_dts: dict[int, int] = {}
        self.left_out: list[str] = []
        """The streams that are not copied, in words."""

    def __enter__(self) -> OtherStreams:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._container.close()

    def add_to(self, output: OutputContainer, container_name: str) -> None:
        """Adds a stream to the output for each that is copied.

        Raises:
            OutputError: the container cannot hold the sound.
        """
        for stream in self._container.streams:
            codec = stream.codec_context.name if stream.codec_context else "data"
            is_text = stream.type == "subtitle" and codec in TEXT[container_name]
            if (stream.type == "audio" and self._with_sound) or is_text:
                self._copies[stream.index] = self._copy(output, stream, codec, container_name)
            elif stream.index != self._video.index and stream.type != "audio":
                self.left_out.append("data" if codec == "data" else f"{stream.type} ({codec})")
        self._packets = self._timed()

    def copy_until(self, output: OutputContainer, time_s: float | None) -> None:
        """Copies all packets up to a time of the output in seconds; None: all that are left."""
        while True:
            if not self._held:
                following = next(self._packets, None)
                if following is None:
                    return
                self._held.append(following)
            if time_s is not None and self._held[0][0] > time_s:
                return
            output.mux(self._held.popleft()[1])

    def _keep_order(self, packet: Packet[Stream]) -> None:
        """Moves a packet that would not come after the one before it, as sound around a jump of the clock may."""
        if packet.dts is None:
            return
        late = max(self._last_dts.get(packet.stream.index, packet.dts - 1) + 1 - packet.dts, 0)
        packet.dts += late
        packet.pts = packet.dts if packet.pts is None else packet.pts + late
        self._last_dts[packet.stream.index] = packet.dts

    def _copy(self, output: OutputContainer, stream: Any, codec: str, container_name: str) -> Any:
        try:
            copy = output.add_stream_from_template(stream, opaque=True)
        except (ValueError, OSError) as error:
            raise cannot_hold(self._path, container_name, codec) from error
        for name in ("language", "title"):
            if name in stream.metadata:
                copy.metadata[name] = stream.metadata[name]
        copy.disposition = stream.disposition
        return copy

    def _timed(self) -> Iterator[tuple[float, Packet[Stream]]]:
        """The packets with their times in the output, in the order of the file; jumps of the clock are closed up."""
        may_jump = clock_may_jump(self._container)
        clock, start_s = Clock(may_jump), start_of(self._container)
        streams = [self._container.streams[index] for index in self._copies]
        if not streams:
            return
        for packet in self._container.demux(*streams, *([self._video] if may_jump else [])):
            stamp = packet.pts if packet.dts is None else packet.dts
            if stamp is None or not packet.time_base or (not packet.size and packet.stream.type != "subtitle"):
                continue
            time_s = float(stamp * packet.time_base)
            if packet.stream.index == self._video.index:
                clock.advance(time_s, float((packet.duration or 0) * packet.time_base), packet.is_corrupt)
                continue
            clock.note_other(time_s)
            shift_s = clock.offset_s - start_s
            ticks = round(shift_s / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
            self._keep_order(packet)
            packet.stream = self._copies[packet.stream.index]
            yield time_s + shift_s, packet


def cannot_hold(path: Path, container_name: str, codec: str) -> OutputError:
    """The error that a container cannot hold a codec of sound."""
    fix = "--no-audio leaves the sound out"
    if container_name == "mp4":
        fix = f"give --container mkv, which holds more; {fix}"
    return OutputError(f"{listed([container_name], 1)} cannot hold the sound of {path} ({codec})", fix=fix)
