"""Parts of the campaign: the memory of a run over a long video, and of a long live picture."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from facetally.results.ledger import Ledger
from scripts.campaign.report import Result
from scripts.campaign.runs import TOO_MUCH_MB, started, watched
from scripts.long_films import Film, looped

LIVE_END_S = 2.0
"""The tables of a live picture may end so much earlier or later than it does."""


def long_video(clips: Sequence[Path], folder: Path, minutes: float) -> Result:
    """One long video: half a minute of 1080p, repeated, sampled once per second.

    Passed if the run and its workers together stay under 1.5 GB, and need at most 5 % more in the second half.
    """
    path = looped(clips, folder / "in" / "hour.mp4", minutes, Film())
    watch = watched(started(path.parent, folder / "out"))
    half = len(watch.samples_mb) // 2
    first, second = (max(part, default=0.0) for part in (watch.samples_mb[:half], watch.samples_mb[half:]))
    (row,) = Ledger(folder / "out").rows()
    return {
        "passed": watch.exit_code == 0 and max(first, second) < TOO_MUCH_MB and second < 1.05 * first,
        "minutes": round(row.decoded_s / 60, 1),
        "peak MB, first half": round(first),
        "peak MB, second half": round(second),
    }


def live_picture(clips: Sequence[Path], folder: Path, minutes: float, film: Film | None = None) -> Result:
    """`facetally live` with half a minute of 1080p, repeated, played in real time; its tables are stored.

    Passed if its memory grows by at most 5 % from the first half to the second and stays under 1.5 GB, and if the
    tables cover the whole length.
    """
    path, out = looped(clips, folder / "in" / "film.mp4", minutes, film or Film()), folder / "out"
    words, pipe = ["live", str(path), "--headless", "-o", str(out)], subprocess.PIPE
    watch = watched(subprocess.Popen([sys.executable, "-m", "facetally", *words], stdout=pipe, stderr=pipe, text=True))
    half = len(watch.samples_mb) // 2
    first, second = (max(part, default=0.0) for part in (watch.samples_mb[:half], watch.samples_mb[half:]))
    stored_s = sum(row.decoded_s for row in Ledger(out).rows())
    is_whole = abs(stored_s - 60 * minutes) < LIVE_END_S
    return {
        "passed": watch.exit_code == 0 and is_whole and max(first, second) < TOO_MUCH_MB and second < 1.05 * first,
        "minutes": round(stored_s / 60, 1),
        "peak MB, first half": round(first),
        "peak MB, second half": round(second),
        "appearances": watch.stdout.strip(),
    }
