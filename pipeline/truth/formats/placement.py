"""Converts the labels of other tools to seconds and pixels: people, their attributes, and their boxes."""

from __future__ import annotations

import cmath
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import zip_longest
from math import ceil, radians

from facetally.csv_rows import CsvRow
from facetally.errors import TruthError
from facetally.truth.files import TIME_DECIMALS
from facetally.truth.formats.annotations import ESTIMATED, Box, Keyframe, LabelledTrack, LabelledVideo
from facetally.truth.formats.timeline import Timeline
from facetally.truth.label_rows import PEOPLE_COLUMNS, parse_person
from facetally.truth.labels import LabelledBoxes, LabelledPerson

ASPECT_TOLERANCE = 0.01
"""How much the aspect ratios of two copies of one image may differ, relative to each other."""
PERCENT = 100.0
PLAYER_END_S = 0.1
"""How far past the end of a video a player may state a time."""

Interval = tuple[float, float]
"""[start, stop) in seconds."""

Attributes = Mapping[tuple[str, str], CsvRow]
"""Attributes of people, by video (empty where there is only one) and person."""


def scale_of(
    labels: LabelledVideo, size_px: tuple[int, int] | None, name: str, stored_px: tuple[int, int] | None = None
) -> tuple[tuple[float, float], list[str]]:
    """The factors along x and y by which boxes must be multiplied, and a note where they are not 1.

    Args:
        labels: of the video.
        size_px: width and height of the video as displayed; None: not known.
        name: of the video.
        stored_px: width and height of the video's frames as stored, for pixels that are not square.

    Raises:
        TruthError: the labelled images have another aspect ratio than the video.
    """
    if labels.is_by_player and size_px and not labels.is_in_pixels:
        return (size_px[0] / PERCENT, size_px[1] / PERCENT), []
    if not size_px or not labels.size_px or labels.size_px == size_px:
        return (1.0, 1.0), []
    (width, height), (labelled_width, labelled_height) = size_px, labels.size_px
    x, y = width / labelled_width, height / labelled_height
    sizes = f"images of {labelled_width} x {labelled_height} pixels, {name} is shown at {width} x {height}"
    if abs(x / y - 1) > ASPECT_TOLERANCE:
        if stored_px and abs(labelled_width / labelled_height * stored_px[1] / stored_px[0] - 1) <= ASPECT_TOLERANCE:
            return (x, y), [f"{labels.path}: boxes were drawn on pixels as stored, {sizes}; they were stretched"]
        turned = ": it was labelled without its rotation" if labels.size_px == (height, width) else ""
        raise TruthError(
            f"{labels.path}: boxes were drawn on {sizes}{turned}",
            fix="label the video as players show it (to turn it permanently: ffmpeg -i VIDEO upright.mp4), or give the "
            "video that was labelled with --videos",
        )
    return (x, y), [f"{labels.path}: boxes were drawn on {sizes}; they were scaled"]


def place_tracks(
    labels: LabelledVideo, name: str, *, timeline: Timeline, scale: tuple[float, float], attributes: Attributes
) -> tuple[tuple[LabelledPerson, ...], LabelledBoxes]:
    """The people of a video who are in view, with the times at which they are, and their boxes.

    Args:
        labels: of the video, from a tool.
        name: the video's name.
        timeline: when its frames are displayed.
        scale: from `scale_of`.
        attributes: of people, by the video's name or the name in the labels; they override those in the labels.

    Raises:
        TruthError: attributes that are missing, unknown or contradict each other; a frame past the end of the video;
            two boxes of one person at one time.
    """
    people: dict[str, LabelledPerson] = {}
    boxes: dict[tuple[str, int], Box] = {}
    stays: dict[str, list[Interval]] = {}
    for track in labels.tracks:
        if not any(keyframe.is_visible for keyframe in track.keyframes):
            continue
        row = _attributes(track, (name, labels.name, ""), attributes)
        new = replace(parse_person(row), line=0)
        old = people.setdefault(new.person, new)
        if (old.gender, old.age_band) != (new.gender, new.age_band):
            raise row.wrong("gender", f"contradicts another track of {new.person}: {old.gender}", fix="make both alike")
        own = _boxes(track, labels, timeline, scale) if track.has_boxes else {}
        for index, box in own.items():
            if (new.person, index) in boxes:
                raise TruthError(
                    f"{labels.path}, {track.row.where}: {new.person} has two boxes at {timeline.times_s[index]:.2f} s",
                    fix="separate the tracks in time, or give the second another person",
                )
            boxes[new.person, index] = box
        has_stays = track.has_stays and track.in_view != ESTIMATED
        stays.setdefault(new.person, []).extend(_stays(track, timeline) if has_stays else ())
    if not people:
        raise TruthError(f"{labels.path}: nobody is in view in {name}", fix="label someone in it, or leave it out")
    rows = ((person, float(timeline.times_s[index]), box, 0) for (person, index), box in boxes.items())
    in_view = (replace(person, intervals_s=_united(stays[name])) for name, person in people.items())
    return tuple(in_view), LabelledBoxes.of(rows)


