"""Compares the shares of women of groups: two with each other, more each with the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.quantification.differences import Difference, VideoCounts, difference
from facetally.tallies.shares import Shares

MAX_COMPARED = 30
"""Groups; more are not compared."""
THE_REST = "the rest"


@dataclass(frozen=True)
class GroupDifference:
    """The shares of women of the first group minus those of the second."""

    first: str
    second: str
    """A group, or `THE_REST`: all other groups."""
    by_appearance: Difference
    by_screen_time: Difference

    @property
    def label(self) -> str:
        return f"{self.first} − {self.second}"


def compared(cells: pd.DataFrame, lines: Sequence[Shares], rest: str) -> list[GroupDifference]:
    """The differences between groups of which the shares are not hidden; empty for one group, and for very many.

    Args:
        cells: with the columns video, gender, group and those of amounts.
        lines: of the groups.
        rest: the group of what is in no group, which is left out.
    """
    known = cells[(cells["gender"] != "unknown") & (cells["group"] != rest)]
    groups = [line.label for line in lines if line.label != rest]
    shown = {line.label for line in lines if line.hidden.isdisjoint(("female", "male"))}
    if not 2 <= len(groups) <= MAX_COMPARED or not len(known):
        return []
    amounts = _by_video(known, groups)
    if len(groups) == 2:
        pairs = [(groups[0], groups[1], amounts[:, 0], amounts[:, 1])]
    else:
        total = amounts.sum(axis=1)
        pairs = [(name, THE_REST, amounts[:, at], total - amounts[:, at]) for at, name in enumerate(groups)]
    return [
        GroupDifference(first, second, *(_difference(a, b, unit) for unit in range(2)))
        for first, second, a, b in pairs
        if {first, second} - {THE_REST} <= shown
    ]


def _difference(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], unit: int) -> Difference:
    """Of (2, C, 2) amounts of women and of women and men, by video and unit; appearances are the first unit."""
    counts = (VideoCounts(one[0, :, unit], one[1, :, unit], float(one[1, :, 0].sum())) for one in (first, second))
    return difference(*counts)


def _by_video(known: pd.DataFrame, groups: Sequence[str]) -> npt.NDArray[np.float64]:
    """(2, N, C, 2) amounts of women, and of women and men, by group, video and unit."""
    video, videos = pd.factorize(known["video"])
    group = known["group"].astype(str).map({name: at for at, name in enumerate(groups)}).to_numpy(np.int64)
    values = known[["appearances", "screen_time_s"]].to_numpy(np.float64)
    is_female = (known["gender"] == "female").to_numpy()
    amounts = np.zeros((2, len(groups), len(videos), 2))
    np.add.at(amounts[0], (group[is_female], video[is_female]), values[is_female])
    np.add.at(amounts[1], (group, video), values)
    return amounts


def points(difference: Difference) -> str:
    """A difference with its interval, in percentage points: "+4.5 (−3.2 to +12.2)"."""
    if math.isnan(difference.value):
        return "–"
    if difference.interval is None:
        return f"{_signed(difference.value)} (too few videos)"
    interval = difference.interval
    return f"{_signed(difference.value)} ({_signed(interval.low)} to {_signed(interval.high)})"


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")
