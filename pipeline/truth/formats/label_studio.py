"""Reads Label Studio's JSON export of video (https://labelstud.io/tags/videorectangle).

Its player does not count frames of the video. It reads the browser's clock: frames 1, 2, ... are ticks at the rate that
the project was set up with (24 by default), whatever the video's rate. See VideoRegion.js and VideoCanvas.tsx of its
editor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from facetally.errors import TruthError
from facetally.truth.csv_rows import CsvRow, read_text
from facetally.truth.formats.annotations import (
    Keyframe,
    LabelledTrack,
    LabelledVideo,
    box_of,
    frame_of,
    leaving_after,
    people_values,
)

SIZES = ("x", "y", "width", "height")
UPLOADED = re.compile(r"^.*/upload/(?:\d+/)?[0-9a-f]{8}-")
"""The prefix that Label Studio gives the name of an uploaded file."""
CLOCK_TOLERANCE_FRAMES = 0.1

Json = dict[str, Any]


def read_label_studio(path: Path) -> list[LabelledVideo]:
    """The videos of an export, one for each task; tasks without labels are skipped.

    A keyframe that is not enabled ends a time in view. A time that no such keyframe ends lasts to the end of the video.

    Raises:
        TruthError: no such file, or not in this format; a task that was labelled more than once.
    """
    try:
        tasks = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise TruthError(f"{path}, line {error.lineno}: {error.msg}", fix="export it again as JSON") from error
    except RecursionError as error:
        raise TruthError(f"{path} is nested too deeply", fix="export it again as JSON") from error
    try:
        videos = [_video(path, task) for task in (tasks if isinstance(tasks, list) else [tasks])]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TruthError(
            f"{path} does not have the layout of labelled video: {type(error).__name__} {error}",
            fix='export it from Label Studio as "JSON", not as JSON-MIN or another format',
        ) from error
    return [video for video in videos if video.tracks]


def _video(path: Path, task: Json) -> LabelledVideo:
    task_id = task.get("id", "?")
    annotations = [annotation for annotation in task["annotations"] if not annotation.get("was_cancelled")]
    if len(annotations) > 1:
        annotations = [annotation for annotation in annotations if annotation.get("ground_truth")]
        if len(annotations) != 1:
            raise TruthError(f"{path}, task {task_id}: labelled more than once", fix="mark one of them as ground truth")
    results = [result for annotation in annotations for result in annotation["result"]]
    shapes = [result for result in results if result["type"] == "videorectangle"]
    return LabelledVideo(
        path,
        name=_name(task["data"]),
        tracks=tuple(_track(path, task_id, shape, results) for shape in shapes),
        first_frame=1,
        fps=_clock_fps([shape["value"] for shape in shapes]),
        frame_count=max((_frame_count(shape["value"]) for shape in shapes), default=0) or None,
        is_by_player=True,
    )


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
    return sorted((item for item in value["sequence"] if not item.get("auto")), key=lambda item: item["frame"])


def _clock_fps(values: Sequence[Json]) -> float | None:
    """The clock's rate: from the keyframes, where time = frame / rate; else from the video's frame count and length."""
    stamps = [(item["frame"], item.get("time") or 0.0) for value in values for item in _items(value)]
    frame, time_s = max(stamps, default=(0, 0.0))
    if time_s > 0:
        fps = float(frame / time_s)
        if all(abs(time_s * fps - frame) < CLOCK_TOLERANCE_FRAMES for frame, time_s in stamps):
            return fps
    frame_count, duration_s = max(((_frame_count(v), v.get("duration") or 0.0) for v in values), default=(0, 0.0))
    return float(frame_count / duration_s) if frame_count and duration_s else None


def _track(path: Path, task_id: object, shape: Json, results: Iterable[Json]) -> LabelledTrack:
    region_id, value = str(shape["id"]), shape["value"]
    where = f"task {task_id}, region {region_id}"
    items = _items(value)
    seen = [_keyframe(CsvRow(path, 0, {name: str(item[name]) for name in item}, where)) for item in items]
    keyframes: list[Keyframe] = []
    for item, keyframe, later in zip_longest(items, seen, seen[1:]):
        keyframes.append(keyframe)
        if not item.get("enabled", True):
            keyframes += leaving_after(keyframe, later)
        elif later is None:
            end = max(_frame_count(value), keyframe.frame + 1)
            keyframes.append(replace(keyframe, frame=end, is_visible=False))
    own = [result for result in results if str(result.get("id")) == region_id]
    labels = [label for result in own for label in result["value"].get("labels", [])]
    values = people_values(region_id, [_attribute(result) for result in own], labels)
    return LabelledTrack(CsvRow(path, 0, values, where), tuple(keyframes))


def _attribute(result: Json) -> tuple[str, str]:
    """The name of an attribute of a region, and what was chosen or written."""
    words = result["value"].get("choices") or result["value"].get("text") or ""
    return str(result.get("from_name")), words if isinstance(words, str) else "/".join(words)


def _keyframe(row: CsvRow) -> Keyframe:
    box = box_of(row, SIZES, is_by_size=True)
    return Keyframe(frame_of(row, first_frame=1), box, row.number("rotation", default=0.0))
