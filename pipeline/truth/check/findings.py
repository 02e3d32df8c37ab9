"""Errors in the labels of one video, found by comparing them with its frames and with a run's faces.

An error can be fixed automatically where there is one correction: labels that were all written in another way, times
between two frames or a little past the end, boxes mostly outside the frame. The others need a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from facetally.formatting import listed
from facetally.truth.check.alignment import Alignment, Fit, overlaps
from facetally.truth.check.readings import (
    AS_WRITTEN,
    FRAME_TOLERANCE_S,
    MIN_INSIDE,
    Bools,
    Floats,
    Reading,
    Recording,
    after_others,
    time_readings,
)
from facetally.truth.label_rows import BOX_COLUMNS
from facetally.truth.labels import Ints, LabelledBoxes, LabelledPerson

SHOWN_LINES = 3
MAX_SHARED = 0.95
"""Overlap above which the boxes of two people at one time count as the same box."""
END_TOLERANCE_S = 1.0
"""How far an interval may extend past the end of its video: people give whole seconds."""
CLOSE_S = 0.1
"""How far outside a video a time may lie to be taken for its first or last frame: times are rounded or estimated."""
NUMBER_COLUMNS = BOX_COLUMNS[2:]
EDGE_COLUMNS = BOX_COLUMNS[3:]
SPREADSHEET = (
    "if minutes and seconds were typed, a spreadsheet has made hours and minutes of them: write seconds, or give the "
    "column the format text before typing 0:31"
)
CHECK = "check it, and that the labels are of this file; a run over it (--run OUT) may show how they were meant"


FindingKind = Literal["video", "time", "image", "past_end", "off_frame", "outside", "cut", "same_box", "no_label"]


@dataclass(frozen=True)
class Finding:
    """An error in the labels."""

    kind: FindingKind
    video: str
    file: Path
    lines: tuple[int, ...]
    """All lines concerned; empty where unknown."""
    column: str
    value: str
    """In the first of the lines."""
    what: str
    """The error, as the end of a sentence that begins with the value."""
    fix: str
    is_fixable: bool = False

    def __str__(self) -> str:
        shown = listed(self.lines, SHOWN_LINES)
        lines = f", line{'s' if len(self.lines) > 1 else ''} {shown}" if self.lines else ""
        return f"{self.file}{lines}, column {self.column}: {self.value!r} {self.what}"


def people_findings(
    video: str,
    file: Path,
    people: Iterable[LabelledPerson],
    *,
    boxed: Collection[str],
    recording: Recording,
    time: Reading = AS_WRITTEN,
) -> list[Finding]:
    """Errors in a video's rows of people.csv: people without a label, intervals past the end.

    Args:
        video: its name.
        file: people.csv.
        people: the rows.
        boxed: the people with boxes.
        recording: the video.
        time: the reading of its times.
    """

    def found(
        kind: FindingKind, rows: list[tuple[int, str]], column: str, what: str, fix: str, *, is_fixable: bool = False
    ) -> list[Finding]:
        lines = tuple(line for line, _ in rows)
        return [Finding(kind, video, file, lines, column, rows[0][1], what, fix, is_fixable)] if rows else []

    unseen, late, long = [], [], []
    for person in people:
        if not person.intervals_s and person.person not in boxed and person.is_labelled:
            unseen.append((person.line, person.person))
        for start_s, end_s in person.intervals_s:
            first_s, last_s = time.read(np.array([start_s, end_s]))
            if first_s >= recording.end_s:
                late.append((person.line, f"{start_s:.10g}"))
            elif last_s > recording.end_s + END_TOLERANCE_S:
                long.append((person.line, f"{end_s:.10g}"))
    past = f"is past the end of {video} at {recording.end_s:.2f} s"
    return [
        *found(
            "no_label", unseen, "person", f"has neither box nor interval in {video}", "add some, or delete the line"
        ),
        *found("past_end", late, "start_s", past, SPREADSHEET if _are_hours(late, recording) else CHECK),
        *found("past_end", long, "end_s", past, "--fix ends the interval there", is_fixable=True),
    ]


def _are_hours(late: Collection[tuple[int, str]], recording: Recording) -> bool:
    """Whether times past the end would all be within the video if their minutes were seconds."""
    return all(float(value) % 60 == 0 and float(value) / 60 < recording.end_s for _, value in late)


def box_findings(video: str, file: Path, labels: LabelledBoxes, *, alignment: Alignment, fit: Fit) -> Iterator[Finding]:
    """Errors in a video's rows of boxes.csv.

    Args:
        video: its name.
        file: boxes.csv.
        labels: the rows.
        alignment: of these rows.
        fit: their reading; other errors are looked for under it.
    """
    rows = _Rows(video, file, labels, alignment.recording, fit)
    yield from _misread(rows, alignment.fit())
    yield from _out_of_time(rows)
    if fit.time is AS_WRITTEN:
        yield from _between_frames(rows, alignment)
    yield from _out_of_image(rows)
    yield from _same_boxes(rows)


def project_findings(
    video: str, file: Path, labels: LabelledBoxes, *, alignment: Alignment, fit: Fit
) -> Iterator[Finding]:
    """Labels that may be as many frames late as the videos before have, where no face shows which is meant."""
    before = alignment.frames_before
    if not before or fit.time is not AS_WRITTEN:
        return
    meant = alignment.fit(after_others(alignment.recording, before), fit.image)
    if len(alignment.sightings) and meant.overlap <= fit.overlap:
        return
    rows = _Rows(video, file, labels, alignment.recording, fit)
    every = rows.where(np.ones(len(labels.lines), bool))
    yield rows.found(
        "time",
        every,
        "time_s",
        f"may be {before} frames late: {meant.time.what}",
        "import the export of the project again, as facetally truth import subtracts these frames, or export each task "
        "by itself; a run over the videos (--run OUT) may show which is meant",
    )


@dataclass(frozen=True)
class _Rows:
    """The rows of one video, and their reading."""

    video: str
    file: Path
    labels: LabelledBoxes
    recording: Recording
    fit: Fit

    @property
    def times_s(self) -> Floats:
        return self.fit.time.read(self.labels.times_s)

    @property
    def boxes(self) -> Floats:
        return self.fit.image.read(self.labels.boxes)

    def where(self, wrong: Bools) -> Ints:
        """The rows of a mask, in the order of the file."""
        rows = np.flatnonzero(wrong)
        return rows[np.argsort(self.labels.lines[rows], kind="stable")]

    def found(
        self, kind: FindingKind, rows: Ints, column: str, what: str, fix: str, *, is_fixable: bool = False
    ) -> Finding:
        """A finding about some rows; it shows the value of the first."""
        numbers = self.labels.times_s[rows[0]], *self.labels.boxes[rows[0]]
        written = dict(zip(NUMBER_COLUMNS, numbers, strict=True))
        lines = tuple(self.labels.lines[rows].tolist())
        return Finding(kind, self.video, self.file, lines, column, f"{written[column]:.10g}", what, fix, is_fixable)


def _misread(rows: _Rows, plain: Fit) -> Iterator[Finding]:
    """Times or boxes that were all written in another way than the truth folder expects."""
    fit, name = rows.fit, rows.video
    evidence = "with this reading they fit the video"
    if fit.overlap > plain.overlap:
        evidence = (
            f"with this reading boxes overlap the run's faces by {fit.overlap:.3f} instead of {plain.overlap:.3f}"
        )
    moved = rows.where(np.abs(rows.times_s - rows.labels.times_s) > FRAME_TOLERANCE_S)
    if len(moved):
        what = f"is meant for {rows.times_s[moved[0]]:.2f} s: in {name} {fit.time.what}; {evidence}"
        yield rows.found(
            "time", moved, "time_s", what, "--fix writes the times of the intended frames", is_fixable=True
        )
    if fit.image is not AS_WRITTEN:
        every = rows.where(np.ones(len(rows.labels.lines), bool))
        box = ", ".join(f"{edge:.0f}" for edge in rows.boxes[every[0]])
        what = f"belongs to a box that is meant for {box}: in {name} {fit.image.what}; {evidence}"
        yield rows.found(
            "image", every, "x1", what, "--fix writes the boxes in pixels of the displayed frame", is_fixable=True
        )


def _out_of_time(rows: _Rows) -> Iterator[Finding]:
    """Times outside the video."""
    recording, times_s = rows.recording, rows.times_s
    is_outside = ~recording.contains(times_s)
    is_close = (times_s >= -CLOSE_S) & (times_s <= recording.end_s + CLOSE_S)
    what = f"is not within {rows.video}, which ends at {recording.end_s:.2f} s"
    if len(close := rows.where(is_outside & is_close)):
        yield rows.found(
            "past_end", close, "time_s", what, "--fix moves the label to the nearest frame", is_fixable=True
        )
    if len(far := rows.where(is_outside & ~is_close)):
        yield rows.found("past_end", far, "time_s", what, CHECK)


def _between_frames(rows: _Rows, alignment: Alignment) -> Iterator[Finding]:
    """Times at which no frame begins: harmless, unless they could be frame numbers at another rate."""
    recording, times_s = rows.recording, rows.labels.times_s
    off = rows.where(~recording.has_frames_at(times_s) & recording.contains(times_s))
    if not len(off):
        return
    what = f"is between two frames of {rows.video}"
    readings = time_readings(times_s, recording)
    rivals = [r for r in readings if not rows.fit.is_clearly_better(alignment.fit(r, rows.fit.image))]
    if AS_WRITTEN in readings or not rivals:
        yield rows.found("off_frame", off, "time_s", what, "--fix moves the label to the nearer frame", is_fixable=True)
        return
    what += f", and on one if {' or if '.join(reading.what for reading in rivals)}"
    yield rows.found(
        "off_frame",
        off,
        "time_s",
        what,
        "a run over the video (--run OUT) may show which; otherwise write the times of the frames",
    )


def _out_of_image(rows: _Rows) -> Iterator[Finding]:
    """Boxes that are outside the frame, or mostly."""
    recording = rows.recording
    parts = recording.parts_inside(rows.boxes)
    edges = np.argmax(np.abs(recording.clipped(rows.boxes) - rows.boxes), axis=1)  # (N,) the edge furthest outside
    frame = f"outside the frame of {rows.video}, {recording.width_px} x {recording.height_px} px"
    if len(outside := rows.where(parts == 0)):
        yield rows.found("outside", outside, EDGE_COLUMNS[edges[outside[0]]], f"lies {frame}", CHECK)
    if len(cut := rows.where((parts > 0) & (parts < MIN_INSIDE))):
        column, fix = EDGE_COLUMNS[edges[cut[0]]], "--fix cuts the box off at the edge"
        yield rows.found("cut", cut, column, f"lies mostly {frame}", fix, is_fixable=True)


def _same_boxes(rows: _Rows) -> Iterator[Finding]:
    """Boxes that two people share at one time."""
    labels = rows.labels
    pairs: list[tuple[int, int]] = []
    for time_s in np.unique(labels.times_s):
        at_once = np.flatnonzero(labels.times_s == time_s)
        boxes = labels.boxes[at_once]
        shared = overlaps(boxes, np.broadcast_to(boxes, (len(boxes), *boxes.shape)))  # (N, N)
        pairs += ((at_once[one], at_once[other]) for one, other in np.argwhere(np.triu(shared > MAX_SHARED, 1)))
    if pairs:
        is_same = np.isin(np.arange(len(labels.lines)), pairs)
        one, other = min(pairs, key=lambda pair: min(labels.lines[list(pair)]))
        who = f"{labels.people[one]} and {labels.people[other]} share at {labels.times_s[one]:g} s"
        what = f"belongs to a box that {who} in {rows.video}"
        yield rows.found(
            "same_box", rows.where(is_same), "x1", what, "give each person their own box, or delete one of the two"
        )
