"""What can be wrong with the labels of one video, found by holding them against its frames and a run's faces.

Mendable is what has one right answer: labels that were all written in another way, times between two frames or a
little past the end, boxes that hardly reach into the picture. The rest takes somebody who looks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetally.truth.check.alignment import Alignment, Fit, overlaps
from facetally.truth.check.readings import (
    AS_WRITTEN,
    FRAME_TOLERANCE_S,
    MIN_INSIDE,
    Bools,
    Floats,
    Reading,
    Recording,
    time_readings,
)
from facetally.truth.files import BOX_COLUMNS
from facetally.truth.labels import Ints, LabelledBoxes, LabelledPerson

SHOWN_LINES = 3
MAX_SHARED = 0.95
"""Overlap above which the boxes of two people at one time are one box."""
END_TOLERANCE_S = 1.0
"""How far an interval may go on after the end of its video: people give them in whole seconds."""
CLOSE_S = 0.1
"""How far outside a video a label's time may lie to be of its first or last frame: rounded, or estimated."""
NUMBER_COLUMNS = BOX_COLUMNS[2:]
EDGE_COLUMNS = BOX_COLUMNS[3:]
CHECK = "check it, and that the labels are of this file; a run over it (--run OUT) may tell how they were meant"


@dataclass(frozen=True)
class Finding:
    """Something about labels that is not as it should be."""

    kind: str
    """video, time, picture, past_end, off_frame, outside, cut, same_box or no_label."""
    video: str
    file: Path
    lines: tuple[int, ...]
    """All that it is about; none where the line is not known."""
    column: str
    value: str
    """In the first of the lines."""
    what: str
    """What is wrong with the value."""
    fix: str
    is_fixable: bool = False

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.lines[:SHOWN_LINES]))
        more = f" and {len(self.lines) - SHOWN_LINES} more" if len(self.lines) > SHOWN_LINES else ""
        lines = f", line{'s' if len(self.lines) > 1 else ''} {shown}{more}" if self.lines else ""
        return f"{self.file}{lines}, column {self.column}: {self.value!r} {self.what}"


def people_findings(
    video: str,
    file: Path,
    people: Iterable[LabelledPerson],
    boxed: Collection[str],
    recording: Recording,
    time: Reading = AS_WRITTEN,
) -> list[Finding]:
    """What is wrong with a video's rows of people.csv: people without a label, intervals after the end.

    Args:
        video: its name.
        file: people.csv.
        people: the rows.
        boxed: who of them has boxes.
        recording: the video.
        time: how its times are meant.
    """

    def found(
        kind: str, rows: list[tuple[int, str]], column: str, what: str, fix: str, is_fixable: bool = False
    ) -> list[Finding]:
        lines = tuple(line for line, _ in rows)
        return [Finding(kind, video, file, lines, column, rows[0][1], what, fix, is_fixable)] if rows else []

    unseen, late, long = [], [], []
    for person in people:
        if not person.intervals_s and person.person not in boxed:
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
        *found("past_end", late, "start_s", past, CHECK),
        *found("past_end", long, "end_s", past, "--fix lets the interval stop there", True),
    ]


def box_findings(video: str, file: Path, labels: LabelledBoxes, alignment: Alignment, fit: Fit) -> Iterator[Finding]:
    """What is wrong with a video's rows of boxes.csv.

    Args:
        video: its name.
        file: boxes.csv.
        labels: the rows.
        alignment: of these rows.
        fit: how they are meant; what else is wrong is found with the rows read so.
    """
    rows = _Rows(video, file, labels, alignment.recording, fit)
    yield from _misread(rows, alignment.fit())
    yield from _out_of_time(rows)
    if fit.time is AS_WRITTEN:
        yield from _between_frames(rows, alignment)
    yield from _out_of_image(rows)
    yield from _same_boxes(rows)


@dataclass(frozen=True)
class _Rows:
    """The rows of one video, and how they are meant."""

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

    def found(self, kind: str, rows: Ints, column: str, what: str, fix: str, is_fixable: bool = False) -> Finding:
        """A finding about some rows; it shows the value of the first."""
        numbers = self.labels.times_s[rows[0]], *self.labels.boxes[rows[0]]
        written = dict(zip(NUMBER_COLUMNS, numbers, strict=True))
        lines = tuple(self.labels.lines[rows].tolist())
        return Finding(kind, self.video, self.file, lines, column, f"{written[column]:.10g}", what, fix, is_fixable)


