"""Reads projects of VIA 3, the VGG Video Annotator (https://gitlab.com/vgg/via, "Structure of VIA Project JSON File").

A rectangle on a frame says where somebody's face is at one time of the browser's player; a temporal segment says from
when to when somebody is in view. VIA has no tracks: an attribute person says whose they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from facetally.csv_rows import CsvRow
from facetally.errors import TruthError
from facetally.truth.formats.annotations import (
    ATTRIBUTES,
    BOX,
    Box,
    Keyframe,
    LabelledTrack,
    LabelledVideo,
    people_values,
)
from facetally.truth.formats.box_lists import around, most_frequent
from facetally.truth.formats.json_files import LAYOUT_ERRORS, Json, read_json

TICKS_PER_S = 1000
VIDEO = 4
"""The type of files that are videos; 2 are images, 8 sound."""
SHAPES = {
    **{1: "point", 2: BOX, 3: "circle", 4: "ellipse", 5: "line", 6: "polyline", 7: "polygon"},
    **{8: "extreme rectangle", 9: "extreme circle"},
}
SHAPES_OF_POINTS = ("point", "line", "polyline", "polygon", "extreme rectangle", "extreme circle")
LABEL_NAMES = ("label", "class", "object", "category", "type")
"""Attributes that say what a region is."""
CHECKBOX = 2
NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)


def read_via(path: Path) -> list[LabelledVideo]:
    """The videos of a project. What a person is labelled with anywhere in a video holds for all of it.

    Raises:
        TruthError: no such file, or not in this format; regions or segments that do not say whose they are.
    """
    data = read_json(path)
    try:
        marks = [_mark(key, metadata, data) for key, metadata in data["metadata"].items()]
        files = {str(key): file for key, file in data["file"].items()}
    except LAYOUT_ERRORS as error:
        raise TruthError(
            f"{path} does not have the layout of a VIA 3 project: {type(error).__name__} {error}",
            fix="save the project in the VIA 3 video annotator, and give that JSON file",
        ) from error
    by_file: dict[str, list[_Mark]] = {}
    others = 0
    for mark in marks:
        if files.get(mark.file, {}).get("type") == VIDEO and mark.times_s:
            by_file.setdefault(mark.file, []).append(mark)
        else:
            others += 1
    videos = [_video(path, _name(files[key]), found) for key, found in by_file.items()]
    if others:
        note = f"{path}: {others} labels are of no time in a video (of images, sound or whole files); passed over"
        videos = videos or [LabelledVideo(path, "", ())]
        videos[0] = replace(videos[0], notes=(note, *videos[0].notes))
    return videos


@dataclass(frozen=True)
class _Mark:
    """A region on a frame, or a temporal segment."""

    key: str
    file: str
    times_s: tuple[float, ...]
    shape: str
    """Empty for a segment."""
    box: Box
    attributes: tuple[tuple[str, str], ...]

    @property
    def person(self) -> str:
        return people_values("", self.attributes, ())["person"]

    @property
    def label(self) -> str:
        return next((text for name, text in self.attributes if name.strip().lower() in LABEL_NAMES and text), "")


def _mark(key: str, metadata: Json, data: Json) -> _Mark:
    files = data["view"][str(metadata["vid"])]["fid_list"]
    numbers = [float(value) for value in metadata["xy"]]
    shape = SHAPES[int(numbers[0])] if numbers else ""
    return _Mark(
        key,
        str(files[0]),
        tuple(sorted(float(time_s) for time_s in metadata["z"])),
        shape,
        _box(shape, numbers[1:]),
        tuple(_attribute(number, value, data["attribute"]) for number, value in metadata["av"].items()),
    )


def _attribute(number: str, value: object, attributes: Mapping[str, Json]) -> tuple[str, str]:
    """The name of an attribute and its text; of choices the text of the options chosen."""
    attribute = attributes.get(number, {})
    options = attribute.get("options") or {}
    chosen = str(value).split(",") if attribute.get("type") == CHECKBOX else [str(value)]
    return str(attribute.get("aname", number)), "/".join(str(options.get(part, part)) for part in chosen)


def _box(shape: str, numbers: Sequence[float]) -> Box:
    """The box around a shape in pixels of the displayed video."""
    if shape == BOX:
        x, y, width, height = numbers
        return x, y, x + width, y + height
    if shape == "circle":
        x, y, radius = numbers
        return x - radius, y - radius, x + radius, y + radius
    if shape == "ellipse":
        x, y, rx, ry = numbers
        return x - rx, y - ry, x + rx, y + ry
    return around(list(zip(numbers[::2], numbers[1::2], strict=True))) if shape else NOWHERE


def _name(file: Json) -> str:
    """The name of a video: of its address where there is one, without what precedes a path."""
    source = str(file.get("src") or "")
    address = urlsplit(source)
    path = source if not address.scheme or len(address.scheme) == 1 else unquote(address.path)
    is_inline = address.scheme in ("data", "blob")
    name = str(file.get("fname") or "") if is_inline or not path else path
    return PurePosixPath(name.replace("\\", "/")).as_posix().lstrip("/")


def _video(path: Path, name: str, marks: Sequence[_Mark]) -> LabelledVideo:
    if without := [mark for mark in marks if not mark.person and mark.shape in (BOX, "")]:
        regions, segments = (sum((mark.shape == BOX) == is_box for mark in without) for is_box in (True, False))
        raise TruthError(
            f"{path}, {without[0].key}: {regions} rectangles and {segments} segments of {name} do not say whose",
            fix="define an attribute person in VIA, for regions in video frames and for segments, and fill it in",
        )
    known = {person: _common(marks, person) for person in dict.fromkeys(mark.person for mark in marks)}
    grouped: dict[tuple[str, str, str], list[_Mark]] = {}
    for mark in marks:
        grouped.setdefault((mark.person, mark.label, mark.shape), []).append(mark)
    tracks = [_track(path, found, known[person]) for (person, _, _), found in grouped.items()]
    return LabelledVideo(
        path, name, tuple(tracks), fps=TICKS_PER_S, is_by_player=True, is_in_pixels=True, has_gaps=True
    )


def _common(marks: Sequence[_Mark], person: str) -> tuple[tuple[str, str], ...]:
    """The attributes of a person, from all that is labelled."""
    return tuple(most_frequent(mark.attributes for mark in marks if mark.person == person))


def _track(path: Path, marks: Sequence[_Mark], attributes: tuple[tuple[str, str], ...]) -> LabelledTrack:
    first = marks[0]
    marks = sorted(marks, key=lambda mark: mark.times_s)
    keyframes = [Keyframe(_tick(mark.times_s[0]), mark.box) for mark in marks] if first.shape else _stays(marks)
    labels = (first.label,) if first.label else ()
    values = people_values(first.person or first.key, attributes, labels)
    return LabelledTrack(
        CsvRow(path, 0, values, f"{first.person or 'somebody'} in {first.key}"),
        tuple(keyframes),
        labels=labels if first.shape else (),
        shape=first.shape or BOX,
        attributes=tuple((n, t) for n, t in attributes if ATTRIBUTES.get(n.strip().lower()) != "person"),
        has_boxes=bool(first.shape),
        has_stays=not first.shape,
    )


def _stays(segments: Sequence[_Mark]) -> list[Keyframe]:
    """From when to when somebody is in view; segments that overlap or follow each other are one."""
    ends: list[tuple[int, int]] = []
    for segment in segments:
        start, stop = _tick(segment.times_s[0]), max(_tick(segment.times_s[-1]), _tick(segment.times_s[0]) + 1)
        if ends and start <= ends[-1][1]:
            start, stop = ends[-1][0], max(stop, ends.pop()[1])
        ends.append((start, stop))
    return [Keyframe(tick, NOWHERE, is_visible=tick == start) for start, stop in ends for tick in (start, stop)]


def _tick(time_s: float) -> int:
    """The tick at a time, which is a little later: a player shows a frame at its time, and times are rounded."""
    return max(round(time_s * TICKS_PER_S) + 1, 0)
