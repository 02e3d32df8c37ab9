"""The labels of a video in one form for all labelling tools, as the tools count: in frames, without times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from facetally.errors import TruthError
from facetally.truth.csv_rows import CsvRow
from facetally.truth.label_rows import GENDER_WORDS

Box = tuple[float, float, float, float]
ATTRIBUTES = {
    **{name: name for name in ("person", "gender", "age_band", "face_quality", "note")},
    **{"sex": "gender", "age": "age_band", "quality": "face_quality", "comment": "note"},
}
"""The column of people.csv for an attribute's name in a tool."""


MAX_FRAMES = 10_000_000
"""Four days: larger numbers are times, or damage."""


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


def leaving_after(keyframe: Keyframe, later: Keyframe | None = None) -> tuple[Keyframe, ...]:
    """The keyframe at which a person leaves view after another; none where a later one follows immediately."""
    if later and later.frame <= keyframe.frame + 1:
        return ()
    return (replace(keyframe, frame=keyframe.frame + 1, is_visible=False),)


def people_values(person: str, attributes: Iterable[tuple[str, str]], labels: Iterable[str]) -> dict[str, str]:
    """Attributes of a person by column of people.csv; the gender may also be given as a label."""
    gender = next((label.strip() for label in labels if label.strip().lower() in GENDER_WORDS), "")
    known = ((ATTRIBUTES[name.lower()], text.strip()) for name, text in attributes if name.lower() in ATTRIBUTES)
    return {"person": person, "gender": gender} | {name: text for name, text in known if text}
