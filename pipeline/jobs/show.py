"""Shows single appearances of a run: a table of them, and their faces, cut from the videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import pandas as pd

from facetally.errors import OptionError
from facetally.formatting import command, listed
from facetally.gender.attributes import AGE_BANDS
from facetally.inspection.appearances import Choice, Chosen, Order, choose
from facetally.inspection.cells import OnVideo, cells_of
from facetally.inspection.moments import Span
from facetally.inspection.players import play_command
from facetally.inspection.sheet import WIDTH_PX, Sheet, check_sheet_path, drawn, write_sheet
from facetally.inspection.videos import VideoFinder
from facetally.jobs.arguments import Inputs, PathLike, optional_path, texts
from facetally.results.ledger import Ledger
from facetally.tracks.appearances import PredictedGender

DEFAULT_LIMIT = 60
MAX_NAMED = 3
"""Videos that a sentence names."""


@dataclass(frozen=True)
class Shown:
    """Appearances of a run."""

    table: pd.DataFrame
    """A row for each that is shown: columns of tracks/, the video's name, `corrected` (by hand) and `why_unknown`."""
    count: int
    """How many fit the choice; more than the table has rows where a limit left some out."""
    all_count: int
    """How many there are, in the run or in the one video that was chosen."""
    play: tuple[str, ...]
    """For each row the command that plays its video from there on; empty where the video was not found."""
    notes: tuple[str, ...]
    """What there is to know about corrections by hand and about videos that were not found, as sentences."""
    sheet: Sheet | None = None
    """Their faces, if that was asked for."""
    path: Path | None = None
    """Where the sheet was written."""

    def _repr_png_(self) -> bytes | None:
        """The sheet, as notebooks show it."""
        return self.sheet.png() if self.sheet else None


def show_run(
    out: PathLike,
    video: str | Sequence[str] | None = None,
    *,
    gender: str | Sequence[str] = (),
    age: str | Sequence[str] = (),
    at: str | float | None = None,
    track: int | None = None,
    sort: Order = "time",
    limit: int = DEFAULT_LIMIT,
    path: PathLike | None = None,
    with_sheet: bool = False,
    pictures: int = 0,
    width_px: int = WIDTH_PX,
    videos: Inputs = (),
    on_chosen: Callable[[Shown], None] = lambda _: None,
    on_video: OnVideo = lambda *_: None,
) -> Shown:
    """Lists appearances of a run, and draws a contact sheet of their faces if asked to.

    A run stores no faces: they are cut from the videos anew. A sheet holds faces of people, so it is drawn only with
    `path` or `with_sheet`; delete it when it is no longer needed.

    Args:
        out: a run's output folder; corrections by hand that it holds are applied and marked.
        video: only of this video, or these: names, parts of them, ids, or globs.
        gender: only of this perceived gender, or these: female, male, unknown.
        age: only of this age band, or these: child, teen, young, mid, old, unknown.
        at: only those in view at this time of their video: "1:23", "1:20-1:40", or seconds.
        track: only this one.
        sort: time (by video and time), longest, shortest, or uncertain (of the gender, the most first).
        limit: the most that are shown; 0: all.
        path: where a PNG file of the sheet is written; only a sheet is replaced.
        with_sheet: draws the sheet even without `path`.
        pictures: faces of each appearance on the sheet; 0: one, or six of a single appearance.
        width_px: of the sheet.
        videos: folders in which the videos are now, if they were moved.
        on_chosen: called with the table before the sheet is drawn.
        on_video: called with the name of each video that was read, and the number of all.

    Raises:
        PipelineError: no results, a video or track that is not there, a wrong option, or a file that cannot be written.
    """
    target = optional_path(path)
    if target:
        check_sheet_path(target)
    span = None if at is None else Span.parsed(str(at))
    genders, bands = _words(gender, get_args(PredictedGender), "gender"), _words(age, (*AGE_BANDS, "unknown"), "age")
    ledger = Ledger(Path(out))
    chosen = choose(ledger, Choice(_videos(video), genders, bands, track, span, sort, limit))
    finder = VideoFinder(ledger, [Path(folder) for folder in texts(videos)])
    shown = _listed(ledger, chosen, finder, span)
    on_chosen(shown)
    if chosen.table.empty or not (target or with_sheet):
        return shown
    cells = cells_of(ledger, chosen, finder, at=span, picture_count=pictures, on_video=on_video)
    sheet = drawn(cells, f"{ledger.out}: {counted(shown)}", width_px)
    if target:
        write_sheet(sheet, target)
    return replace(shown, sheet=sheet, path=target)


def counted(shown: Shown) -> str:
    """How many are shown: "12 of 340 shown"; without a limit how many fit: "40 of 340 appearances"."""
    if len(shown.table) < shown.count:
        others = f" ({shown.all_count:,} in all)" if shown.count < shown.all_count else ""
        return f"{len(shown.table):,} of {shown.count:,} shown{others}"
    all_of_them = f"{shown.all_count:,} {'appearance' if shown.all_count == 1 else 'appearances'}"
    return all_of_them if shown.count == shown.all_count else f"{shown.count:,} of {all_of_them}"


def _videos(given: str | Sequence[str] | None) -> str | tuple[str, ...] | None:
    return given if isinstance(given, str | None) else tuple(given)


def _words(given: str | Sequence[str], known: Sequence[str], name: str) -> tuple[str, ...]:
    words = (given,) if isinstance(given, str) else tuple(given)
    if wrong := [word for word in words if word not in known]:
        raise OptionError(f"--{name} {wrong[0]} is not known", fix=f"give one of: {', '.join(known)}")
    return words


def _listed(ledger: Ledger, chosen: Chosen, finder: VideoFinder, at: Span | None) -> Shown:
    """The result without a sheet."""
    places = {video_id: finder.find(chosen.rows[video_id]) for video_id in chosen.table["video_id"].unique()}
    play = []
    for track in chosen.table.itertuples():
        path, _ = places[track.video_id]
        start_s = track.first_s if at is None else at.clipped(track.first_s)
        play.append(play_command(path, start_s) if path else "")
    by_reason: dict[str, list[str]] = {}
    for video_id, (path, why) in places.items():
        if path is None:
            by_reason.setdefault(why, []).append(chosen.rows[video_id].video)
    moved = f"if it was moved: {command('facetally', 'show', ledger.out, '--videos', 'FOLDER')}"
    problems = [f"{why}: {listed(names, MAX_NAMED)}; {moved}" for why, names in by_reason.items()]
    jumping = [chosen.rows[video_id].video for video_id in places if chosen.rows[video_id].clock_jump_count]
    jumps = [f"the clock jumps in {listed(jumping, MAX_NAMED)}: players may show other times there"] if jumping else []
    return Shown(chosen.table, chosen.count, chosen.all_count, tuple(play), (*chosen.notes, *jumps, *problems))
