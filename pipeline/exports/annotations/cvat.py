"""Writes CVAT for video 1.1 (https://docs.cvat.ai/docs/manual/advanced/formats/format-cvat/), one file for each video.

Only keyframes are written: CVAT draws the boxes between them, and drops those of a file when it is uploaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from facetally.exports.annotations.model import (
    BOX_DECIMALS,
    LABEL,
    Attribute,
    ExportTrack,
    Span,
    TrackBox,
    VideoTracks,
)
from facetally.exports.annotations.text import file_beside, number, text_file, xml_text, xml_value
from facetally.exports.annotations.written import Written
from facetally.truth.formats.annotations import IN_VIEW, IS_LABEL, Box

LABELS_FILE = "labels.json"
SUFFIX = ".xml"


def write(folder: Path, videos: Iterable[VideoTracks], about: Mapping[str, str]) -> Written:
    """Writes a file for each video with tracks, and labels.json, with which a task in CVAT is set up.

    Raises:
        OSError: the folder cannot be written.
    """
    written = Written()
    choices: dict[str, Attribute] = {}
    for video in videos:
        written.count(video)
        choices |= _merged(choices, attributes_of(video))
        if video.boxed:
            path = file_beside(folder, video.video, SUFFIX)
            with text_file(path) as file:
                file.writelines(_document(video, about))
            written.files.append(path)
    if choices:
        with text_file(folder / LABELS_FILE) as file:
            json.dump([_label_spec(choices.values())], file, indent=1)
        written.files.append(folder / LABELS_FILE)
    return written


def file_names(folder: Path, videos: Iterable[str]) -> list[Path]:
    """The files that are written for videos of these names."""
    return [*(file_beside(folder, video, SUFFIX) for video in videos), folder / LABELS_FILE]


def attributes_of(video: VideoTracks) -> dict[str, Attribute]:
    """The attributes of a label, with all choices that occur."""
    found = {}
    for attribute in video.attributes:
        used = {track.attributes.get(attribute.name, "") for track in video.tracks} if attribute.choices else set()
        more = sorted(used - {"", *attribute.choices})
        found[attribute.name] = Attribute(attribute.name, (*attribute.choices, *more))
    return found


def _merged(known: Mapping[str, Attribute], more: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {
        name: Attribute(name, tuple(dict.fromkeys((*(known[name].choices if name in known else ()), *one.choices))))
        for name, one in more.items()
    }


def has_filled(names: Iterable[str]) -> bool:
    """Whether boxes say of themselves if they are labels: those of hand labels do."""
    return IN_VIEW in names


def _label_spec(attributes: Iterable[Attribute]) -> dict[str, object]:
    """The label as CVAT's "Raw" view of a task's labels takes it."""
    specs: list[dict[str, object]] = [_attribute_spec(attribute) for attribute in attributes]
    if has_filled(str(spec["name"]) for spec in specs):
        box = {"name": IS_LABEL, "mutable": True, "input_type": "checkbox", "default_value": "true"}
        specs.append(box | {"values": ["true", "false"]})
    return {"name": LABEL, "attributes": specs}


def _attribute_spec(attribute: Attribute) -> dict[str, object]:
    kind = "select" if attribute.choices else "text"
    values = [UNDEFINED, *attribute.choices] if attribute.choices else [""]
    return {
        **{"name": attribute.name, "mutable": False, "input_type": kind},
        **{"default_value": values[0], "values": values},
    }


UNDEFINED = "__undefined__"
"""CVAT's name of a choice that nobody made."""


def _document(video: VideoTracks, about: Mapping[str, str]) -> Iterator[str]:
    width, height = video.stored_px
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta>\n<task>\n'
    for name, value in (("name", video.video), ("size", str(video.frame_count)), ("mode", "interpolation")):
        yield f"<{name}>{xml_text(value)}</{name}>\n"
    yield f"<start_frame>0</start_frame>\n<stop_frame>{max(video.frame_count - 1, 0)}</stop_frame>\n<frame_filter/>\n"
    yield f"<labels>\n<label>\n<name>{LABEL}</name>\n<type>any</type>\n<attributes>\n"
    specs = _label_spec(attributes_of(video).values())["attributes"]
    for spec in specs if isinstance(specs, list) else ():
        yield _attribute_xml(spec)
    yield "</attributes>\n</label>\n</labels>\n"
    yield f"<original_size>\n<width>{width}</width>\n<height>{height}</height>\n</original_size>\n"
    yield f"<source>{xml_text(video.video)}</source>\n</task>\n"
    yield f"<dumped>{xml_text(about.get('on', ''))}</dumped>\n</meta>\n"
    for track in video.boxed:
        yield from _track(video, track)
    yield "</annotations>\n"


def _attribute_xml(spec: Mapping[str, object]) -> str:
    values = spec["values"] if isinstance(spec["values"], list) else []
    return (
        f"<attribute>\n<name>{xml_text(str(spec['name']))}</name>\n<mutable>{spec['mutable']}</mutable>\n"
        f"<input_type>{spec['input_type']}</input_type>\n<default_value>{xml_text(str(spec['default_value']))}"
        f"</default_value>\n<values>{xml_text(chr(10).join(map(str, values)))}</values>\n</attribute>\n"
    )


def _track(video: VideoTracks, track: ExportTrack) -> Iterator[str]:
    attributes = "".join(
        f"<attribute name={xml_value(one.name)}>{_value(one, track)}</attribute>\n" for one in video.attributes
    )
    marks = has_filled(one.name for one in video.attributes)
    yield f'<track id="{track.number}" label="{LABEL}" source="{"manual" if marks else "auto"}">\n'
    for span in track.spans:
        yield from (_box(video, box.frame, box.box, attributes, _mark(box) if marks else "") for box in span.boxes)
        yield _end(video, span, attributes, marks)
    yield "</track>\n"


def _value(attribute: Attribute, track: ExportTrack) -> str:
    text = track.attributes.get(attribute.name, "")
    return UNDEFINED if attribute.choices and not text else xml_text(text)


def _end(video: VideoTracks, span: Span, attributes: str, marks: bool) -> str:
    """The box that ends a time in view: one marked as outside, or at the end of the video the last one in view."""
    last = span.boxes[-1]
    mark = _mark(TrackBox(last.frame, last.time_s, last.box, is_label=False)) if marks else ""
    if span.stop < video.frame_count:
        return _box(video, span.stop, last.box, attributes, mark, outside=1)
    return "" if last.frame == span.stop - 1 else _box(video, span.stop - 1, last.box, attributes, mark, keyframe=0)


def _mark(box: TrackBox) -> str:
    return f'<attribute name="{IS_LABEL}">{str(box.is_label).lower()}</attribute>\n'


def _box(
    video: VideoTracks, frame: int, box: Box, attributes: str, mark: str, *, outside: int = 0, keyframe: int = 1
) -> str:
    edges = zip(("xtl", "ytl", "xbr", "ybr"), video.stored(box), strict=True)
    place = " ".join(f'{name}="{number(edge, BOX_DECIMALS)}"' for name, edge in edges)
    flags = f'frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="0"'
    return f'<box {flags} {place} z_order="0">\n{attributes}{mark}</box>\n'