def _misread(rows: _Rows, plain: Fit) -> Iterator[Finding]:
    """Times or boxes that were all written in another way than they are to be read."""
    fit, name = rows.fit, rows.video
    evidence = "so read, they fit the video"
    if fit.overlap > plain.overlap:
        evidence = f"so read, boxes overlap the run's faces by {fit.overlap:.3f} instead of {plain.overlap:.3f}"
    moved = rows.where(np.abs(rows.times_s - rows.labels.times_s) > FRAME_TOLERANCE_S)
    if len(moved):
        what = f"is meant for {rows.times_s[moved[0]]:.2f} s: in {name} {fit.time.what}; {evidence}"
        yield rows.found("time", moved, "time_s", what, "--fix writes the times of the frames that are meant", True)
    if fit.image is not AS_WRITTEN:
        every = rows.where(np.ones(len(rows.labels.lines), bool))
        box = ", ".join(f"{edge:.0f}" for edge in rows.boxes[every[0]])
        what = f"is of a box that is meant for {box}: in {name} {fit.image.what}; {evidence}"
        yield rows.found("image", every, "x1", what, "--fix writes the boxes in pixels as displayed", True)


def _out_of_time(rows: _Rows) -> Iterator[Finding]:
    """Times outside the video."""
    recording, times_s = rows.recording, rows.times_s
    is_outside = ~recording.contains(times_s)
    is_close = (times_s >= -CLOSE_S) & (times_s <= recording.end_s + CLOSE_S)
    what = f"is not within {rows.video}, which ends at {recording.end_s:.2f} s"
    if len(close := rows.where(is_outside & is_close)):
        yield rows.found("past_end", close, "time_s", what, "--fix moves the label to the nearest frame", True)
    if len(far := rows.where(is_outside & ~is_close)):
        yield rows.found("past_end", far, "time_s", what, CHECK)


def _between_frames(rows: _Rows, alignment: Alignment) -> Iterator[Finding]:
    """Times at which no frame begins: harmless, unless they may be frame numbers at another rate."""
    recording, times_s = rows.recording, rows.labels.times_s
    off = rows.where(~recording.has_frames_at(times_s) & recording.contains(times_s))
    if not len(off):
        return
    what = f"is between two frames of {rows.video}"
    readings = time_readings(times_s, recording)
    rivals = [r for r in readings if not rows.fit.is_clearly_better(alignment.fit(r, rows.fit.image))]
    if AS_WRITTEN in readings or not rivals:
        yield rows.found("off_frame", off, "time_s", what, "--fix moves the label to the nearer one", True)
        return
    what += f", and on one if {' or if '.join(reading.what for reading in rivals)}"
    yield rows.found(
        "off_frame",
        off,
        "time_s",
        what,
        "a run over the video (--run OUT) may tell which; else write the times of the frames",
    )


def _out_of_image(rows: _Rows) -> Iterator[Finding]:
    """Boxes that hardly reach into the picture, or not at all."""
    recording, boxes = rows.recording, rows.boxes
    parts = recording.parts_inside(boxes)
    image = f"outside the picture of {rows.video}, {recording.width_px} x {recording.height_px} px"
    for kind, is_wrong, what, fix in (
        ("outside", parts == 0, f"lies {image}", CHECK),
        ("cut", (parts > 0) & (parts < MIN_INSIDE), f"lies mostly {image}", "--fix cuts the box off at the edge"),
    ):
        if len(wrong := rows.where(is_wrong)):
            beyond = np.abs(recording.clipped(boxes) - boxes)[wrong[0]]
            yield rows.found(kind, wrong, EDGE_COLUMNS[int(np.argmax(beyond))], what, fix, kind == "cut")


def _same_boxes(rows: _Rows) -> Iterator[Finding]:
    """Boxes that two people have at the same time."""
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
        who = f"{labels.people[one]} and {labels.people[other]} have at {labels.times_s[one]:g} s"
        what = f"is of a box that {who} in {rows.video}"
        yield rows.found("same_box", rows.where(is_same), "x1", what, "give each their own, or delete one of the two")
