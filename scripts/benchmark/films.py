"""Films of several sizes, and clips, that `scripts/benchmark/` makes from the videos it is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facetally.inputs import InputVideo
from scripts.long_films import Film, distinct_copy, looped

FILMS = {
    "360p": Film((640, 360)),
    "720p": Film((1280, 720)),
    "1080p": Film(),
    "1080p HEVC": Film(codec="libx265", options={"preset": "fast", "x265-params": "log-level=error"}),
}


def make_films(clips: Sequence[Path], folder: Path, name: str, minutes: float, count: int) -> list[InputVideo]:
    """Films of one of `FILMS`, each from clips of its own."""
    paths = [folder / f"{name} {number}.mp4" for number in range(count)]
    return [
        InputVideo(looped(clips[number::count], path, minutes, FILMS[name]), path.stem)
        for number, path in enumerate(paths)
    ]


def make_clips(clips: Sequence[Path], folder: Path, minutes: float, count: int) -> list[InputVideo]:
    """Copies of one clip of 360p, each a file of other content for a run."""
    clip = looped(clips, folder / "clip.mp4", minutes, FILMS["360p"])
    return [InputVideo(distinct_copy(clip, number), f"clip{number:03}") for number in range(count)]
