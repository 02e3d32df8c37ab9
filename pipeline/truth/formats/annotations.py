"""The labels of a video in one form for all labelling tools, as the tools count: in frames, without times."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from math import gcd
from pathlib import Path

from facetally.csv_rows import CsvRow
from facetally.errors import TruthError
from facetally.truth.label_rows import GENDER_WORDS, years_as_bands

Box = tuple[float, float, float, float]
ATTRIBUTES = {
    **{name: name for name in ("person", "gender", "age_band", "face_quality", "note")},
    **{"sex": "gender", "age": "age_band", "quality": "face_quality", "comment": "note"},
    **dict.fromkeys(("person_id", "track_id", "id"), "person"),
}
"""The column of people.csv for an attribute's name in a tool; of two names for one column the first here counts."""
BOX = "box"
"""`LabelledTrack.shape` of rectangles."""
IN_VIEW, LABELLED, ESTIMATED = "in_view", "labelled", "estimated"
"""An attribute of our own exports: whether times in view were labelled, or follow from those of the boxes. With either
value the boxes in the file are all that was labelled, and none is added between two of them."""
IS_LABEL = "labelled"
"""An attribute of single boxes in our own exports: false where a box only shows that the person is in view."""
MAX_FRAMES = 10_000_000
"""Four days: larger numbers are times, or damage."""
COPY_TOLERANCE = 1e-6
"""Between the edges of a box and its copy."""
MIN_STEP_FRAMES = 8
"""Labelled frames from which a common step between them is no chance."""


@dataclass(frozen=True)
class Keyframe:
    """Where a person is at one frame; the box moves from here to the next keyframe in a straight line."""

    frame: int
    """0-based."""
    box: Box
    """x1, y1, x2, y2 in pixels or percent of the labelled images."""
    rotation_deg: float = 0.0
    """Clockwise about the box's top left corner."""
    is_visible: bool = True
    """False: from here to the next keyframe the person is out of view."""
    is_label: bool = True
    """False: the box was filled in by an export of ours; it only shows that the person is in view."""


@dataclass(frozen=True)
class LabelledTrack:
    """One track of a person, as a tool exports it.

    Raises:
        TruthError: two keyframes of one frame.
        ValueError: no keyframes, or frames out of order.
    """

    row: CsvRow
    """person, and where known gender, age_band, face_quality, note; with the place in the file."""
    keyframes: tuple[Keyframe, ...]
    labels: tuple[str, ...] = ()
    """What the tool calls it: face, car, female, ...; empty where the tool has no such word."""
    shape: str = BOX
    """What it is drawn as; of other shapes than `BOX` the keyframes hold the box around them, possibly without area."""
    attributes: tuple[tuple[str, str], ...] = ()
    """All attributes in the file, understood or not: name and value."""
    has_boxes: bool = True
    """False: it only says when the person is in view; the boxes of its keyframes mean nothing."""
    has_stays: bool = True
    """False: its keyframes are single boxes; when the person comes and goes is unknown, or stated by another track."""

    @property
    def person_attribute(self) -> str:
        """The name of the attribute that says who it is; empty where none does."""
        return next((name for name, text in by_column(self.attributes).get("person", ()) if text.strip()), "")

    @property
    def in_view(self) -> str:
        """The value of the attribute `IN_VIEW`; empty in the files of others."""
        return dict(self.attributes).get(IN_VIEW, "").strip()

    def __post_init__(self) -> None:
        frames = [keyframe.frame for keyframe in self.keyframes]
        if frames != sorted(frames) or not frames:
            raise ValueError(f"expected frames in order, got {frames}")
        for frame, later in pairwise(frames):
            if frame == later:
                raise TruthError(
                    f"{self.row.path}, {self.row.where}: two boxes at the same time, {frame} frames after the first",
                    fix="delete one of them",
                )


@dataclass(frozen=True)
class LabelledVideo:
    """The labels of one video in a file."""

    path: Path
    """The file."""
    name: str
    """The video's name in the file: its path, a part of it, or empty."""
    tracks: tuple[LabelledTrack, ...]
    first_frame: int = 0
    """The number of the first frame in the file: 0 or 1."""
    size_px: tuple[int, int] | None = None
    """Width and height of the labelled images, where stated."""
    fps: float | None = None
    """Frames per second that the tool assumed, where stated."""
    frame_count: int | None = None
    """Frames that the tool found in the video, where stated."""
    is_by_player: bool = False
    """Frames are ticks of a clock at `fps` instead of frames of the video, and boxes are in percent of the image."""
    is_in_pixels: bool = False
    """Boxes are in pixels of the displayed image, also where frames are ticks."""
    has_gaps: bool = False
    """Only the keyframes are labels: between two of them no box is added, however far apart they are."""
    notes: tuple[str, ...] = ()
    """What the reader passed over or assumed, one line each."""


