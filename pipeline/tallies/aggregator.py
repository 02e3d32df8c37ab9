"""Tallies people: appearances and screen time by video, time bin, perceived gender and age band."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa

from facetally import __version__
from facetally.errors import OptionError
from facetally.gender.attributes import AGE_BANDS
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import NOT_COUNTED, TALLIES, write_table
from facetally.results.tables_of_run import FACE_COLUMNS, TablesOfRun

SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
DEFAULT_BIN = "15m"
KEYS = ["video_id", "bin", "gender", "age_band"]
NO_FACES = pd.DataFrame({name: [] for name in FACE_COLUMNS}).astype({"video_id": str, "track_id": "int64"})
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
    ledger: Ledger,
    rows: Iterable[VideoRow],
    bin_s: float,
    min_confidence: float | None = None,
    *,
    starts_s: Mapping[str, float] = MappingProxyType({}),
    tables: TablesOfRun | None = None,
) -> pd.DataFrame:
    """The table `tallies/` of the videos with these rows, with the columns of `tables.TALLIES`.

    Args:
        ledger: the run.
        rows: of the videos to tally.
        bin_s: length of a time bin in seconds.
        min_confidence: below this the gender is unknown; in place of the run's own threshold.
        starts_s: by video id, when a video begins on a clock in seconds; its bins begin at full bins of that clock, the
            first one perhaps before the video. Other videos begin at 0.
        tables: of the run, where they were opened before.

    Raises:
        OutputError: a damaged file.
    """
    rows, tables = list(rows), tables or TablesOfRun(ledger)
    parts = [
        tally_tracks(tracks, tables.faces, bin_s, starts_s)
        for tracks in tables.tracks(rows, min_confidence)
        if len(tracks)
    ]
    if not parts:
        return TALLIES.empty_table().to_pandas()
    names = {row.video_id: (place, row.video) for place, row in enumerate(rows)}
    tallies = pd.concat(parts, ignore_index=True)
    place, video = (tallies["video_id"].map({key: value[i] for key, value in names.items()}) for i in (0, 1))
    tallies = tallies.assign(video=video, place=place)
    return in_order(tallies, ["place", "bin_start_s", "gender", "age_band"])[TALLIES.names]


def tally_tracks(
    tracks: pd.DataFrame,
    faces_of: Callable[[Sequence[str]], pd.DataFrame],
    bin_s: float,
    starts_s: Mapping[str, float] = MappingProxyType({}),
) -> pd.DataFrame:
    """The tally of the tracks of some videos: an appearance counts in the bin where it begins, screen time in the bin
    where it passes. Faces are read only of videos with a track that crosses a bin's border.

    Args:
        tracks: with the columns `TRACK_COLUMNS`.
        faces_of: reads the faces of videos with these ids, with the columns `FACE_COLUMNS`.
        bin_s, starts_s: as in `tally_videos`.
    """
    start_s = tracks["video_id"].map(dict(starts_s)).astype(np.float64).fillna(0.0)
    tracks = tracks.assign(start_s=start_s, bin=np.floor((tracks["first_s"] + start_s) / bin_s))
    is_split = tracks["bin"] != np.floor((tracks["last_s"] + start_s) / bin_s)
    split = tracks.loc[is_split, ["video_id", "track_id", "gender", "age_band", "start_s"]]
    shown = faces_of(list(split["video_id"].unique())) if len(split) else NO_FACES
    shown = shown.merge(split, on=["video_id", "track_id"], how="inner")
    shown = shown.assign(bin=np.floor((shown["time_s"] + shown["start_s"]) / bin_s), screen_time_s=shown["duration_s"])
    seconds = pd.concat([tracks[~is_split], shown])[[*KEYS, "screen_time_s"]]
    people = first_appearances(tracks)
    people = people.assign(bin=np.floor((people["first_s"] + people["start_s"]) / bin_s))
    cells = {
        "appearances": tracks.groupby(KEYS).size(),
        "people": people.groupby(KEYS).size(),
        "screen_time_s": seconds.groupby(KEYS)["screen_time_s"].sum(),
    }
    tally = in_order(pd.concat(cells, axis=1).fillna(0).reset_index(), KEYS)
    bin_start_s = tally["bin"] * bin_s - tally["video_id"].map(dict(starts_s)).astype(np.float64).fillna(0.0)
    return pd.DataFrame(
        {
            **{"video_id": tally["video_id"], "bin_start_s": bin_start_s, "bin_stop_s": bin_start_s + bin_s},
            **{"gender": tally["gender"], "age_band": tally["age_band"]},
            "appearances": tally["appearances"].astype("int64"),
            "people": tally["people"].astype("int64"),
            "screen_time_s": tally["screen_time_s"].astype("float64"),
        }
    )


def first_appearances(tracks: pd.DataFrame) -> pd.DataFrame:
    """A row for each person of each video: when they first appear, and their gender and age band.

    These are those of their longest appearance with a known gender, or of the longest one. Empty if people were not
    counted.
    """
    person = ["video_id", "person_in_video"]
    counted = tracks[tracks["person_in_video"] != NOT_COUNTED]
    longest = counted.assign(known=counted["gender"] != "unknown").sort_values(
        ["known", "screen_time_s"], ascending=False, kind="stable"
    )
    kinds = longest.drop_duplicates(person).set_index(person).drop(columns=["first_s", "known"])
    return kinds.join(counted.groupby(person)["first_s"].min()).reset_index()


def in_order(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The rows sorted by these columns, age bands by age."""
    return table.sort_values(columns, key=_sort_key, kind="stable", ignore_index=True)


def _sort_key(column: pd.Series) -> pd.Series:
    return column.map(AGE_ORDER) if column.name == "age_band" else column


def write_tallies(ledger: Ledger, tallies: pd.DataFrame, bin_s: float, min_confidence: float | None = None) -> Path:
    """Writes OUT/tallies/tallies.parquet, replacing an older one, and returns its path."""
    path = ledger.out / "tallies" / "tallies.parquet"
    table = pa.Table.from_pandas(tallies, schema=TALLIES, preserve_index=False)
    made = {"version": __version__, "bin_s": bin_s, "min_confidence": min_confidence, "run": ledger.provenance()}
    write_table(path, table, made)
    return path
