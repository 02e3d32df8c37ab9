"""What labelling tools know of videos, in one form, just as they put it: frame numbers, and no idea of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from facetally.errors import TruthError
from facetally.truth.csv_rows import CsvRow
from facetally.truth.files import GENDER_WORDS

Box = tuple[float, float, float, float]
ATTRIBUTES = {
    **{name: name for name in ("person", "gender", "age_band", "face_quality", "note")},
    **{"sex": "gender", "age": "age_band", "quality": "face_quality", "comment": "note"},
}
"""What an attribute in a tool is called here."""


MAX_FRAMES = 10_000_000
"""Four days: numbers beyond are times, or damage."""


@dataclass(frozen=True)
class Keyframe:
    """Where a person is at one frame; the box moves from here to the next keyframe in a straight line."""

    frame: int
    """0-based."""
    box: Box
    """x1, y1, x2, y2 in pixels or percent of the labelled picture."""
    rotation_deg: float = 0.0
    """Clockwise about the box's top left corner."""
    is_visible: bool = True
    """False: from here to the next keyframe the person is out of the picture."""


@dataclass(frozen=True)
class LabelledTrack:
    """What a tool knows of one person.

    Raises:
        TruthError: two keyframes of one frame.
        ValueError: no keyframes, or frames that go back.
    """

    row: CsvRow
    """person, and as far as they are said gender, age_band, face_quality, note; and where that stands."""
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
    """What a file says of one video."""

    path: Path
    """The file."""
    name: str
    """What it calls the video: its path, a part of that, or nothing."""
    tracks: tuple[LabelledTrack, ...]
    first_frame: int = 0
    """The number that the file gives to the first frame: 0 or 1."""
    size_px: tuple[int, int] | None = None
    """Width and height of the labelled pictures, where stated."""
    fps: float | None = None
    """Frames per second that the tool assumed, where stated."""
    frame_count: int | None = None
    """Frames that the tool found in the video, where stated."""
    is_by_player: bool = False
    """Frames are ticks of a clock at `fps` instead of pictures, and boxes are in percent of the picture."""


def box_of(row: CsvRow, names: Sequence[str], is_by_size: bool) -> Box:
    """The box in four values of a row.

    Args:
        row: from a file.
        names: of left, top, and either right and bottom, or width and height.
        is_by_size: the last two are width and height.

    Raises:
        TruthError: a value that is no number, or a box without area.
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
        TruthError: it is none.
    """
    number = row.number("frame")
    if number != int(number) or not first_frame <= number <= MAX_FRAMES:
        raise row.wrong("frame", "is no frame", fix=f"frames are whole numbers and begin with {first_frame}")
    return int(number) - first_frame


def gone_after(keyframe: Keyframe, later: Keyframe | None = None) -> tuple[Keyframe, ...]:
    """The keyframe by which a person leaves after another; none where a later one follows at once."""
    if later and later.frame <= keyframe.frame + 1:
        return ()
    return (replace(keyframe, frame=keyframe.frame + 1, is_visible=False),)


def said_of(person: str, predictions: Iterable[tuple[str, str]], labels: Iterable[str]) -> dict[str, str]:
    """Attributes of a person by our names; the gender may also be a label."""
    gender = next((label.strip() for label in labels if label.strip().lower() in GENDER_WORDS), "")
    known = ((ATTRIBUTES[name.lower()], text.strip()) for name, text in predictions if name.lower() in ATTRIBUTES)
    return {"person": person, "gender": gender} | {name: text for name, text in known if text}
