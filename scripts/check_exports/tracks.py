"""Compares the boxes that a tool has read with those of the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetally.exports.annotations.from_run import run_videos
from facetally.results.corrections import Corrections
from facetally.results.ledger import Ledger
from scripts.check_exports.tools import Row, Tool


def rows_of(out: Path) -> tuple[list[Row], list[Row], dict[str, tuple[int, int]]]:
    """The boxes of a run with frames, and with ticks of Label Studio's clock instead; and the videos' sizes."""
    ledger = Ledger(out)
    frames: list[Row] = []
    ticks: list[Row] = []
    sizes = {}
    for video in run_videos(ledger, list(ledger.rows()), Corrections(), lambda _: None):
        sizes[video.video] = video.stored_px
        for track in video.tracks:
            for box in track.boxes:
                place = (*video.stored(box.box), track.attributes["gender"])
                frames.append((video.video, track.number, box.frame, *place))
                tick = int(np.ceil(box.time_s * video.clock_fps - 0.25))  # the first at which a player shows the frame
                ticks.append((video.video, track.number, tick, *place))
    return frames, ticks, sizes


@dataclass(frozen=True)
class Outcome:
    """How what a tool has read differs from what the run has stored."""

    tool: Tool
    count: int
    """Boxes of the run."""
    missing: int
    added: int
    furthest_px: float
    other_gender: int

    @property
    def is_same(self) -> bool:
        return not (self.missing or self.added or self.other_gender) and self.furthest_px <= self.tool.tolerance_px


def compared(tool: Tool, expected: list[Row], found: list[Row]) -> Outcome:
    """Compares by video, track and frame."""
    wanted, seen = ({row[:3]: row for row in rows} for rows in (expected, found))
    both = wanted.keys() & seen.keys()
    off = [np.abs(np.subtract(wanted[key][3:7], seen[key][3:7])).max() for key in both]
    genders = sum(bool(seen[key][7]) and wanted[key][7] != seen[key][7] for key in both)
    doubled = len(found) - len(seen)
    return Outcome(
        tool,
        count=len(wanted),
        missing=len(wanted.keys() - both),
        added=doubled + (0 if tool.reads_all_frames else len(seen.keys() - both)),
        furthest_px=float(max(off, default=np.inf)),
        other_gender=genders,
    )
