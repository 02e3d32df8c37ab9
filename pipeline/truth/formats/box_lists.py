"""Builds the labels of videos from lists in which every box stands by itself: of a frame, a track and a label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facetally.csv_rows import CsvRow
from facetally.errors import TruthError
from facetally.truth.formats.annotations import (
    BOX,
    IN_VIEW,
    MAX_FRAMES,
    Box,
    Keyframe,
    LabelledTrack,
    LabelledVideo,
    label_step,
    people_values,
    separate_boxes,
)
from facetally.truth.formats.mot import TRACK_FIX

LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


@dataclass(frozen=True)
class FrameShape:
    """A box, or another shape, on one frame."""

    where: str
    """Its place in the file."""
    video: str
    """The video's name; empty where it is not stated."""
    frame: int
    """As in the file."""
    track: str
    """The id of its track; empty where it belongs to none."""
    label: str
    shape: str
    box: Box
    """x1, y1, x2, y2; possibly without area where the shape is no `BOX`."""
    attributes: tuple[tuple[str, str], ...]
    is_ignored: bool = False


@dataclass(frozen=True)
class VideoFrames:
    """What a file states about the frames of a video."""

    first_frame: int = 0
    """The number of the first: 0 or 1."""
    size_px: tuple[int, int] | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()


def frame_in_name(name: str) -> int | None:
    """The last number in the name of an image; None without one."""
    found = LAST_NUMBER.search(PurePosixPath(name.replace("\\", "/")).stem)
    return int(found[1]) if found else None


def first_number(path: Path, video: str, frames: Sequence[int]) -> tuple[int, tuple[str, ...]]:
    """From which number the frames of a video are counted, and a note where it is not 0.

    Args:
        path: the file.
        video: its name.
        frames: the numbers of all frames that the file lists, labelled or not.
    """
    first = min(frames, default=0)
    if first == 1:
        return 1, (f"{path}: the frames of {video or 'the video'} begin with 1, so they were counted from 1",)
    note = f"{path}: the frames of {video or 'the video'} begin with {first}; they were counted from 0"
    return 0, (note,) if first > 1 else ()


def labelled_videos(
    path: Path, shapes: Sequence[FrameShape], frames: dict[str, VideoFrames], notes: Sequence[str]
) -> list[LabelledVideo]:
    """The videos of a file.

    Args:
        path: the file.
        shapes: all that is labelled, in any order.
        frames: by video.
        notes: on the whole file.

    Raises:
        TruthError: shapes that belong to no track, or boxes that make no sense.
    """
    _check_tracks(path, shapes)
    by_video: dict[str, list[FrameShape]] = {}
    for shape in shapes:
        by_video.setdefault(shape.video, []).append(shape)
    videos = []
    for name, found in by_video.items():
        facts = frames.get(name, VideoFrames())
        is_ours = any(name == IN_VIEW for shape in found for name, _ in shape.attributes)
        step = 1 if is_ours else label_step(shape.frame for shape in found)
        steps = (f"{path}: labels are of one frame in {step}; each counts until the next",) if step > 1 else ()
        videos.append(
            LabelledVideo(
                path,
                name,
                tuple(_tracks(path, found, facts.first_frame, step)),
                facts.first_frame,
                facts.size_px,
                facts.fps,
                has_gaps=True,
                notes=(*notes, *facts.notes, *steps),
            )
        )
        notes = ()
    return videos or [LabelledVideo(path, "", (), notes=tuple(notes))]


def _check_tracks(path: Path, shapes: Iterable[FrameShape]) -> None:
    if without := [shape for shape in shapes if not shape.track and shape.shape == BOX]:
        raise TruthError(f"{path}, {without[0].where}: {len(without)} boxes belong to nobody's track", fix=TRACK_FIX)


def _tracks(path: Path, shapes: Iterable[FrameShape], first_frame: int, step: int) -> Iterator[LabelledTrack]:
    grouped: dict[tuple[str, str, str, bool], list[FrameShape]] = {}
    for shape in shapes:
        grouped.setdefault((shape.track, shape.label, shape.shape, shape.is_ignored), []).append(shape)
    for (track, label, kind, is_ignored), found in grouped.items():
        keyframes = [_keyframe(path, shape, first_frame) for shape in sorted(found, key=lambda shape: shape.frame)]
        attributes = tuple(most_frequent(shape.attributes for shape in found))
        values = people_values(track, attributes, (label,))
        if is_ignored:
            values |= {"person": f"{values['person']}_ignored", "gender": "ignore"}
        where = f"track {track or '(none)'} from {found[0].where} on"
        yield LabelledTrack(
            CsvRow(path, 0, values, where),
            separate_boxes(keyframes, step),
            labels=(label,) if label and not is_ignored else (),
            shape=kind,
            attributes=attributes,
        )


def _keyframe(path: Path, shape: FrameShape, first_frame: int) -> Keyframe:
    frame = shape.frame - first_frame
    place = f"{path}, {shape.where}"
    if not 0 <= frame <= MAX_FRAMES:
        raise TruthError(f"{place}: {shape.frame} is not a frame number", fix=f"frames begin with {first_frame}")
    x1, y1, x2, y2 = shape.box
    if shape.shape == BOX and not (x1 < x2 and y1 < y2):
        raise TruthError(f"{place}: the box has no area", fix="delete it, or draw it again")
    return Keyframe(frame, shape.box)


def most_frequent(attributes: Iterable[Iterable[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    """Each attribute of several shapes with its most frequent value; empty where none has one."""
    counts: dict[str, Counter[str]] = {}
    for name, text in (pair for pairs in attributes for pair in pairs):
        count = counts.setdefault(name, Counter())
        if text:
            count[text] += 1
    return ((name, count.most_common(1)[0][0] if count else "") for name, count in counts.items())


def around(points: Sequence[tuple[float, float]]) -> Box:
    """The box around points; at the origin without any."""
    across, down = [x for x, _ in points] or [0.0], [y for _, y in points] or [0.0]
    return min(across), min(down), max(across), max(down)
