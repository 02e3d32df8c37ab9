"""Tallies people: appearances and screen time by video, time bin, perceived gender and age band."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from facetally import __version__
from facetally.errors import OptionError
from facetally.gender.attributes import AGE_BANDS
from facetally.options import ClassificationOptions
from facetally.quantification.run_shares import Unit
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, NOT_COUNTED, TALLIES, TRACKS, read_table, write_table
from facetally.tracks.appearances import predicted_gender

SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
DEFAULT_BIN = "15m"
AGE_ORDER = {band: rank for rank, band in enumerate((*AGE_BANDS, "unknown"))}
"""Age bands from the youngest to the oldest, then unknown: their order in every table."""


def parse_bin(text: str) -> float:
    """Seconds of a time bin: "90", "90s", "15m", "1h".

    Raises:
        OptionError: not of that form, or not positive.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    seconds = float(match[1]) * SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise OptionError(f"--bin {text} is not a length of time", fix="give seconds, minutes or hours: 90s, 15m or 1h")
    return seconds


def tally_videos(
    ledger: Ledger, rows: Iterable[VideoRow], bin_s: float, min_confidence: float | None = None
) -> pd.DataFrame:
    """The table `tallies/` of the videos with these rows, with the columns of `tables.TALLIES`.

    Args:
        ledger: the run.
        rows: of the videos to tally.
        bin_s: length of a time bin in seconds.
        min_confidence: below this the gender is unknown; in place of the run's own threshold.

    Raises:
        OutputError: a damaged file.
    """
    parts = []
    for row in rows:
        if row.status == "failed":
            continue
        faces = read_table(ledger.path("faces", row.video_id), FACES).to_pandas()
        tracks = read_table(ledger.path("tracks", row.video_id), TRACKS).to_pandas()
        if min_confidence is not None:
            made_with = ClassificationOptions.of_run(ledger.provenance(row.video_id)["options"])
            tracks = with_min_confidence(tracks, replace(made_with, min_confidence=min_confidence))
        parts.append(tally_video(faces, tracks, bin_s).assign(video_id=row.video_id, video=row.video))
    columns = TALLIES.names
    filled = [part for part in parts if len(part)]
    if not filled:
        return TALLIES.empty_table().to_pandas()
    return pd.concat(filled, ignore_index=True)[columns]


def with_min_confidence(tracks: pd.DataFrame, options: ClassificationOptions) -> pd.DataFrame:
    """The tracks of one video with their genders decided again by these options."""
    predictions = zip(tracks["female_prob"], tracks["face_height_px"], tracks["age_years"], strict=True)
    predicted = [predicted_gender(*prediction, options=options) for prediction in predictions]
    return tracks.assign(gender=pd.Series(predicted, tracks.index, dtype=tracks["gender"].dtype))


def tally_video(faces: pd.DataFrame, tracks: pd.DataFrame, bin_s: float) -> pd.DataFrame:
    """One video's tally: an appearance counts in the bin where it begins, screen time in the bin where it passes.

    Args:
        faces, tracks: rows of the tables of these names.
        bin_s: length of a time bin in seconds; the first begins at 0.
    """
    kinds = tracks[["track_id", "gender", "age_band"]]
    shown = faces.merge(kinds, on="track_id", how="inner")
    keys = ["bin", "gender", "age_band"]
    screen_time = (
        shown.assign(bin=np.floor(shown["time_s"] / bin_s)).groupby(keys)["duration_s"].sum().rename("screen_time_s")
    )
    begun = tracks.assign(bin=np.floor(tracks["first_s"] / bin_s)).groupby(keys).size().rename("appearances")
    people = first_appearances(tracks)
    people = people.assign(bin=np.floor(people["first_s"] / bin_s)).groupby(keys).size().rename("people")
    tally = in_order(pd.concat([begun, people, screen_time], axis=1).fillna(0).reset_index(), keys)
    return pd.DataFrame(
        {
            "bin_start_s": tally["bin"] * bin_s,
            "bin_stop_s": (tally["bin"] + 1) * bin_s,
            "gender": tally["gender"],
            "age_band": tally["age_band"],
            "appearances": tally["appearances"].astype("int64"),
            "people": tally["people"].astype("int64"),
            "screen_time_s": tally["screen_time_s"].astype("float64"),
        }
    )


