"""Reads Datumaro's JSON, as CVAT exports it as "Datumaro 1.0" (datumaro/plugins/datumaro_format/converter.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from facetally.errors import TruthError
from facetally.truth.formats.annotations import BOX, Box, LabelledVideo
from facetally.truth.formats.box_lists import (
    FrameShape,
    VideoFrames,
    around,
    first_number,
    frame_in_name,
    labelled_videos,
)
from facetally.truth.formats.coco import NOT_ATTRIBUTES
from facetally.truth.formats.json_files import LAYOUT_ERRORS, Json, read_json

SHAPES = ("bbox", "polygon", "polyline", "points", "ellipse", "skeleton")
"""Kinds of annotations around which there is a box."""
VISIBLE = 2
"""Of a point; 0 is absent, 1 hidden."""


def read_datumaro(path: Path) -> list[LabelledVideo]:
    """The video of a file, or several where the ids of the items begin with their folders.

    Raises:
        TruthError: no such file, or not in this format; boxes that belong to no track.
    """
    data = read_json(path)
    try:
        labels = [str(label["name"]) for label in data["categories"]["label"]["labels"]]
        items = [(item, *_place(path, item)) for item in data["items"]]
        shapes = [
            _shape(annotation, f"item {item['id']}, annotation {number}", video, frame, labels)
            for item, video, frame in items
            for number, annotation in enumerate(item["annotations"])
            if annotation["type"] in SHAPES
        ]
        others = Counter(a["type"] for item, _, _ in items for a in item["annotations"] if a["type"] not in SHAPES)
        frames = {video: _facts(path, video, [entry for entry in items if entry[1] == video]) for _, video, _ in items}
    except LAYOUT_ERRORS as error:
        raise TruthError(
            f"{path} does not have the layout of Datumaro's JSON: {type(error).__name__} {error}",
            fix='give a file of the folder annotations (in CVAT: export as "Datumaro 1.0")',
        ) from error
    notes = [f"{path}: {count} of type {kind} are no shapes; passed over" for kind, count in sorted(others.items())]
    return labelled_videos(path, shapes, frames, notes)


def _place(path: Path, item: Json) -> tuple[str, int]:
    """The video and the frame number of an item."""
    name = PurePosixPath(str(item["id"]).replace("\\", "/"))
    video = "" if name.parent.as_posix() == "." else name.parent.as_posix()
    stated = (item.get("attr") or {}).get("frame")
    frame = frame_in_name(name.name + ".") if stated is None else int(stated)
    if frame is None:
        raise TruthError(f"{path}, item {name}: it has no frame number", fix="export a video, not single images")
    return video, frame


def _facts(path: Path, video: str, items: Sequence[tuple[Json, str, int]]) -> VideoFrames:
    first, notes = first_number(path, video, [frame for _, _, frame in items])
    media = items[0][0].get("image") or items[0][0].get("media") or {}
    height, width = (int(length) for length in media.get("size") or (0, 0))
    return VideoFrames(first, (width, height) if width and height else None, notes=notes)


def _shape(annotation: Json, where: str, video: str, frame: int, labels: Sequence[str]) -> FrameShape:
    attributes = dict(annotation.get("attributes") or {})
    track, label = attributes.get("track_id"), annotation.get("label_id")
    return FrameShape(
        where=where,
        video=video,
        frame=frame,
        track="" if track is None or str(track).startswith("-") else str(track),
        label="" if label is None else labels[label] if label < len(labels) else str(label),
        shape=BOX if annotation["type"] == "bbox" else str(annotation["type"]),
        box=_box(annotation),
        attributes=tuple((str(name), str(value)) for name, value in attributes.items() if name not in NOT_ATTRIBUTES),
    )


def _box(annotation: Json) -> Box:
    if annotation["type"] == "bbox":
        x, y, width, height = (float(value) for value in annotation["bbox"])
        return x, y, x + width, y + height
    if annotation["type"] == "skeleton":
        return around([point for part in annotation.get("elements", ()) for point in _points(part)])
    if annotation["type"] == "ellipse":
        x1, y1, x2, y2 = (float(value) for value in annotation["points"])
        return x1, y1, x2, y2
    return around(_points(annotation))


def _points(annotation: Json) -> list[tuple[float, float]]:
    """The points of a shape; of several with a visibility, those that are not absent."""
    values = [float(value) for value in annotation.get("points", ())]
    pairs = list(zip(values[::2], values[1::2], strict=True))
    visibility = annotation.get("visibility") or [VISIBLE] * len(pairs)
    return [pair for pair, visible in zip(pairs, visibility, strict=True) if visible]
