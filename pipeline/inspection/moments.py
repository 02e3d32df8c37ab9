"""Moments of a video as people write them: "1:23", "83.5", "1:20-1:40"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from facetally.errors import OptionError

PER_UNIT = 60
"""Seconds of a minute, and minutes of an hour."""
CLOCK = re.compile(r"(?:(\d+):)?(?:(\d+):)?(\d+)(\.\d+)?")


@dataclass(frozen=True)
class Span:
    """A part of a video, in seconds from its first frame."""

    start_s: float
    stop_s: float
    """The last moment of it."""

    @classmethod
    def parsed(cls, text: str) -> Span:
        """Reads a moment, or a span from one moment to another.

        Without decimals a moment is the whole second that players show: "1:23" is everything before 1:24.

        Raises:
            OptionError: neither.
        """
        first, dash, last = text.replace("–", "-").partition("-")
        start, stop = _moment(first, text), _moment(last if dash else first, text)
        if stop.stop_s < start.start_s:
            raise OptionError(f"--at {text} ends before it begins", fix="write the earlier time first: --at 1:20-1:40")
        return cls(start.start_s, stop.stop_s)

    def clipped(self, time_s: float) -> float:
        """The moment of the span that is nearest to a time."""
        return min(max(time_s, self.start_s), self.stop_s)


def _moment(text: str, whole: str) -> Span:
    match = CLOCK.fullmatch(text.strip().removesuffix("s").strip())
    if not match:
        raise OptionError(
            f"--at {whole} is not a time", fix="write it as players show it: --at 1:23, --at 1:02:05 or --at 83.5"
        )
    first, second, seconds, fraction = match.groups()
    if (first and int(seconds) >= PER_UNIT) or (second and int(second) >= PER_UNIT):
        raise OptionError(
            f"--at {whole} is not a time", fix="give minutes and seconds below 60, or seconds alone: 83.5"
        )
    minutes = (int(first) * PER_UNIT + int(second)) if second else int(first or 0)
    start_s = float(PER_UNIT * minutes + int(seconds)) + float(fraction or 0)
    return Span(start_s, start_s if fraction else start_s + 1 - 1e-6)