def first_appearances(tracks: pd.DataFrame) -> pd.DataFrame:
    """A row for each person of one video: when they first appear, and their gender and age band.

    These are those of their longest appearance with a known gender, or of the longest one. Empty if people were not
    counted.
    """
    counted = tracks[tracks["person_in_video"] != NOT_COUNTED]
    longest = counted.assign(known=counted["gender"] != "unknown").sort_values(
        ["known", "screen_time_s"], ascending=False, kind="stable"
    )
    kinds = longest.drop_duplicates("person_in_video").set_index("person_in_video")[["gender", "age_band"]]
    return kinds.join(counted.groupby("person_in_video")["first_s"].min())


def in_order(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The rows sorted by these columns, age bands by age."""
    return table.sort_values(columns, key=_sort_key, kind="stable", ignore_index=True)


def _sort_key(column: pd.Series) -> pd.Series:
    return column.map(AGE_ORDER) if column.name == "age_band" else column


def without_small_cells(tallies: pd.DataFrame, min_cell: int) -> tuple[pd.DataFrame, str]:
    """The cells with at least `min_cell` appearances, and a sentence about those left out, empty if there are none.

    All sums are then taken over the remaining cells, so that the others cannot be derived from differences.
    """
    kept = tallies[tallies["appearances"] >= min_cell]
    if len(kept) == len(tallies):
        return tallies, ""
    appearances = int(tallies["appearances"].sum() - kept["appearances"].sum())
    sentence = (
        f"Left out: {len(tallies) - len(kept)} of {len(tallies)} cells of video, time, gender and age with fewer than "
        f"{min_cell} appearances, {appearances} in all"
    )
    return kept, sentence


def write_tallies(
    ledger: Ledger, tallies: pd.DataFrame, bin_s: float, min_confidence: float | None = None, min_cell: int = 0
) -> Path:
    """Writes OUT/tallies/tallies.parquet, replacing an older one, and returns its path."""
    path = ledger.out / "tallies" / "tallies.parquet"
    table = pa.Table.from_pandas(tallies, schema=TALLIES, preserve_index=False)
    settings = {"bin_s": bin_s, "min_confidence": min_confidence, "min_cell": min_cell}
    made = {"version": __version__, **settings, "run": ledger.provenance()}
    write_table(path, table, made)
    return path


@dataclass(frozen=True)
class Amounts:
    """The amount of each perceived gender, in appearances or in seconds."""

    female: float
    male: float
    unknown: float

    @classmethod
    def of(cls, tallies: pd.DataFrame, unit: Unit | Literal["people"]) -> Amounts:
        """Sums a tally's column `unit` by gender."""
        sums = tallies.groupby("gender")[unit].sum()
        return cls(*(float(sums.get(gender, 0)) for gender in ("female", "male", "unknown")))

    @property
    def total(self) -> float:
        return self.female + self.male + self.unknown

    @property
    def female_share(self) -> float:
        """Share of women among those of known gender, in [0, 1]; NaN where there are none."""
        known = self.female + self.male
        return self.female / known if known else math.nan

    @property
    def female_bounds(self) -> tuple[float, float]:
        """The share of women if all unknown were men, and if all were women; NaN where there is nobody."""
        if not self.total:
            return math.nan, math.nan
        return self.female / self.total, (self.female + self.unknown) / self.total


@dataclass(frozen=True)
class Shares:
    """Who appears, in every unit."""

    label: str
    appearances: Amounts
    people: Amounts
    """Zero in a run that did not count people."""
    screen_time: Amounts
    """In seconds."""

    @classmethod
    def of(cls, label: str, tallies: pd.DataFrame) -> Shares:
        """Sums a tally."""
        return cls(
            label,
            Amounts.of(tallies, "appearances"),
            Amounts.of(tallies, "people"),
            Amounts.of(tallies, "screen_time_s"),
        )


def grouped(tallies: pd.DataFrame, column: str, label_of: Callable[[Any], str] = str) -> Iterable[Shares]:
    """The shares for each value of a column, sorted by value, age bands by age.

    Args:
        tallies: with the columns of `tables.TALLIES`.
        column: one of these.
        label_of: turns a value into a label.
    """
    for value, group in in_order(tallies, [column]).groupby(column, sort=False):
        yield Shares.of(label_of(value), group)
