"""Sums runs up: what tally prints, writes and reports have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from facetally.errors import OptionError
from facetally.formatting import clock
from facetally.quantification.correction import Correction
from facetally.quantification.run_shares import UNITS, corrections, known_sources, read_calibration, run_tracks
from facetally.results.ledger import VideoRow, option_sets
from facetally.results.many_files import Advanced, no_progress
from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin
from facetally.tallies.comparison import MAX_COMPARED, GroupDifference, compared
from facetally.tallies.corrected import Quotes, group_quotes, has_whole_videos, quotes
from facetally.tallies.forecast import Forecast, joined, run_forecast
from facetally.tallies.groups import GroupOptions, Groups, groups_of
from facetally.tallies.open_runs import OpenRun, open_runs, repeated_note
from facetally.tallies.shares import GENDERS, Column, Published, Shares, published

TIME_BINS_S = (10, 30, 60, 300, 900, 3600, 4 * 3600)
MAX_TIME_BINS = 30


@dataclass(frozen=True)
class SummaryOptions:
    """How runs are summed up."""

    bin: str | None = DEFAULT_BIN
    """Length of a time bin; None: as long as suits the videos."""
    groups: GroupOptions = field(default_factory=GroupOptions)
    min_confidence: float | None = None
    """Below this a gender is unknown; None: each run's own threshold."""
    min_cell: int = 0
    """Cells with fewer appearances are hidden."""
    calibration: Path | None = None
    """A report of a validation: also corrects the shares of the whole and of groups of whole videos."""

    def __post_init__(self) -> None:
        if self.min_confidence is not None and not 0.5 <= self.min_confidence <= 1:
            what = f"--min-confidence {self.min_confidence:g} is not the probability of a gender"
            raise OptionError(what, fix="give 0.5 to 1")
        if self.min_cell < 0:
            raise OptionError(f"--min-cell {self.min_cell} is below 0", fix="give 0, which hides nothing, or more")


@dataclass(frozen=True)
class Summary:
    """Who appears in the videos of one or several runs."""

    runs: tuple[OpenRun, ...]
    options: SummaryOptions
    groups: Groups
    bin_s: float
    """Length of the time bins of `cells`."""
    cells: pd.DataFrame
    """With the columns of `tables.TALLIES` and group, of which nothing is hidden."""

    @property
    def rows(self) -> list[VideoRow]:
        """Of all videos, with their names as they are shown."""
        return [row for run in self.runs for row in run.rows]

    @cached_property
    def published(self) -> Published:
        """The groups, and as parts of them single cells where something may be hidden."""
        parts = "cell" if self.options.min_cell else ""
        return published(self._numbered, [Column("group", parts=parts)], self.options.min_cell)

    @property
    def lines(self) -> tuple[Shares, ...]:
        """A line for each group; none if all videos are one."""
        return () if self.groups.by == "all" else self.published.lines[0]

    @property
    def total(self) -> Shares:
        return self.published.total

    @property
    def table(self) -> pd.DataFrame:
        """The cells that are not hidden, with the columns of `tables.TALLIES`."""
        columns = [name for name in self.cells.columns if name != "group"]
        hidden = self.published.hidden
        if hidden is None or hidden.parts[0] is None:
            return self.cells[columns]
        is_hidden = pd.DataFrame(hidden.parts[0], columns=list(GENDERS)).stack()
        numbers, genders = self._numbered["cell"], self.cells["gender"]
        keep = [not is_hidden[number, gender] for number, gender in zip(numbers, genders, strict=True)]
        return self.cells.loc[keep, columns].reset_index(drop=True)

    @property
    def _numbered(self) -> pd.DataFrame:
        """The cells with the number of their group, video, time and age band."""
        keys = ["group", "video", "bin_start_s", "age_band"]
        return self.cells.assign(cell=self.cells.groupby(keys, observed=True).ngroup())

    @cached_property
    def differences(self) -> list[GroupDifference]:
        """Between the groups."""
        return compared(self.cells, self.lines, self.groups.rest) if self.groups.has_differences else []

    @cached_property
    def forecast(self) -> Forecast:
        """The accuracy to expect for faces of these sizes."""
        return joined([run_forecast(run.ledger, run.rows, run.tables) for run in self.runs])

    @cached_property
    def corrections(self) -> dict[str, dict[str, Correction]]:
        """The shares of women of the whole, corrected for the classifier's errors; empty without a calibration."""
        if self.options.calibration is None or self.total.hidden:
            return {}
        labelled = self._labelled(self.options.calibration)
        known = [known_sources(self.options.calibration, run.rows) for run in self.runs]
        tracks = pd.concat(
            [run_tracks(run.ledger, run.rows, own, run.tables) for run, own in zip(self.runs, known, strict=True)]
        )
        return {unit: corrections(labelled, tracks, unit) for unit in UNITS}

    @cached_property
    def quotes(self) -> list[Quotes]:
        """The corrected shares to quote, of each line and last of the total; nothing of lines with hidden cells."""
        report, of_total = self.options.calibration, quotes(self.corrections)
        if report is None or not self.has_group_corrections:
            return [*({} for _ in self.lines), of_total]
        known = [known_sources(report, run.rows) for run in self.runs]
        by_group = group_quotes(self.runs, self.cells, self._labelled(report), known)
        return [*({} if line.hidden else by_group.get(line.label, {}) for line in self.lines), of_total]

    @property
    def has_group_corrections(self) -> bool:
        """Whether the groups have corrected shares: with a calibration, where each video lies in one group."""
        return bool(self.corrections and self.lines) and has_whole_videos(self.cells)

    def _labelled(self, report: Path) -> pd.DataFrame:
        """The labelled tracks, after it was checked that the weights of all runs are theirs."""
        labelled, *_ = (read_calibration(report, run.ledger.provenance().get("models", {})) for run in self.runs)
        return labelled

    @property
    def option_sets(self) -> int:
        """Number of different sets of options and weights; if more than one, the sums mix their results."""
        return option_sets(self.rows)

    @property
    def disclosure(self) -> str:
        """A sentence about corrections by hand; empty if there are none."""
        return "; ".join(self._of_runs([run.tables.disclosure for run in self.runs]))

    def _of_runs(self, texts: Sequence[str]) -> list[str]:
        """A sentence for each run, of several with its folder in front; without empty ones."""
        several = len(self.runs) > 1
        pairs = zip(self.runs, texts, strict=True)
        return [f"{run.ledger.out}: {text}" if several else text for run, text in pairs if text]

    @property
    def notes(self) -> list[str]:
        """What else a reader must know, as sentences without a full stop."""
        notes = [
            *self.groups.notes,
            repeated_note(self.runs),
            *self._of_runs([run.tables.corrections.lost_note() for run in self.runs]),
        ]
        if self.corrections and self.lines and not self.has_group_corrections:
            notes.append(
                f"the corrected shares are of all videos together: groups by {self.groups.by} cut through videos"
            )
        if any(quote.correction.interval is None for one in self.quotes for quote in one.values()):
            notes.append("a corrected share has no interval where its videos, or the labels, come from one source only")
        if self.groups.has_differences and len(self.lines) > MAX_COMPARED:
            notes.append(f"differences are shown for up to {MAX_COMPARED} groups, and there are {len(self.lines)}")
        return [note for note in notes if note]

    @property
    def mixed_note(self) -> str:
        """A sentence about results of several sets of options; empty if there is one."""
        if self.option_sets <= 1:
            return ""
        mixed = f"the results were made with {self.option_sets} different sets of options or weights; the sums mix them"
        people = ", and people are counted only in videos that were processed with --people"
        return mixed + (people if self.total.people.total else "")

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """Of facetally that made the tables, one for each set of options."""
        made = {(run.ledger, row.options_digest): row.video_id for run in self.runs for row in run.rows}
        found = {ledger.provenance(video_id).get("version", "") for (ledger, _), video_id in made.items()}
        return tuple(sorted(found - {""}))

    @property
    def settings(self) -> dict[str, Any]:
        """How it was made, for texts and files."""
        groups = self.options.groups
        return {
            "by": self.options.groups.by,
            "bin_s": self.bin_s,
            "videos_table": None if groups.videos_table is None else str(groups.videos_table),
            "clock": groups.clock,
            "min_confidence": self.options.min_confidence,
            "min_cell": self.options.min_cell,
            "calibration": None if self.options.calibration is None else str(self.options.calibration),
        }


