"""Report pages of drawn runs: one with every part, and one of many videos."""

from __future__ import annotations

from pathlib import Path

import labelled_world
import pandas as pd

from facetally.jobs.sums import report_run
from facetally.options import RunOptions
from facetally.reporting.page import rendered
from facetally.results.ledger import VideoRow
from facetally.results.tables import TALLIES
from facetally.tallies.forecast import Forecast
from facetally.truth.files import write_truth

PEOPLE = [("female", 0.95, 3.0), ("female", 0.4, 1.0), ("male", 0.1, 2.0), ("male", 0.05, 9.0), ("male", 0.7, 4.0)]
FOLDERS = ("channel one", "channel two with a name that is rather long for a phone", "c")


def labelled_run(folder: Path) -> tuple[Path, Path]:
    """A run of nine videos in three folders, and a truth folder with the labels of all people."""
    videos = {f"{name}/film {at}.mp4": PEOPLE[: 3 + at] for name in FOLDERS for at in range(3)}
    ledger, truth = labelled_world.corpus(folder / "out", videos)
    write_truth(truth, folder / "truth")
    return ledger.out, folder / "truth"


def full_page(folder: Path) -> Path:
    """With groups, differences, labels, ages, timelines and sizes."""
    out, truth = labelled_run(folder)
    return report_run(out, folder / "page.html", bin="2s", by="folder", truth=truth, command="facetally report out")


def many_videos(path: Path, count: int) -> Path:
    """Of so many videos: number n has n % 7 women and 3 men, of 10 s each."""
    names = [f"channel {at % 12}/film {at}.mp4" for at in range(count)]
    rows = [VideoRow(f"id-{name}", name, f"/in/{name}", "ok", decoded_s=90.0, coverage=1.0) for name in names]
    cells = [
        (f"id-{name}", name, 0.0, 60.0, gender, "mid", people, 0, 10.0 * people)
        for at, name in enumerate(names)
        for gender, people in (("female", at % 7), ("male", 3))
        if people
    ]
    tallies = pd.DataFrame(cells, columns=TALLIES.names)
    provenance = {"options": RunOptions().as_dict(), "models": {}}
    text = rendered(rows, tallies, bin_s=60.0, provenance=provenance, expected=Forecast(0.1, 0.9), corrected={})
    path.write_text(text, encoding="utf-8")
    return path
