"""Videos with unusual times or an unusual order of their frames, and videos that were joined."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

from scripts.dirty_videos.encoding import FPS, drawn_images, encode
from scripts.dirty_videos.expected import DirtyVideo, Expected, listed

UNEVEN_MS = (0, 40, 140, 640, 700, 1100, 1960)
TIMES: list[DirtyVideo] = []
dirty = partial(listed, TIMES)


@dirty(Expected("uneven.mp4"))
def uneven_rate(path: Path) -> None:
    """Frames at 0, 40, 140, 640, 700, 1100 and 1960 ms; the last one lasts 1/25 s."""
    encode(path, list(drawn_images(len(UNEVEN_MS))), UNEVEN_MS, time_base=Fraction(1, 1000))


@dirty(Expected("starts_at_8_s.ts"))
def late_start(path: Path) -> None:
    """A recording cut out of a broadcast."""
    encode(path, pts=range(200, 250))


@dirty(Expected("starts_before_0.mkv"))
def negative_start(path: Path) -> None:
    """The first fifth of a second has negative times."""
    encode(path, pts=range(-5, 45), muxer={"avoid_negative_ts": "disabled"})


@dirty(Expected("b_frames.mp4"))
def b_frames(path: Path) -> None:
    """Frames stored in another order than displayed."""
    encode(path, options={"bf": "3", "b_strategy": "0"})


@dirty(Expected("open_gop.mp4"))
def open_gop(path: Path) -> None:
    """Frames before a keyframe that depend on it and on the previous one."""
    encode(path, options={"bf": "3", "x264-params": "open-gop=1:keyint=12:min-keyint=12"})


def joined_parts(path: Path, *starts: int) -> None:
    """Writes a second for each start, a number of frames, byte by byte one after the other."""
    parts = []
    for start in starts:
        encode(path, drawn_images(FPS), range(start, start + FPS))
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))


@dirty(Expected("clock_on.ts"))
def clock_jumps_on(path: Path) -> None:
    """The clock of the broadcast jumps on by 26 hours after one second."""
    joined_parts(path, 0, 26 * 3600 * FPS)


@dirty(Expected("clock_back.ts"))
def clock_jumps_back(path: Path) -> None:
    """Two recordings joined with `cat`."""
    joined_parts(path, 5 * FPS, 0)


@dirty(Expected("joined.mp4", "partial", 1.0))
def joined_mp4(path: Path) -> None:
    """Two recordings joined with `cat`, of which FFmpeg reads the first only."""
    joined_parts(path, 0, 0)


@dirty(Expected("one_frame.mp4", seconds=0.04))
def one_frame(path: Path) -> None:
    encode(path, drawn_images(1))
