"""Finds a recording that was joined to another one with `cat` and that FFmpeg does not read.

FFmpeg reads on in joined MPEG-TS, MPEG-PS, Matroska and AVI files. It stops after the first part of others, without an
error.
"""

from __future__ import annotations

from pathlib import Path

BEGINNINGS = {
    "flv": b"FLV\1",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
}
"""The first bytes of a file, by format; MP4 is a list of boxes, of which the first is called ftyp."""
SEARCHED_BYTES = 2**16
"""How far after the last packet the beginning of another recording is searched for."""
BOX_HEADER_BYTES = 16


def second_recording_at(path: Path, container: str, read_until: int) -> int | None:
    """The byte at which another recording begins after all that was read; None if there is none.

    Args:
        path: the file.
        container: FFmpeg's name of its format.
        read_until: byte after the last packet that was read.
    """
    names = container.split(",")
    try:
        if "mov" in names:
            return next((at for at in _files_in_boxes(path) if at >= read_until), None)
        beginning = next((BEGINNINGS[name] for name in names if name in BEGINNINGS), None)
        if beginning is None or not read_until:
            return None
        with path.open("rb") as file:
            file.seek(read_until)
            at = file.read(SEARCHED_BYTES).find(beginning)
    except OSError:
        return None
    return read_until + at if at >= 0 else None


def _files_in_boxes(path: Path) -> list[int]:
    """Where boxes called ftyp begin, besides one at the very start."""
    found, at, size = [], 0, path.stat().st_size
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            header = file.read(BOX_HEADER_BYTES)
            length = int.from_bytes(header[:4], "big")
            if length == 1:  # the length does not fit
                length = int.from_bytes(header[8:16], "big")
            if header[4:8] == b"ftyp" and at:
                found.append(at)
            if length < 8:  # 0: to the end of the file
                break
            at += length
    return found
