"""Reads CVAT for video 1.1 (https://docs.cvat.ai/docs/other/xml_format), as CVAT exports tasks, jobs and projects."""

from __future__ import annotations

import cmath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import radians
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from facetally.csv_rows import CsvRow, read_bytes
from facetally.errors import TruthError
from facetally.truth.formats.annotations import (
    BOX,
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
from facetally.truth.formats.cvat_project import frame_step, own_frames, task_offsets
from facetally.truth.formats.cvat_shapes import box_around, is_outside

UNDEFINED = "__undefined__"
"""CVAT's value of a choice that nobody made."""
EDGES = ("xtl", "ytl", "xbr", "ybr")
MIN_SINGLE_BOXES = 3
"""Tracks of a single box from which they are noted."""
TRACK_FIX = 'label in tracks, and export the task or project as "CVAT for video 1.1"'

Lines = dict[ElementTree.Element, int]
"""The line of each element in the file."""


def read_cvat(path: Path) -> list[LabelledVideo]:
    """The videos of a file: one of a task or a job, several of a project.

    Interpolated boxes (keyframe="0") are left out, since the keyframes determine them. Only the last one of a track is
    kept: the person is in view up to it. Of an attribute that changes, the most frequent value counts. The frame
    numbers of a project, which continue from one task to the next, are brought back to those of each video.

    Raises:
        TruthError: no such file, or not in this format.
    """
    root, lines = _parsed(path)
    if root.tag != "annotations" or root.find("track/*") is None:
        raise TruthError(f"{path} has no tracks as CVAT for video writes them", fix=TRACK_FIX)
    tasks = {task.findtext("id", ""): task for tag in ("task", "job") for task in root.iter(tag)} or {"": root}
    tracks: dict[str, list[LabelledTrack]] = {}
    empty = 0
    for element in root.iterfind("track"):
        if not len(element):
            empty += 1
            continue
        task_id = element.get("task_id", next(iter(tasks)))
        track = _track(path, element, lines, frame_step(tasks.get(task_id)))
        tracks.setdefault(task_id, []).append(track)
    offsets = task_offsets(root)
    videos = []
    for task_id, found in tracks.items():
        task = tasks.get(task_id)
        placed, notes = own_frames(path, task, found, offsets)
        notes += _notes_on_single_boxes(path, placed, frame_step(task))
        videos.append(_video(path, root, root if task is None else task, placed, notes))
    if empty:
        videos[0] = replace(videos[0], notes=(f"{path}: {empty} tracks have no boxes; passed over", *videos[0].notes))
    return videos


def _video(
    path: Path,
    root: ElementTree.Element,
    task: ElementTree.Element,
    tracks: Sequence[LabelledTrack],
    notes: Sequence[str],
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
        notes=tuple(notes),
    )


def _notes_on_single_boxes(path: Path, tracks: Sequence[LabelledTrack], step: int) -> Iterable[str]:
    """CVAT exports a shape that was not drawn as a track as a track of one frame: many people instead of one."""
    single = [t for t in tracks if not t.person_attribute and sum(k.is_visible for k in t.keyframes) == 1]
    lasting = [t for t in single if t.keyframes[-1].frame - t.keyframes[0].frame <= step]
    if len(lasting) >= max(MIN_SINGLE_BOXES, len(tracks) / 2):
        yield (
            f"{path}: {len(lasting)} of {len(tracks)} tracks have a single box, as CVAT exports shapes that were not "
            'drawn in "Track" mode; each of them counts as a person of its own'
        )


def _track(path: Path, element: ElementTree.Element, lines: Lines, step: int) -> LabelledTrack:
    track_id, line = element.get("id", ""), lines[element]
    shape = ", ".join(sorted({shape.tag for shape in element} - {BOX})) or BOX
    rows = []
    for drawn in element:
        where = f"track {track_id} in line {lines[drawn]}"
        rows.append((CsvRow(path, lines[drawn], dict(drawn.attrib), where), drawn))
    rows.sort(key=lambda pair: frame_of(pair[0], first_frame=0))
    # between keyframes other shapes change in other ways than the boxes around them
    is_kept = [row.values.get("keyframe") != "0" or shape != BOX for row, _ in rows]
    is_kept[0] = is_kept[-1] = True
    kept = [pair for pair, is_one in zip(rows, is_kept, strict=True) if is_one]
    keyframes = [_keyframe(row, drawn) for row, drawn in kept]
    keyframes = without_filled_in(keyframes, {k.frame for k, (_, drawn) in zip(keyframes, kept, strict=True)
                                              if _is_filled_in(drawn)})  # fmt: skip
    if keyframes[-1].is_visible:
        keyframes += leaving_after(keyframes[-1], step=step)
    label, attributes = element.get("label", ""), tuple(_attributes(element))
    values = people_values(track_id, attributes, (label,))
    return LabelledTrack(
        CsvRow(path, line, values, f"track {track_id} from line {line} on"),
        tuple(keyframes),
        labels=(label,) if label else (),
        shape=shape,
        attributes=attributes,
    )


def _is_filled_in(shape: ElementTree.Element) -> bool:
    return any(one.get("name") == IS_LABEL and (one.text or "").strip() == "false" for one in shape.iter("attribute"))


def _attributes(track: ElementTree.Element) -> Iterable[tuple[str, str]]:
    """Each attribute with its most frequent value; empty where nobody chose one."""
    counts: dict[str, Counter[str]] = {}
    for attribute in track.iterfind("*/attribute"):
        text = (attribute.text or "").strip()
        count = counts.setdefault(attribute.get("name", ""), Counter())
        if text and text != UNDEFINED:
            count[text] += 1
    return ((name, count.most_common(1)[0][0] if count else "") for name, count in counts.items())


def _keyframe(row: CsvRow, shape: ElementTree.Element) -> Keyframe:
    frame = frame_of(row, first_frame=0)
    if shape.tag != BOX:
        return Keyframe(frame, box_around(row, shape), is_visible=not is_outside(shape))
    if is_outside(shape):
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
