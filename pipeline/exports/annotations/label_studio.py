"""Writes Label Studio's JSON for video (https://labelstud.io/tags/videorectangle), and the set-up of the project.

Its player does not count frames of the video: it counts ticks of a clock, from 1. The rate of that clock is part of
each task, and the set-up of the project refers to it. Boxes are in percent of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from facetally.exports.annotations.cvat import attributes_of
from facetally.exports.annotations.model import LABEL, Attribute, ExportTrack, Span, TrackBox, VideoTracks
from facetally.exports.annotations.text import text_file, write_json_list, xml_value
from facetally.exports.annotations.written import Written
from facetally.truth.formats.annotations import IN_VIEW, IS_LABEL
from facetally.truth.formats.timeline import TICK_TOLERANCE

TASKS_FILE, CONFIG_FILE = "tasks.json", "config.xml"
ADDRESS = "/data/local-files/?d="
"""Where Label Studio serves files of its own machine."""
DECIMALS = 9
"""Of percents and seconds, which are scaled back."""


def write(folder: Path, videos: Iterable[VideoTracks], about: Mapping[str, str]) -> Written:
    """Writes a task for each video, and config.xml, the labelling interface for them.

    Raises:
        OSError: the folder cannot be written.
    """
    written = Written()
    attributes: dict[str, Attribute] = {}

    def tasks() -> Iterator[dict[str, object]]:
        for video in videos:
            written.count(video)
            for name, one in attributes_of(video).items():
                before = attributes[name].choices if name in attributes else ()
                attributes[name] = Attribute(name, tuple(dict.fromkeys((*before, *one.choices))))
            yield _task(video, about)

    with text_file(folder / TASKS_FILE) as file:
        write_json_list(file, tasks())
    with text_file(folder / CONFIG_FILE) as file:
        file.write(_config(attributes.values()))
    written.files += [folder / TASKS_FILE, folder / CONFIG_FILE]
    return written


def file_names(folder: Path, videos: Iterable[str]) -> list[Path]:
    """The files that are written."""
    del videos
    return [folder / TASKS_FILE, folder / CONFIG_FILE]


def _config(attributes: Iterable[Attribute]) -> str:
    controls = "".join(f"  {_control(attribute)}\n" for attribute in attributes)
    return (
        f'<View>\n  <Labels name="label" toName="video"><Label value="{LABEL}"/></Labels>\n'
        '  <Video name="video" value="$video" frameRate="$fps"/>\n  <VideoRectangle name="box" toName="video"/>\n'
        f"{controls}</View>\n"
    )


def _control(attribute: Attribute) -> str:
    name = xml_value(attribute.name)
    if not attribute.choices:
        return f'<TextArea name={name} toName="video" perRegion="true" rows="1" maxSubmissions="1" editable="true"/>'
    choices = "".join(f"<Choice value={xml_value(choice)}/>" for choice in attribute.choices)
    return f'<Choices name={name} toName="video" perRegion="true" choice="single" showInLine="true">{choices}</Choices>'


def _task(video: VideoTracks, about: Mapping[str, str]) -> dict[str, object]:
    results = [result for track in video.boxed for result in _results(video, track)]
    is_truth = any(attribute.name == IN_VIEW for attribute in video.attributes)
    answer: dict[str, object] = {"result": results}
    if not is_truth:
        answer["model_version"] = about.get("made by", "")
    data = {"video": ADDRESS + quote(video.video), "fps": video.clock_fps}
    return {"data": data, "annotations" if is_truth else "predictions": [answer]}


def _results(video: VideoTracks, track: ExportTrack) -> Iterator[dict[str, object]]:
    """The region with its boxes, and a result for each attribute that is known."""
    length = {
        "framesCount": math.ceil(video.duration_s * video.clock_fps - 1e-6),
        "duration": round(video.duration_s, DECIMALS),
    }
    base = {"id": f"track{track.number}", "to_name": "video", "origin": "manual"}
    value = {**length, "sequence": _sequence(video, track), "labels": [LABEL]}
    yield {**base, "type": "videorectangle", "from_name": "box", "value": value}
    for attribute in video.attributes:
        if text := track.attributes.get(attribute.name, ""):
            kind, key = ("choices", "choices") if attribute.choices else ("textarea", "text")
            yield {**base, "type": kind, "from_name": attribute.name, "value": {**length, key: [text]}}


def _sequence(video: VideoTracks, track: ExportTrack) -> list[dict[str, object]]:
    """The keyframes; one that is not enabled is the last before the person leaves view."""
    items: dict[int, dict[str, object]] = {}
    for span in track.spans:
        for box in _with_end(span):
            item = _item(video, box)
            items[_tick(video, box.time_s)] = item | {"enabled": box.frame < span.stop - 1}
    return [items[tick] for tick in sorted(items)]


def _with_end(span: Span) -> Iterator[TrackBox]:
    yield from span.boxes
    last = span.boxes[-1]
    if last.frame < span.stop - 1:
        yield TrackBox(span.stop - 1, span.last_s, last.box, is_label=False)


def _tick(video: VideoTracks, time_s: float) -> int:
    """The first tick of the clock at which a frame is displayed."""
    return max(math.ceil(time_s * video.clock_fps - TICK_TOLERANCE), 0) + 1


def _item(video: VideoTracks, box: TrackBox) -> dict[str, object]:
    (x1, y1, x2, y2), (width, height) = box.box, video.displayed_px
    tick = _tick(video, box.time_s)
    place = {"x": x1 / width, "y": y1 / height, "width": (x2 - x1) / width, "height": (y2 - y1) / height}
    return {
        **{"frame": tick, "time": round(tick / video.clock_fps, DECIMALS), "rotation": 0},
        **{name: round(100 * part, DECIMALS) for name, part in place.items()},
        **({} if box.is_label else {IS_LABEL: False}),
    }
