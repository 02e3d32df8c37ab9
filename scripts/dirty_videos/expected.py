"""A file to write, and the result that a run must give for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.dirty_videos.encoding import SECONDS, SIZE_WH


@dataclass(frozen=True)
class Expected:
    """The expected result of a run for one file."""

    file: str
    status: str = "ok"
    """ok, partial or failed; several separated by slashes where decoders may differ."""
    seconds: float = SECONDS
    """Length that can be decoded; the maximum for a partial file."""
    width_px: int = SIZE_WH[0]
    height_px: int = SIZE_WH[1]
    """As displayed."""


@dataclass(frozen=True)
class DirtyVideo:
    """How to write a file, and its expected result."""

    expected: Expected
    make: Callable[[Path], None]
    needs: str
    """The encoder, which a build of FFmpeg may lack."""


def listed(
    videos: list[DirtyVideo], expected: Expected, needs: str = "libx264"
) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Adds a function that writes a file with this expected result to a list of videos."""

    def registered(make: Callable[[Path], None]) -> Callable[[Path], None]:
        videos.append(DirtyVideo(expected, make, needs))
        return make

    return registered
