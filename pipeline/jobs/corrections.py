"""Corrects the machine's prediction for one appearance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pandas as pd

from facetally.errors import OptionError, OutputError
from facetally.formatting import command, listed
from facetally.jobs.arguments import PathLike
from facetally.results.corrections import read_corrections, resolved
from facetally.results.corrections_file import (
    AGE_CHOICES,
    FILE_NAME,
    GENDER_WORDS,
    Anchor,
    CorrectedGender,
    TrackCorrection,
    age_band_of,
    read_correction_rows,
    write_correction_rows,
)
from facetally.results.ledger import Ledger
from facetally.results.recognition import Appearances
from facetally.results.rematching import anchored
from facetally.results.video_lookup import VideoLookup

MAX_LISTED = 12
"""Appearances of a video that an error lists."""
MAX_COPIES = 5
"""Videos with the same content that a sentence names."""


@dataclass(frozen=True)
class CorrectedTrack:
    """What a correction changed."""

    video: str
    track_id: int
    first_s: float
    last_s: float
    before: str
    """Gender and age band that counted so far: "male, mid"."""
    after: str
    """Those that count now."""
    path: Path
    """Of corrections.csv."""
    copies: tuple[str, ...] = ()
    """The names of other videos with the same content, in which it counts, too."""

    def __str__(self) -> str:
        times = f"{Anchor(self.first_s, self.last_s).text} in {self.video}"
        change = f"{self.before} -> {self.after}" if self.before != self.after else f"stays {self.after}"
        copies = listed(self.copies, MAX_COPIES)
        return f"{times}: {change}" + (f"; also in {copies} (same content)" if copies else "")


def correct_track(
    out: PathLike,
    video: str,
    track: int,
    *,
    gender: str = "",
    age_band: str = "",
    who: str = "",
    undo: bool = False,
) -> CorrectedTrack:
    """Corrects an appearance in OUT/corrections.csv; tallies, reports and exports then count it so.

    Args:
        out: a run's output folder.
        video: the name of a video, a part of it that fits no other, or its id.
        track: the `track_id` of the appearance.
        gender: female, male, unknown, not_a_face, or ignore (a poster, a statue: not counted); empty: as predicted.
        age_band: child, teen, young, mid, old or unknown; empty: as predicted.
        who: who corrects it.
        undo: removes the correction of the appearance instead.

    Raises:
        PipelineError: no such video or appearance, an unknown word, a damaged file, or a run is writing to the folder.
    """
    if undo == bool(gender or age_band):
        raise OptionError(
            "nothing to correct" if not undo else "--undo removes a correction, and takes no gender or age",
            fix="give --gender or --age, or --undo",
        )
    wanted = TrackCorrection(video, track, _gender(gender), _age_band(age_band), who)
    ledger = Ledger(Path(out))
    video_id = VideoLookup(ledger).get_part(video)
    with _locked(ledger):
        return _corrected(ledger, video_id, wanted, undo)


@dataclass(frozen=True)
class ListedCorrection:
    """A row of corrections.csv, and what it changes."""

    row: TrackCorrection
    predicted: str
    """Gender and age band by the machine; empty if the run has no such appearance."""
    corrected: str
    """What counts instead."""
    is_found: bool
    """Whether the run has the appearance; otherwise the correction changes nothing."""


def corrections_of(out: PathLike) -> list[ListedCorrection]:
    """The corrections of a run, in the order of the file.

    Raises:
        OutputError: corrections.csv has wrong values; names all of them.
    """
    ledger = Ledger(Path(out))
    shown = Appearances(ledger)
    corrections = read_corrections(ledger.out)
    tracks = {id(row): shown.track(*key) for key, row in corrections.found.items()}
    listed = []
    for row in corrections.rows:
        track = tracks.get(id(row))
        predicted = "" if track is None else _counted_as(track, None)
        corrected = row.meaning if track is None else _counted_as(track, row)
        listed.append(ListedCorrection(row, predicted, corrected, track is not None))
    return listed


def _corrected(ledger: Ledger, video_id: str, wanted: TrackCorrection, undo: bool) -> CorrectedTrack:
    shown = Appearances(ledger)
    track = shown.track(video_id, wanted.track_id or 0)
    if track is None:
        raise _no_such_track(ledger, wanted, shown.tracks(video_id))
    path = ledger.out / FILE_NAME
    rows = anchored(ledger, read_correction_rows(path))
    key = video_id, int(track["track_id"])
    before = resolved(ledger, rows)
    earlier = before.found.get(key)  # even one of a video with the same content: the appearance is the same
    if undo and not earlier:
        raise OutputError(
            f"track {wanted.track_id} of {wanted.video} is not corrected",
            fix=f"see what is: {command('facetally', 'correct', ledger.out, '--list')}",
        )
    new = None if undo else _dated(ledger, video_id, wanted, earlier)
    kept = [row for row in rows if row is not earlier]
    write_correction_rows(path, [*kept, new] if new else kept)
    corrections = resolved(ledger, [*kept, new]) if new else before
    changed = [other for (other, _), row in corrections.found.items() if row is (new or earlier) and other != video_id]
    names = VideoLookup(ledger).names
    return CorrectedTrack(
        video=names[video_id],
        track_id=int(track["track_id"]),
        first_s=float(track["first_s"]),
        last_s=float(track["last_s"]),
        before=_counted_as(track, earlier),
        after=_counted_as(track, new),
        path=path,
        copies=tuple(names[other] for other in changed),
    )


def _dated(ledger: Ledger, video_id: str, wanted: TrackCorrection, earlier: TrackCorrection | None) -> TrackCorrection:
    """The new row; it keeps what an earlier one says besides, and names the earlier one."""
    anchor = Appearances(ledger).anchor(video_id, wanted.track_id or 0)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    new = replace(wanted, video=VideoLookup(ledger).names[video_id], when=now, anchor=anchor)
    if not earlier:
        return new
    said = f"{earlier.meaning} ({', '.join(word for word in (earlier.who, earlier.when) if word) or 'not dated'})"
    return replace(
        new,
        gender=new.gender or earlier.gender,
        age_band=new.age_band or earlier.age_band,
        before="; ".join(text for text in (said, earlier.before) if text),
    )


def _counted_as(track: pd.Series, correction: TrackCorrection | None) -> str:
    gender = (correction and correction.gender) or track["gender"]
    if correction and correction.is_drop:
        return f"{gender} (not counted)"
    return f"{gender}, {(correction and correction.age_band) or track['age_band']}"


def _no_such_track(ledger: Ledger, wanted: TrackCorrection, tracks: pd.DataFrame) -> OutputError:
    shown = (f"{row.track_id} ({Anchor(row.first_s, row.last_s).text} {row.gender})" for row in tracks.itertuples())
    those = listed(shown, MAX_LISTED) or "none"
    return OutputError(
        f"{wanted.video} has no appearance {wanted.track_id}; it has {those}",
        fix=f"give one of these numbers; to see them: {command('facetally', 'show', ledger.out, wanted.video)}",
    )


@contextmanager
def _locked(ledger: Ledger) -> Iterator[None]:
    if ledger.is_locked:
        fix = f"wait until it is done: {command('facetally', 'status', ledger.out)}"
        raise OutputError(f"a run is writing to {ledger.out}", fix=fix)
    with ledger.locked():
        yield


def _gender(word: str) -> CorrectedGender | Literal[""]:
    if word and word.lower() not in GENDER_WORDS:
        known = ", ".join(dict.fromkeys(GENDER_WORDS.values()))
        raise OptionError(f"--gender {word} is not known", fix=f"give one of: {known}")
    return GENDER_WORDS[word.lower()] if word else ""


def _age_band(word: str) -> str:
    if (band := age_band_of(word) if word else "") is None:
        raise OptionError(f"--age {word} is not known", fix=f"give {AGE_CHOICES}")
    return band
