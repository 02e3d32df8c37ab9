"""Chooses appearances of a run: by video, time, gender and age, in the order that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from facetally.errors import OptionError, OutputError
from facetally.formatting import command, player_time
from facetally.inspection.moments import Span
from facetally.options import ClassificationOptions
from facetally.results.corrections import read_corrections
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS, read_table
from facetally.results.tables_of_run import TablesOfRun
from facetally.results.video_lookup import VideoLookup

Order = Literal["time", "longest", "shortest", "uncertain"]
COLUMNS = (
    *("video", "video_id", "track_id", "first_s", "last_s", "screen_time_s", "gender", "female_prob", "age_years"),
    *("age_band", "face_height_px", "corrected", "why_unknown", "until_s"),
)
"""Of the table of appearances."""
TIME_TOLERANCE_S = 1e-6
"""As `player_time`: times are stored as fractions of two integers."""
FRAME_END_S = 1e-5
"""A frame is in view until just before the next: until 4.99999 s and shown as 0:04, if the next is at 5 s."""
LONGEST_SAMPLE_S = 3600.0
"""A face is in view until the next sampled frame, which is not later than that."""


@dataclass(frozen=True)
class Choice:
    """Which appearances are chosen."""

    video: str | tuple[str, ...] | None = None
    """A video's name, a part of it, its id, or a glob; or several of these. None: all videos."""
    genders: tuple[str, ...] = ()
    """Of `PredictedGender`; empty: all. The same for ages."""
    age_bands: tuple[str, ...] = ()
    track_id: int | None = None
    at: Span | None = None
    """In view then."""
    order: Order = "time"
    limit: int = 0
    """The first so many in this order; 0: all."""

    def __post_init__(self) -> None:
        if self.order not in get_args(Order):
            raise OptionError(f"--sort {self.order} is not known", fix=f"give one of: {', '.join(get_args(Order))}")
        if self.limit < 0:
            raise OptionError(f"--limit {self.limit} is below 0", fix="give 0, which shows all, or more")

    @property
    def videos(self) -> tuple[str, ...]:
        """What is written for videos; empty: all videos."""
        return (self.video,) if isinstance(self.video, str) else tuple(self.video or ())


@dataclass(frozen=True)
class Chosen:
    """The chosen appearances."""

    table: pd.DataFrame
    """A row for each, with `COLUMNS`, in order."""
    count: int
    """How many would be chosen without a limit."""
    all_count: int
    """Appearances in the run, or in the one video."""
    rows: dict[str, VideoRow]
    """Of the videos in the table, by their ids."""
    notes: tuple[str, ...]
    """What there is to know about corrections by hand, and about a video without anybody, as sentences."""


def choose(ledger: Ledger, choice: Choice) -> Chosen:
    """Reads the appearances of a run, with corrections by hand applied, and chooses some.

    Raises:
        OptionError: a track without its video.
        OutputError: no results, a damaged file, or a video or track that is not there.
    """
    tables = TablesOfRun(ledger, is_corrected=False)
    names = _names(ledger, tables, choice)
    corrections = read_corrections(ledger.out)
    predicted = _tracks(ledger, tables, names)
    tracks = corrections.applied(predicted.assign(corrected=corrections.are_corrected(predicted)))
    fitting = _in_order(_fitting(ledger, tracks, choice), choice.order)
    if choice.track_id is not None and fitting.empty:
        _raise_if_no_track(ledger, predicted, tracks, choice)
    shown = fitting.head(choice.limit or None)
    rows = {str(video_id): ledger.read_row(str(video_id)) for video_id in shown["video_id"].unique()}
    shown = shown.assign(why_unknown=_reasons(ledger, shown), until_s=_until_s(ledger, shown))
    table = shown.reset_index(drop=True)[list(COLUMNS)]
    disclosed = corrections.disclosure(names.keys())
    marks = ": marked *" if tracks["corrected"].any() else ": left out"  # those dropped by hand are in no table
    why_nobody = _why_nobody(ledger, choice) if table.empty else ""
    notes = (f"{disclosed}{marks}" if disclosed else "", corrections.lost_note(), why_nobody)
    return Chosen(table, len(fitting), len(tracks), rows, tuple(note for note in notes if note))


def _why_nobody(ledger: Ledger, choice: Choice) -> str:
    """Why the one video that is asked for shows nobody: it failed, or it is over by then; empty otherwise."""
    video_ids = _video_ids(ledger, choice)
    if len(video_ids) != 1:
        return ""
    row = ledger.read_row(video_ids[0])
    if row.status == "failed":
        return f"{row.video} could not be processed: {row.reason}"
    if choice.at is not None and choice.at.start_s > row.decoded_s:
        return f"{row.video} ends at {player_time(row.decoded_s)}"
    return ""


def _names(ledger: Ledger, tables: TablesOfRun, choice: Choice) -> dict[str, str]:
    """The names of the videos that are asked for and were read, by their ids."""
    rows = [ledger.read_row(video_id) for video_id in _video_ids(ledger, choice)] if choice.videos else tables.rows
    if choice.track_id is not None and len(rows) > 1:
        raise OptionError(
            f"there is a track {choice.track_id} in many videos: tracks are counted in each",
            fix=f"name the video: {command('facetally', 'show', ledger.out, 'VIDEO', '--track', choice.track_id)}",
        )
    return {row.video_id: row.video for row in rows if row.status != "failed"}


