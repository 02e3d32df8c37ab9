"""Keeps corrections with their appearances when videos are processed again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from facetally.errors import OutputError
from facetally.results.copies import Copies
from facetally.results.corrections import video_id_of
from facetally.results.corrections_file import (
    FILE_NAME,
    TrackCorrection,
    read_correction_rows,
    write_correction_rows,
)
from facetally.results.ledger import Ledger
from facetally.results.recognition import Appearances
from facetally.results.video_lookup import VideoLookup

MAX_NAMED = 3
"""Corrections that a sentence names; more are counted."""


@dataclass(frozen=True)
class Rematch:
    """What became of the corrections of a run."""

    moved: tuple[TrackCorrection, ...] = ()
    """Those of which the appearance was found under another number, as they are now."""
    lost: tuple[TrackCorrection, ...] = ()
    """Those of which it was not found."""
    to_copies: tuple[TrackCorrection, ...] = ()
    """Those of videos that the run has no more, but copies of them: they are now about a copy."""
    without_video: tuple[TrackCorrection, ...] = ()
    """Those of the lost ones of which the run does not have the video."""

    @property
    def sentences(self) -> list[str]:
        """What to tell the user; empty if all appearances are as they were."""
        texts = []
        if self.moved:
            texts.append(f"{_corrections(len(self.moved))} by hand moved to the new number of the same appearance")
        if self.to_copies:
            copies = "another video with the same content, as the run no longer has the corrected one"
            texts.append(f"{_corrections(len(self.to_copies))} by hand moved to {copies}: {_named(self.to_copies)}")
        if unseen := [row for row in self.lost if row not in self.without_video]:
            count = _corrections(len(unseen))
            texts.append(f"{count} by hand not applied, as nobody was found there: {_named(unseen)}")
        if self.without_video:
            count, which = _corrections(len(self.without_video)), _named(self.without_video)
            texts.append(f"{count} by hand not applied, as the run does not have the video: {which}")
        return texts


def anchored(ledger: Ledger, rows: Sequence[TrackCorrection]) -> list[TrackCorrection]:
    """The rows, where those typed by hand get the full name of their video, and when and where it shows them."""
    videos, shown = VideoLookup(ledger), Appearances(ledger)
    return [row if row.anchor else _anchored(videos, shown, row) for row in rows]


def _anchored(videos: VideoLookup, shown: Appearances, row: TrackCorrection) -> TrackCorrection:
    if row.track_id is None or (video_id := video_id_of(videos, row)) is None:
        return row
    with suppress(OutputError):  # a damaged table: the video is about to be processed again
        return replace(row, video=videos.names[video_id], anchor=shown.anchor(video_id, row.track_id))
    return row


def anchor_corrections(ledger: Ledger) -> None:
    """Completes corrections.csv before videos are processed again: rows typed by hand get times and boxes.

    The caller holds the lock of the folder.

    Raises:
        OutputError: the file has wrong values, or cannot be written.
    """
    path = ledger.out / FILE_NAME
    rows = read_correction_rows(path)
    if any(row.anchor is None for row in rows) and (complete := anchored(ledger, rows)) != rows:
        write_correction_rows(path, complete)


def rematched(ledger: Ledger) -> Rematch:
    """Finds the corrected appearances again after videos were processed anew, and brings corrections.csv up to date.

    An appearance is the same where its face at the stated time overlaps with the stated box. A correction that finds
    none keeps its row without a number: the next run looks for it again. The caller holds the lock of the folder.

    Raises:
        OutputError: the file has wrong values, or cannot be written.
    """
    path = ledger.out / FILE_NAME
    rows = read_correction_rows(path)
    if not rows:
        return Rematch()
    videos = VideoLookup(ledger)
    known = _with_copies_of_lost_videos(ledger, videos, rows)
    new, found = _matched(ledger, videos, known)
    if new != rows:
        write_correction_rows(path, new)
    lost = tuple(row for index, row in enumerate(new) if index not in found)
    return Rematch(
        moved=tuple(now for was, now in zip(rows, new, strict=True) if now.track_id not in (None, was.track_id)),
        lost=lost,
        to_copies=tuple(now for was, now in zip(rows, new, strict=True) if now.video != was.video),
        without_video=tuple(row for row in lost if video_id_of(videos, row) is None),
    )


def _with_copies_of_lost_videos(
    ledger: Ledger, videos: VideoLookup, rows: Sequence[TrackCorrection]
) -> list[TrackCorrection]:
    """The rows, with a copy of the video in place of each video that the run has no more."""
    copies, corrected = Copies(ledger), {(video_id_of(videos, row), row.track_id) for row in rows}
    known = list(rows)
    for index, row in enumerate(rows):
        if video_id_of(videos, row) is not None:
            continue
        for video_id in copies.named(row.video):
            if (video_id, row.track_id) not in corrected:
                corrected.add((video_id, row.track_id))
                known[index] = replace(row, video=videos.names[video_id])
                break
    return known


def _matched(
    ledger: Ledger, videos: VideoLookup, rows: Sequence[TrackCorrection]
) -> tuple[list[TrackCorrection], set[int]]:
    """The rows with the numbers that their appearances have now, and the positions of those that were found."""
    shown = Appearances(ledger)
    new, found = list(rows), set[int]()
    taken: set[tuple[str, int]] = set()
    matches: list[tuple[float, int, str, int]] = []
    for index, row in enumerate(rows):
        if (video_id := video_id_of(videos, row)) is None or not shown.is_readable(video_id):
            continue  # the video may come back
        if row.track_id is not None and (video_id, row.track_id) not in taken and shown.has(video_id, row):
            taken.add((video_id, row.track_id))
            found.add(index)
        elif row.anchor:
            new[index] = replace(row, track_id=None)
            if match := shown.best_match(video_id, row.anchor):
                matches.append((match[1], index, video_id, match[0]))
    for _, index, video_id, track_id in sorted(matches, reverse=True):  # each appearance goes to the one most like it
        if (video_id, track_id) not in taken:
            taken.add((video_id, track_id))
            found.add(index)
            new[index] = replace(rows[index], track_id=track_id, anchor=shown.anchor(video_id, track_id))
    return new, found


def _named(rows: Sequence[TrackCorrection]) -> str:
    named = "; ".join(f"{row.described()}: {row.meaning}" for row in rows[:MAX_NAMED])
    return named + (f"; and {len(rows) - MAX_NAMED} more" if len(rows) > MAX_NAMED else "")


def _corrections(count: int) -> str:
    return "1 correction" if count == 1 else f"{count:,} corrections"
