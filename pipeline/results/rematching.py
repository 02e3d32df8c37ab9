"""Keeps corrections with their appearances when videos are processed again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from facetally.errors import OutputError
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

    @property
    def sentences(self) -> list[str]:
        """What to tell the user; empty if all appearances are as they were."""
        texts = []
        if self.moved:
            texts.append(f"{_corrections(len(self.moved))} by hand moved to the new number of the same appearance")
        if self.lost:
            named = "; ".join(f"{row.described()}: {row.meaning}" for row in self.lost[:MAX_NAMED])
            more = f"; and {len(self.lost) - MAX_NAMED} more" if len(self.lost) > MAX_NAMED else ""
            texts.append(
                f"{_corrections(len(self.lost))} by hand not applied, as nobody was found there: {named}{more}"
            )
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
    new, found = _matched(ledger, rows)
    if new != rows:
        write_correction_rows(path, new)
    moved = [now for was, now in zip(rows, new, strict=True) if now.track_id not in (None, was.track_id)]
    return Rematch(tuple(moved), tuple(row for index, row in enumerate(new) if index not in found))


def _matched(ledger: Ledger, rows: Sequence[TrackCorrection]) -> tuple[list[TrackCorrection], set[int]]:
    """The rows with the numbers that their appearances have now, and the positions of those that were found."""
    videos, shown = VideoLookup(ledger), Appearances(ledger)
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


def _corrections(count: int) -> str:
    return "1 correction" if count == 1 else f"{count:,} corrections"