def _video_ids(ledger: Ledger, choice: Choice) -> list[str]:
    """The videos that are asked for by name; none where all are."""
    videos = VideoLookup(ledger)
    return list(dict.fromkeys(video_id for written in choice.videos for video_id in videos.get_all(written)))


def _tracks(ledger: Ledger, tables: TablesOfRun, names: dict[str, str]) -> pd.DataFrame:
    """The rows of tracks/ of these videos, with their names."""
    if len(names) == 1:
        tracks = read_table(ledger.path("tracks", *names), TRACKS).to_pandas()
    elif names:
        every = pd.concat(tables.tracks(), ignore_index=True)
        tracks = every[every["video_id"].isin(list(names))].reset_index(drop=True)
    else:
        tracks = TRACKS.empty_table().to_pandas()
    return tracks.assign(video=tracks["video_id"].map(names))  # old tables have no names


def _fitting(ledger: Ledger, tracks: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """Those that the choice asks for."""
    for column, wanted in (("gender", choice.genders), ("age_band", choice.age_bands)):
        if wanted:
            tracks = tracks[tracks[column].isin(wanted)]
    if choice.track_id is not None:
        tracks = tracks[tracks["track_id"] == choice.track_id]
    return tracks if choice.at is None else _in_view(ledger, tracks, choice.at)


def _in_view(ledger: Ledger, tracks: pd.DataFrame, at: Span) -> pd.DataFrame:
    """The appearances in view at some time: the last face of each is in view until the next sampled frame."""
    begun = tracks[(tracks["first_s"] <= at.stop_s) & (tracks["last_s"] + LONGEST_SAMPLE_S > at.start_s)]
    ended = begun[begun["last_s"] < at.start_s]
    until_s = begun["last_s"].copy()
    until_s[ended.index] = _until_s(ledger, ended)
    return begun[until_s + TIME_TOLERANCE_S >= at.start_s]


def _until_s(ledger: Ledger, tracks: pd.DataFrame) -> pd.Series:
    """The last moment at which each appearance is in view: just before the sampled frame that follows its last face."""
    until_s = tracks["last_s"].astype("float64")
    for video_id, own in tracks.groupby("video_id", observed=True):
        faces = read_table(ledger.path("faces", str(video_id)), FACES).to_pandas()
        ends_s = (faces["time_s"] + faces["duration_s"]).groupby(faces["track_id"]).max() - FRAME_END_S
        until_s[own.index] = np.fmax(own["track_id"].map(ends_s).astype("float64"), own["last_s"])
    return until_s


def _in_order(tracks: pd.DataFrame, order: Order) -> pd.DataFrame:
    """Sorted as asked, and what is equal then by video and time."""
    doubt = (tracks["female_prob"] - 0.5).abs().where(~tracks["corrected"].astype(bool), np.inf)
    keys = {"longest": -tracks["screen_time_s"], "shortest": tracks["screen_time_s"], "uncertain": doubt}
    assert {*keys, "time"} == set(get_args(Order))
    by_time = tracks.assign(_key=keys.get(order, 0.0))
    ordered = by_time.sort_values(["_key", "video", "first_s", "track_id"], kind="stable")
    return ordered.drop(columns="_key")


def _raise_if_no_track(ledger: Ledger, predicted: pd.DataFrame, counted: pd.DataFrame, choice: Choice) -> None:
    """Raises an error if the one track that is asked for does not exist, whatever else was asked for.

    Args:
        ledger: the run.
        predicted: the tracks of the video.
        counted: those of them that were not dropped by hand.
        choice: names the track.
    """
    if choice.track_id not in set(predicted["track_id"]):
        listed = command("facetally", "show", ledger.out, *choice.videos)
        raise OutputError(f"there is no track {choice.track_id} in this video", fix=f"list its tracks: {listed}")
    if choice.track_id not in set(counted["track_id"]):
        raise OutputError(
            f"track {choice.track_id} was dropped by hand",
            fix=command("facetally", "correct", ledger.out, *choice.videos, choice.track_id, "--undo"),
        )


def _reasons(ledger: Ledger, tracks: pd.DataFrame) -> list[str]:
    """Why each gender is unknown; empty where it is not, or where a person said so."""
    options: dict[str, ClassificationOptions] = {}
    reasons = []
    for track in tracks.itertuples():
        if track.gender != "unknown" or track.corrected:
            reasons.append("")
            continue
        if track.video_id not in options:
            stored = ledger.provenance(track.video_id).get("options", {})
            options[track.video_id] = ClassificationOptions.of_run(stored)
        reasons.append(
            why_unknown(track.female_prob, track.face_height_px, track.age_years, options=options[track.video_id])
        )
    return reasons


def why_unknown(female_prob: float, face_height_px: float, age_years: float, *, options: ClassificationOptions) -> str:
    """Why no gender is predicted, as in `facetally.tracks.appearances.predicted_gender`: all reasons that apply."""
    is_unsure = female_prob == 0.5 or max(female_prob, 1 - female_prob) < options.min_confidence
    reasons = [f"below {100 * options.min_confidence:.0f} %"] if is_unsure else []
    reasons += [f"face {face_height_px:.0f} px high"] if face_height_px < options.min_face_height_px else []
    reasons += [f"about {age_years:.0f} years old"] if age_years < options.min_age_years else []
    return ", ".join(reasons)
