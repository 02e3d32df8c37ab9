"""The tracks of a video as labelling tools hold them: boxes on numbered frames, with attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import get_args

from facetally.gender.attributes import AGE_BANDS
from facetally.truth.formats.annotations import IN_VIEW, Box
from facetally.truth.labels import LabelledGender

LABEL = "face"
"""What the boxes are called in tools that name them."""
GENDERS: tuple[str, ...] = get_args(LabelledGender)
UNSURE = "unsure"
BOX_DECIMALS = 4
"""Of pixels, as written: more than boxes have, since they may be scaled back."""


@dataclass(frozen=True)
class Attribute:
    """What a track says of itself, as a labelling tool is set up for it."""

    name: str
    choices: tuple[str, ...] = ()
    """Empty: any text."""


PERSON_ATTRIBUTES = (
    Attribute("person"),
    Attribute("gender", GENDERS),
    Attribute("age_band", (UNSURE, *AGE_BANDS)),
    Attribute("face_quality", ("good", "poor")),
    Attribute("note"),
)
RUN_ATTRIBUTES = (*PERSON_ATTRIBUTES, *(Attribute(name) for name in ("run_track", "female_prob", "age_years")))
TRUTH_ATTRIBUTES = (*PERSON_ATTRIBUTES, Attribute(IN_VIEW))


@dataclass(frozen=True)
class TrackBox:
    """A box on a frame."""

    frame: int
    """0-based."""
    time_s: float
    """When the frame is displayed, in seconds from the first frame."""
    box: Box
    """x1, y1, x2, y2 in pixels of the frame as displayed."""
    is_label: bool = True
    """False: filled in, to say that the person is in view: a copy of the nearest label's box."""


@dataclass(frozen=True)
class Span:
    """A time in view, from the frame `start` up to, not including, the frame `stop`.

    Raises:
        ValueError: no box on the first frame, or boxes out of order or outside.
    """

    start: int
    stop: int
    last_s: float
    """When the last frame in view is displayed."""
    boxes: tuple[TrackBox, ...]
    """In order; the first one is on the first frame."""

    def __post_init__(self) -> None:
        frames = [box.frame for box in self.boxes]
        if not frames or frames[0] != self.start or frames[-1] >= self.stop or frames != sorted(set(frames)):
            raise ValueError(f"expected boxes in order from frame {self.start} to {self.stop}, got {frames}")

    def every_frame(self) -> Iterator[tuple[int, Box, bool]]:
        """Frame, box, and whether it is a label, for each frame: on straight lines between the boxes."""
        for one, later in pairwise(self.boxes):
            yield one.frame, one.box, one.is_label
            for frame in range(one.frame + 1, later.frame):
                share = (frame - one.frame) / (later.frame - one.frame)
                x1, y1, x2, y2 = (a + (b - a) * share for a, b in zip(one.box, later.box, strict=True))
                yield frame, (x1, y1, x2, y2), False
        last = self.boxes[-1]
        for frame in range(last.frame, self.stop):
            yield frame, last.box, last.is_label and frame == last.frame


@dataclass(frozen=True)
class ExportTrack:
    """A track: an appearance of a run, or a person of hand labels."""

    number: int
    """From 0, unique within the video."""
    attributes: Mapping[str, str]
    """By name; empty: not known."""
    spans: tuple[Span, ...]
    """In order; empty: the person has no box."""
    in_view: tuple[tuple[int, int], ...] = ()
    """Times in view as labelled, [start, stop) in frames; empty: not labelled."""

    @property
    def boxes(self) -> list[TrackBox]:
        """All labels, without what is filled in."""
        return [box for span in self.spans for box in span.boxes if box.is_label]


@dataclass(frozen=True)
class VideoTracks:
    """The tracks of one video."""

    video: str
    """Its name: a path with forward slashes."""
    path: Path
    displayed_px: tuple[int, int]
    """Width and height as players show it."""
    stored_px: tuple[int, int]
    """Width and height in pixels as stored, turned as displayed; other than `displayed_px` where these are not square.
    Tools that decode frames (CVAT, and whatever images were cut with FFmpeg or OpenCV for) show such pixels."""
    fps: float
    """Mean rate."""
    clock_fps: float
    """A rate at which each frame with a box has a tick of its own; the mean rate where frames come evenly."""
    frame_count: int
    duration_s: float
    attributes: tuple[Attribute, ...]
    tracks: tuple[ExportTrack, ...]
    facts: Mapping[str, object]
    """What else is known of the video: labelled_until_s, source."""

    @property
    def is_square(self) -> bool:
        return self.stored_px == self.displayed_px

    def stored(self, box: Box) -> Box:
        """A box in pixels as stored."""
        if self.is_square:
            return box
        x, y = (stored / shown for stored, shown in zip(self.stored_px, self.displayed_px, strict=True))
        return box[0] * x, box[1] * y, box[2] * x, box[3] * y

    @property
    def boxed(self) -> list[ExportTrack]:
        """The tracks that have a box."""
        return [track for track in self.tracks if track.spans]