def box_of(row: CsvRow, names: Sequence[str], *, is_by_size: bool) -> Box:
    """The box in four values of a row.

    Args:
        row: from a file.
        names: of left, top, and either right and bottom, or width and height.
        is_by_size: the last two are width and height.

    Raises:
        TruthError: a value that is not a number, or a box without area.
    """
    x1, y1, x2, y2 = (row.number(name) for name in names)
    if is_by_size:
        x2, y2 = x1 + x2, y1 + y2
    if x2 <= x1 or y2 <= y1:
        raise row.wrong(names[2 if x2 <= x1 else 3], "makes a box without area", fix="delete it, or draw it again")
    return x1, y1, x2, y2


def frame_of(row: CsvRow, first_frame: int) -> int:
    """The frame of a row, counted from 0.

    Raises:
        TruthError: not a frame number.
    """
    number = row.number("frame")
    if number != int(number) or not first_frame <= number <= MAX_FRAMES:
        raise row.wrong("frame", "is not a frame number", fix=f"frames are whole numbers and begin with {first_frame}")
    return int(number) - first_frame


def leaving_after(keyframe: Keyframe, later: Keyframe | None = None, step: int = 1) -> tuple[Keyframe, ...]:
    """The keyframe at which a person leaves view after another; none where a later one follows immediately.

    Args:
        keyframe: the last one in view.
        later: the next one of the person.
        step: frames between two labels.
    """
    if later and later.frame <= keyframe.frame + step:
        return ()
    return (replace(keyframe, frame=keyframe.frame + step, is_visible=False),)


def separate_boxes(seen: Sequence[Keyframe], step: int = 1) -> tuple[Keyframe, ...]:
    """The keyframes of a person of whom each box was labelled by itself: out of view where labels do not follow.

    Args:
        seen: one for each box, in order.
        step: frames between two labels.
    """
    keyframes: list[Keyframe] = []
    for keyframe, later in zip_longest(seen, seen[1:]):
        keyframes += [keyframe, *leaving_after(keyframe, later, step)]
    return tuple(keyframes)


def without_filled_in(keyframes: Sequence[Keyframe], filled_in: Collection[int]) -> list[Keyframe]:
    """The keyframes with boxes that an export filled in marked as such.

    Such a box is a copy of the one before or after it. One that differs from both was moved by hand, and is a label.

    Args:
        keyframes: of one track, in order.
        filled_in: the frames whose boxes say that they are no labels.
    """
    marked = []
    for before, keyframe, after in zip((None, *keyframes), keyframes, (*keyframes[1:], None), strict=False):
        is_copy = any(near is not None and _is_alike(near.box, keyframe.box) for near in (before, after))
        marked.append(replace(keyframe, is_label=not (is_copy and keyframe.frame in filled_in)))
    return marked


def _is_alike(one: Box, other: Box) -> bool:
    return all(abs(a - b) < COPY_TOLERANCE for a, b in zip(one, other, strict=True))


def label_step(frames: Iterable[int]) -> int:
    """How many frames apart labels were made: 5 where all are of every fifth frame; 1 where there are few.

    Args:
        frames: of all labels of a video.
    """
    distinct = sorted(set(frames))
    return gcd(*(frame - distinct[0] for frame in distinct)) if len(distinct) >= MIN_STEP_FRAMES else 1


def by_column(attributes: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Attributes that are understood, by column of people.csv, in the order of `ATTRIBUTES`."""
    known = [(name, text) for name, text in attributes if name.strip().lower() in ATTRIBUTES]
    known.sort(key=lambda attribute: list(ATTRIBUTES).index(attribute[0].strip().lower()))
    columns: dict[str, list[tuple[str, str]]] = {}
    for name, text in known:
        columns.setdefault(ATTRIBUTES[name.strip().lower()], []).append((name, text))
    return columns


def people_values(person: str, attributes: Iterable[tuple[str, str]], labels: Iterable[str]) -> dict[str, str]:
    """Attributes of a person by column of people.csv; the gender may also be given as a label."""
    gender = next((label.strip() for label in labels if label.strip().lower() in GENDER_WORDS), "")
    columns = by_column(attributes)
    known = {column: next((text.strip() for _, text in given if text.strip()), "") for column, given in columns.items()}
    if "age_band" in known:
        known["age_band"] = years_as_bands(known["age_band"])
    return {"person": person, "gender": gender} | {column: text for column, text in known.items() if text}
