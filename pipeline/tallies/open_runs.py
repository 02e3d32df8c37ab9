"""Opens the runs of one tally, and gives each video a name of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from facetally.errors import OptionError
from facetally.formatting import counted
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.many_files import Advanced, no_progress
from facetally.results.tables_of_run import TablesOfRun
from facetally.tallies.aggregator import tally_videos
from facetally.tallies.groups import Video


@dataclass(frozen=True)
class OpenRun:
    """A run, with its rows and the names of its videos as they are shown."""

    ledger: Ledger
    tables: TablesOfRun
    rows: tuple[VideoRow, ...]
    """With the names as they are shown."""
    own_rows: tuple[VideoRow, ...]
    """The same with the names in the run."""

    @property
    def videos(self) -> list[Video]:
        """Those that count; failed ones do not."""
        both = zip(self.rows, self.own_rows, strict=True)
        return [Video(row.video, own.video, row.video_id) for row, own in both if row.status != "failed"]

    def tally(
        self, bin_s: float, min_confidence: float | None, starts_s: Mapping[str, float] = MappingProxyType({})
    ) -> pd.DataFrame:
        """As `tally_videos`, with the names as they are shown; `starts_s` is by these names."""
        by_id = {row.video_id: starts_s[row.video] for row in self.rows if row.video in starts_s}
        return tally_videos(self.ledger, self.rows, bin_s, min_confidence, starts_s=by_id, tables=self.tables)


def open_runs(outs: Sequence[Path], advanced: Advanced = no_progress) -> list[OpenRun]:
    """Opens runs. Names that several of them have are kept apart by the name of the run's folder.

    Raises:
        OptionError: the same folder twice.
        OutputError: no results, or a damaged file.
    """
    places = Counter(out.resolve() for out in outs)
    if twice := [out for out in outs if places[out.resolve()] > 1]:
        raise OptionError(f"{twice[0]} is given twice", fix="name each folder once")
    tables = [TablesOfRun(Ledger(out), advanced) for out in outs]
    counts = Counter(row.video for one in tables for row in one.rows)
    labels = _labels(outs)
    runs = []
    for one, label in zip(tables, labels, strict=True):
        names = [f"{label}/{row.video}" if counts[row.video] > 1 else row.video for row in one.rows]
        rows = tuple(_renamed(row, name) for row, name in zip(one.rows, names, strict=True))
        runs.append(OpenRun(one.ledger, one, rows, tuple(one.rows)))
    return runs


def repeated_note(runs: Sequence[OpenRun]) -> str:
    """A sentence about videos with the same content in several runs, which count in each; empty if there are none."""
    contents = Counter(
        content for run in runs for content in {row.content_sha256 for row in run.rows if row.status != "failed"} - {""}
    )
    count = sum(number > 1 for number in contents.values())
    return f"{counted(count, 'video')} with the same content in several folders: counted in each" if count else ""


def _renamed(row: VideoRow, name: str) -> VideoRow:
    return row if row.video == name else replace(row, video=name)


def _labels(outs: Sequence[Path]) -> list[str]:
    """The names of the folders; with the folders above them as far as names are equal."""
    parts = [out.resolve().parts for out in outs]
    depth = 1
    while depth < max(len(one) for one in parts) and len({one[-depth:] for one in parts}) < len(outs):
        depth += 1
    return ["/".join(one[-depth:]) for one in parts]