def _attributes(track: LabelledTrack, names: tuple[str, ...], attributes: Attributes) -> CsvRow:
    """The attributes of a track's person, as a row of people.csv; `names` are the video's, its own name first."""
    values = track.row.values | {"video": names[0]}
    if row := next((attributes[key] for name in names if (key := (name, values["person"])) in attributes), None):
        known = {column: row.values.get(column, "") for column in PEOPLE_COLUMNS[2:]}
        return replace(row, values=values | {column: value for column, value in known.items() if value})
    if not values.get("gender"):
        raise TruthError(
            f"{track.row.path}, {track.row.where}: the gender of {values['person']} is not given{_described(track)}",
            fix="label it as an attribute gender, or give it in a CSV file with columns person, gender: --attributes",
        )
    return replace(track.row, values=values)


def _described(track: LabelledTrack) -> str:
    """What a track says of itself, for a reader who looks for the gender in it."""
    attributes = ", ".join(f"{name} = {text or '(empty)'}" for name, text in track.attributes)
    parts = [f"its attributes are {attributes}"] if attributes else []
    parts += [f"its label is {' and '.join(track.labels)}"] if track.labels else []
    return "".join(f"; {part}" for part in parts)


def _stays(track: LabelledTrack, timeline: Timeline) -> Iterable[Interval]:
    """When a person is in view: from the frame at which they come to the frame at which they are gone, in seconds."""
    first: int | None = None
    last = 0
    for keyframe in track.keyframes:
        index = timeline.index(keyframe.frame)
        if keyframe.is_visible:
            first, last = index if first is None else first, index
        elif first is not None:
            # a clock that ticks more often than frames come may end a stay within its last frame
            yield timeline.time_s(first), timeline.time_s(max(index, last + 1))
            first = None
    if first is not None:
        yield timeline.time_s(first), timeline.time_s(last + 1)


def _united(stays: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same times without overlaps, rounded as they are written."""
    united: list[Interval] = []
    for start_s, stop_s in sorted(stays):
        if united and start_s <= united[-1][1]:
            start_s, stop_s = united[-1][0], max(stop_s, united.pop()[1])
        united.append((start_s, stop_s))
    return tuple((round(start_s, TIME_DECIMALS), round(stop_s, TIME_DECIMALS)) for start_s, stop_s in united)


def _boxes(
    track: LabelledTrack, labels: LabelledVideo, timeline: Timeline, scale: tuple[float, float]
) -> dict[int, Box]:
    """The boxes of a track in pixels of the displayed video, by frame of the timeline."""
    boxes: dict[int, Box] = {}
    for keyframe, later in zip_longest(track.keyframes, track.keyframes[1:]):
        if not keyframe.is_visible or not keyframe.is_label:
            continue
        index = timeline.index(keyframe.frame)
        if index == len(timeline.times_s) and labels.is_by_player and labels.is_in_pixels:
            # a player that has reached the end is still showing the last frame
            index -= (keyframe.frame - timeline.end_tick) / (labels.fps or 1.0) <= PLAYER_END_S
        if index == len(timeline.times_s):
            raise TruthError(
                f"{labels.path}, {track.row.where}: frame {keyframe.frame + labels.first_frame} is past the end of "
                f"the video, which has {ceil(timeline.end_tick)} frames",
                fix="check that the labels are of this video, and that the file is complete",
            )
        boxes[index] = start = _upright(keyframe, scale)
        if later and not labels.has_gaps and not track.in_view:
            stop = _upright(later, scale)
            for between in timeline.between(index, timeline.index(later.frame)):
                share = (timeline.ticks[between] - keyframe.frame) / (later.frame - keyframe.frame)
                x1, y1, x2, y2 = (a + (b - a) * min(max(share, 0.0), 1.0) for a, b in zip(start, stop, strict=True))
                boxes[between] = (x1, y1, x2, y2)
    return boxes


def _upright(keyframe: Keyframe, scale: tuple[float, float]) -> Box:
    """The upright box around a keyframe's, in pixels of the displayed video."""
    x1, y1, x2, y2 = keyframe.box
    width, height = (x2 - x1) * scale[0], (y2 - y1) * scale[1]
    turn = cmath.rect(1, radians(keyframe.rotation_deg))
    corners = [complex(x1 * scale[0], y1 * scale[1]) + complex(x, y) * turn for x in (0, width) for y in (0, height)]
    across, down = [corner.real for corner in corners], [corner.imag for corner in corners]
    return min(across), min(down), max(across), max(down)
