"""Formats figures for people."""

from __future__ import annotations

import math
import shlex


def percent(share: float) -> str:
    """0.4567 -> "45.7 %"; an en dash for NaN."""
    return "–" if math.isnan(share) else f"{share:.1%}".replace("%", " %")


def clock(seconds: float) -> str:
    """3725.4 -> "1:02:05"; under an hour "2:05"; under a minute with one decimal, "5.4 s"."""
    if 0 < seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def command(*words: object) -> str:
    """A command as one types it in a shell: words with spaces, quotes or a dollar sign are quoted."""
    return shlex.join(str(word) for word in words)
