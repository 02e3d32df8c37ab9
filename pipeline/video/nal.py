"""Reads from a packet of H.264 or HEVC whether other pictures are predicted from the one in it.

The answer stands in the header of a picture's first slice: nal_ref_idc in H.264 (ITU-T H.264, 7.4.1), the type of the
NAL unit in HEVC (ITU-T H.265, table 7-1). Units follow start codes, or are preceded by their length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

START_CODE = b"\0\0\1"
LENGTH_SIZE_AT = {"h264": 4, "hevc": 21}
"""Byte of the decoder's configuration record with the size of the lengths, less one."""
CODECS = frozenset(LENGTH_SIZE_AT)


def length_size(codec: str, extradata: bytes | None) -> int:
    """Bytes of the length before each unit; 0 where start codes are used."""
    at = LENGTH_SIZE_AT[codec]
    if not extradata or len(extradata) <= at or extradata[0] != 1:  # start codes begin with 0
        return 0
    return (extradata[at] & 3) + 1


def is_referred_to(packet: Any, codec: str, size: int) -> bool:
    """Whether pictures may be predicted from a packet's; True where that cannot be told.

    Args:
        packet: its bytes, or what gives them, as `av.Packet` does.
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
