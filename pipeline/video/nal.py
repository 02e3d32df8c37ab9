"""Reads from a packet of H.264 or HEVC whether its frame is a reference for other frames.

This is stated in the header of a frame's first slice: by nal_ref_idc in H.264 (ITU-T H.264, 7.4.1), by the type of the
NAL unit in HEVC (ITU-T H.265, table 7-1). Units follow start codes, or are preceded by their length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    VideoPacket = Packet[VideoStream]

START_CODE = b"\0\0\1"
LENGTH_SIZE_AT = {"h264": 4, "hevc": 21}
"""Byte of the decoder's configuration record with the size of the lengths, less one."""
CODECS = frozenset(LENGTH_SIZE_AT)


def length_size(codec: str, extradata: bytes | None) -> int:
    """Bytes of the length before each unit; 0 if start codes are used."""
    at = LENGTH_SIZE_AT[codec]
    if not extradata or len(extradata) <= at or extradata[0] != 1:  # start codes begin with 0
        return 0
    return (extradata[at] & 3) + 1


def reference_test(codec: str, extradata: bytes | None) -> Callable[[VideoPacket], bool]:
    """A function that returns whether the frame of a packet may be a reference for others.

    Args:
        codec: of `CODECS`.
        extradata: the stream's decoder configuration.
    """
    size = length_size(codec, extradata)
    return lambda packet: is_referred_to(packet, codec, size)


def is_referred_to(packet: bytes | VideoPacket, codec: str, size: int) -> bool:
    """Whether the frame of a packet may be a reference for others; True if that is not known.

    Args:
        packet: bytes, or an object with the buffer protocol such as `av.Packet`.
        codec: of `CODECS`.
        size: from `length_size`.
    """
    for header in _headers(memoryview(packet), size):
        if codec == "h264":
            if 1 <= header & 31 <= 5:
                return header >> 5 & 3 != 0
        elif (kind := header >> 1 & 63) < 32:
            return kind > 14 or kind % 2 == 1
    return True


def _headers(content: memoryview, size: int) -> Iterator[int]:
    """The first byte of each unit."""
    at = 0
    if size:
        while at + size < len(content):
            yield content[at + size]
            at += size + int.from_bytes(content[at : at + size], "big")
        return
    whole = bytes(content)
    while (at := whole.find(START_CODE, at) + len(START_CODE)) >= len(START_CODE) and at < len(whole):
        yield whole[at]
