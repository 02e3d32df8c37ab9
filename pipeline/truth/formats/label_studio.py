"""Reads Label Studio's JSON export of video (https://labelstud.io/tags/videorectangle).

Its player does not count frames of the video. It reads the browser's clock: frames 1, 2, ... are ticks at the rate that
the project was set up with (24 by default), whatever the video's rate. See VideoRegion.js and VideoCanvas.tsx of its
editor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from facetally.csv_rows import CsvRow
from facetally.errors import TruthError
from facetally.truth.formats.annotations import (
    IS_LABEL,
    Keyframe,
    LabelledTrack,
    LabelledVideo,
    box_of,
    frame_of,
    leaving_after,
    people_values,
    without_filled_in,
)
from facetally.truth.formats.json_files import LAYOUT_ERRORS, Json, read_json

SIZES = ("x", "y", "width", "height")
UPLOADED = re.compile(r"^.*/upload/(?:\d+/)?[0-9a-f]{8}-")
"""The prefix that Label Studio gives the name of an uploaded file."""
CLOCK_TOLERANCE_FRAMES = 0.1
SHAPE = "videorectangle"
VALUES = ("choices", "text", "number", "rating", "datetime")
"""Where the value of an attribute may be, by the kind of its control."""


def read_label_studio(path: Path) -> list[LabelledVideo]:
    """The videos of an export, one for each task; tasks without labels are skipped, regions without keyframes noted.

    A keyframe that is not enabled ends a time in view. A time that no such keyframe ends lasts to the end of the video.

    Raises:
        TruthError: no such file, or not in this format; a task that was labelled more than once.
    """
    tasks = read_json(path)
    try:
        videos = [_video(path, task) for task in (tasks if isinstance(tasks, list) else [tasks])]
    except LAYOUT_ERRORS as error:
        raise TruthError(
            f"{path} does not have the layout of labelled video: {type(error).__name__} {error}",
            fix='export it from Label Studio as "JSON", not as JSON-MIN or another format',
        ) from error
    return [video for video in videos if video.tracks or video.notes]


def _video(path: Path, task: Json) -> LabelledVideo:
    task_id = task.get("id", "?")
    annotations = [annotation for annotation in task["annotations"] if not annotation.get("was_cancelled")]
    if len(annotations) > 1:
        annotations = [annotation for annotation in annotations if annotation.get("ground_truth")]
        if len(annotations) != 1:
            raise TruthError(f"{path}, task {task_id}: labelled more than once", fix="mark one of them as ground truth")
    results = [result for annotation in annotations for result in annotation["result"]]
    shapes = [result for result in results if result["type"] == SHAPE]
    drawn = [shape for shape in shapes if _items(shape["value"])]
    return LabelledVideo(
        path,
        name=_name(task["data"]),
        tracks=tuple(_track(path, task_id, shape, results) for shape in drawn),
        first_frame=1,
        fps=_clock_fps([shape["value"] for shape in shapes]),
        frame_count=max((_frame_count(shape["value"]) for shape in shapes), default=0) or None,
        is_by_player=True,
        notes=tuple(_notes(path, task_id, results)),
    )


def _notes(path: Path, task_id: object, results: Sequence[Json]) -> Iterable[str]:
    """What is passed over in a task."""
    shapes = [result for result in results if result["type"] == SHAPE]
    for shape in shapes:
        if not _items(shape["value"]):
            yield f"{path}, task {task_id}, region {shape['id']}: it has no keyframe, so nobody is in view; passed over"
    regions = {str(shape["id"]) for shape in shapes}
    others = Counter(str(result["type"]) for result in results if str(result.get("id")) not in regions)
    for kind, count in sorted(others.items()):
        yield f"{path}, task {task_id}: {count} of type {kind}, not of a rectangle in the video; passed over"


def _name(data: Json) -> str:
    """The video's path or name, from the URL by which Label Studio serves it."""
    address = data.get("video") or next((value for value in data.values() if isinstance(value, str)), "")
    parts = urlsplit(str(address))
    path = parse_qs(parts.query).get("d", [unquote(parts.path)])[0]
    return UPLOADED.sub("", path).lstrip("/")


def _frame_count(value: Json) -> int:
    return int(value.get("framesCount") or 0)


def _items(value: Json) -> list[Json]:
    """The keyframes that people drew, in order, without those that the export interpolated."""
    return sorted(
        (item for item in value.get("sequence") or () if not item.get("auto")), key=lambda item: item["frame"]
    )


def _clock_fps(values: Sequence[Json]) -> float | None:
    """The clock's rate: from the keyframes, where time = frame or frame - 1 by the rate; else from the video's length.

    Where a single keyframe fits both, the one nearer to the video's frame count and length counts.
    """
    frame_count, duration_s = max(((_frame_count(v), v.get("duration") or 0.0) for v in values), default=(0, 0.0))
    by_length = float(frame_count / duration_s) if frame_count and duration_s else None
    stamps = [(item["frame"], item.get("time") or 0.0) for value in values for item in _items(value)]
    frame, time_s = max(stamps, default=(0, 0.0))
    if time_s <= 0:
        return by_length
    rates = []
    for first in (0, 1):
        fps = float((frame - first) / time_s)
        if fps and all(abs(time_s * fps - (frame - first)) < CLOCK_TOLERANCE_FRAMES for frame, time_s in stamps):
            rates.append(fps)
    return min(rates, key=lambda fps: abs(fps - (by_length or rates[0])), default=by_length)


def _track(path: Path, task_id: object, shape: Json, results: Iterable[Json]) -> LabelledTrack:
    region_id, value = str(shape["id"]), shape["value"]
    where = f"task {task_id}, region {region_id}"
    items = _items(value)
    drawn = [_keyframe(CsvRow(path, 0, {name: str(item[name]) for name in item}, where)) for item in items]
    seen = without_filled_in(
        drawn, {k.frame for k, item in zip(drawn, items, strict=True) if not item.get(IS_LABEL, 1)}
    )
    keyframes: list[Keyframe] = []
    for item, keyframe, later in zip_longest(items, seen, seen[1:]):
        keyframes.append(keyframe)
        if not item.get("enabled", True):
            keyframes += leaving_after(keyframe, later)
        elif later is None:
            end = max(_frame_count(value), keyframe.frame + 1)
            keyframes.append(replace(keyframe, frame=end, is_visible=False))
    own = [result for result in results if str(result.get("id")) == region_id]
    labels = tuple(str(label) for result in own for label in result["value"].get("labels", []))
    attributes = tuple(_attribute(result) for result in own if result["type"] not in (SHAPE, "labels"))
    values = people_values(region_id, attributes, labels)
    return LabelledTrack(CsvRow(path, 0, values, where), tuple(keyframes), labels, attributes=attributes)


def _attribute(result: Json) -> tuple[str, str]:
    """The name of an attribute of a region, and what was chosen or written."""
    value = next((result["value"][key] for key in VALUES if result["value"].get(key) is not None), "")
    return str(result.get("from_name")), "/".join(map(str, value)) if isinstance(value, list) else str(value)


def _keyframe(row: CsvRow) -> Keyframe:
    box = box_of(row, SIZES, is_by_size=True)
    return Keyframe(frame_of(row, first_frame=1), box, row.number("rotation", default=0.0))