def summed_up(outs: Sequence[Path], options: SummaryOptions, advanced: Advanced = no_progress) -> Summary:
    """Sums runs up.

    Args:
        outs: the output folders.
        options: how.
        advanced: is called with a number of files that were read.

    Raises:
        PipelineError: no results, a damaged file, a wrong option or table of videos, or a report of other weights.
    """
    wanted_s = parse_bin(options.bin) if options.bin else None
    runs = open_runs(outs, advanced)
    groups = groups_of(options.groups, [video for run in runs for video in run.videos])
    bin_s = groups.bin_s(wanted_s or readable_bin_s(max(row.decoded_s for run in runs for row in run.rows)))
    return Summary(tuple(runs), options, groups, bin_s, grouped_cells(runs, groups, bin_s, options.min_confidence))


def grouped_cells(runs: Sequence[OpenRun], groups: Groups, bin_s: float, min_confidence: float | None) -> pd.DataFrame:
    """The cells of all runs, with the column group."""
    starts_s = groups.starts_s()
    cells = pd.concat([run.tally(bin_s, min_confidence, starts_s) for run in runs], ignore_index=True)
    return groups.keyed(cells)


def readable_bin_s(longest_s: float) -> float:
    """The shortest of `TIME_BINS_S` that cuts the longest video into at most `MAX_TIME_BINS` bins."""
    return float(next((b for b in TIME_BINS_S if longest_s / b <= MAX_TIME_BINS), TIME_BINS_S[-1]))


def longer_than_videos(total: Shares, rows: Sequence[VideoRow]) -> str:
    """Why the screen time is longer than the videos; empty where it is not."""
    length_s = sum(row.decoded_s for row in rows if row.status != "failed")
    seconds = total.figures("screen_time_s")["screen_time_s"]
    if seconds is None or not seconds > length_s > 0:
        return ""
    return (
        f"screen time ({clock(seconds)}) is longer than the videos ({clock(length_s)}), because several faces in view "
        "at once count each"
    )
