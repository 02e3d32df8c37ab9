"""Looks at files and says whether they are videos; runs in a process of its own, as damaged files may crash FFmpeg.

    python -m facetally.video.probe

reads one path per line, as a JSON string, and answers each with a line: "" for a video, else what it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import av

from facetally.video.opening import SAFE, TAGS

LIMITS = {"formatprobesize": "65536", "probesize": "1000000", "analyzeduration": "1000000"}
"""Bytes read to find the format, bytes read to find the streams, and their microseconds."""
STILL_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"miaf", b"crx "))
"""Of files that have the format of MP4 and hold a single image: HEIF, AVIF, raw photographs."""
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"moof")


def kind_of(path: str) -> str:
    """What a file is: "" for a video, also for one that is damaged."""
    with Path(path).open("rb") as file:
        head = file.read(12)
    if not head:
        return "empty"
    if head[4:8] == b"ftyp" and head[8:] in STILL_BRANDS:
        return "an image"
    try:
        container = av.open(f"file:{path}", options=SAFE | LIMITS, **TAGS)
    except av.error.FFmpegError:
        return "" if head[4:8] in MP4_BOXES else "no video"
    with container:
        if container.format.name == "webp_pipe":
            return "an image"
        covers = av.stream.Disposition.attached_pic
        if any(s.codec_context.width and not s.disposition & covers for s in container.streams.video):
            return ""
        return "sound only" if container.streams.audio else "no video"


def main() -> None:
    """Answers until its input ends."""
    for line in sys.stdin:
        path = json.loads(line)
        try:
            kind = kind_of(path)
        except OSError as error:
            kind = f"cannot be read: {error.strerror}"
        print(json.dumps(kind), flush=True)


if __name__ == "__main__":
    main()
