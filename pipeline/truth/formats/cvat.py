"""Reads CVAT for video 1.1 (https://docs.cvat.ai/docs/other/xml_format), as CVAT exports tasks, jobs and projects."""

from __future__ import annotations

import cmath
from collections import Counter
from collections.abc import Iterable
from math import radians
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from facetally.errors import TruthError
from facetally.truth.csv_rows import CsvRow, read_bytes
from facetally.truth.formats.annotations import (
    Keyframe,
    LabelledTrack,
    LabelledVideo,
    box_of,
    frame_of,
    leaving_after,
    people_values,
)

UNDEFINED = "__undefined__"
"""CVAT's value of a choice that nobody made."""
EDGES = ("xtl", "ytl", "xbr", "ybr")

Lines = dict[ElementTree.Element, int]
"""The line of each element in the file."""


def read_cvat(path: Path) -> list[LabelledVideo]:
    """The videos of a file: one of a task or a job, several of a project.

    Interpolated boxes (keyframe="0") are left out, since the keyframes determine them. Only the last one of a track is
    kept: the person is in view up to it. Of an attribute that changes, the most frequent value counts.

    Raises:
        TruthError: no such file, or not in this format.
    """
    root, lines = _parsed(path)
    if root.tag != "annotations" or root.find("track/*") is None:
        raise TruthError(
            f"{path} has no tracks as CVAT for video writes them",
            fix='label in tracks, and export the task or project as "CVAT for video 1.1"',
        )
    tasks = {task.findtext("id", ""): task for tag in ("task", "job") for task in root.iter(tag)} or {"": root}
    tracks: dict[str, list[LabelledTrack]] = {}
    for element in filter(len, root.iterfind("track")):
        tracks.setdefault(element.get("task_id", next(iter(tasks))), []).append(_track(path, element, lines))
    return [_video(path, root, tasks.get(task_id, root), found) for task_id, found in tracks.items()]


def _video(
    path: Path, root: ElementTree.Element, task: ElementTree.Element, tracks: Iterable[LabelledTrack]
) -> LabelledVideo:
    def text_of(name: str) -> str:
        return (task.findtext(name) or root.findtext(f"meta/{name}") or "").strip()

    sizes = [text_of("original_size/width"), text_of("original_size/height")]
    width, height = (int(size) if size.isdecimal() else 0 for size in sizes)
    return LabelledVideo(
        path,
        name=text_of("source") or text_of("name"),
        tracks=tuple(tracks),
        size_px=(width, height) if width and height else None,
    )


def _track(path: Path, element: ElementTree.Element, lines: Lines) -> LabelledTrack:
    track_id, line = element.get("id", ""), lines[element]
    if shapes := sorted({shape.tag for shape in element} - {"box"}):
        raise TruthError(
            f"{path}, line {line}: track {track_id} is drawn as {', '.join(shapes)}", fix="draw rectangles"
        )
    rows = [CsvRow(path, lines[box], dict(box.attrib), f"track {track_id} in line {lines[box]}") for box in element]
    rows.sort(key=lambda row: frame_of(row, first_frame=0))
    is_kept = [row.values.get("keyframe") != "0" for row in rows]
    is_kept[0] = is_kept[-1] = True
    keyframes = [_keyframe(row) for row, kept in zip(rows, is_kept, strict=True) if kept]
    if keyframes[-1].is_visible:
        keyframes += leaving_after(keyframes[-1])
    values = people_values(track_id, _attributes(element), [element.get("label", "")])
    return LabelledTrack(CsvRow(path, line, values, f"track {track_id} from line {line} on"), tuple(keyframes))


def _attributes(track: ElementTree.Element) -> list[tuple[str, str]]:
    """Each attribute with its most frequent value."""
    counts: dict[str, Counter[str]] = {}
    for attribute in track.iterfind("box/attribute"):
        text = (attribute.text or "").strip()
        if text and text != UNDEFINED:
            counts.setdefault(attribute.get("name", ""), Counter())[text] += 1
    return [(name, count.most_common(1)[0][0]) for name, count in counts.items()]


def _keyframe(row: CsvRow) -> Keyframe:
    frame = frame_of(row, first_frame=0)
    if row.values.get("outside") == "1":
        x1, y1, x2, y2 = (row.number(edge) for edge in EDGES)
        return Keyframe(frame, (x1, y1, x2, y2), is_visible=False)
    x1, y1, x2, y2 = box_of(row, EDGES, is_by_size=False)
    rotation_deg = row.number("rotation", default=0.0)
    middle = complex(x1 + x2, y1 + y2) / 2  # CVAT rotates about the middle, a keyframe about its corner
    corner = middle + (complex(x1, y1) - middle) * cmath.rect(1, radians(rotation_deg))
    return Keyframe(frame, (corner.real, corner.imag, corner.real + x2 - x1, corner.imag + y2 - y1), rotation_deg)


def _parsed(path: Path) -> tuple[ElementTree.Element, Lines]:
    """The root of an XML file, and the line of every element. A DOCTYPE is refused, for its entities."""
    builder = ElementTree.TreeBuilder()
    lines: Lines = {}
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    def refuse(*_: object) -> None:
        raise TruthError(f"{path}, line {parser.CurrentLineNumber}: a DOCTYPE is not read", fix="delete it")

    parser.StartElementHandler, parser.EndElementHandler = start, builder.end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, refuse
    try:
        parser.Parse(read_bytes(path), True)
        return builder.close(), lines
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise TruthError(f"{path} is not valid XML: {error}", fix="export the file again") from error
