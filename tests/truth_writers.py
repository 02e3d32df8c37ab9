"""Writes hand labels in the formats of other tools; `facetally.truth.formats.importer` reads them back.

Each writer takes the labels, the name of one of the videos, the times of all frames of that video, its size as
displayed, and the path of the file to write. Labels up to a second apart belong together; a longer gap means that the
person was out of view.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from facetally.truth.labels import LabelledPerson, Truth
from facetally.video.decoder import Decoder
from facetally.video.reader import FrameImage

MAX_GAP_S = 1.0
ATTRIBUTES = ("gender", "age_band", "face_quality", "note")

Label = tuple[int, float, tuple[float, ...]]
"""Frame number, time in seconds, and x1, y1, x2, y2."""


def images_of(path: Path) -> tuple[list[float], tuple[int, int]]:
    """The times of all frames of a video in seconds, and its width and height as displayed."""
    decoder = Decoder(path)
    images = decoder.images()
    first = next(images)
    height_px, width_px = FrameImage.of(first).hw
    times_s = [first.time_s, *(image.time_s for image in images)]
    decoder.close()
    return times_s, (width_px, height_px)


def stretches(truth: Truth, video: str, person: str, times_s: Sequence[float]) -> list[list[Label]]:
    """The labels of a person, one list for each time in view."""
    labels, times = truth.boxes[video], np.array(times_s)
    found: list[list[Label]] = []
    for row in np.flatnonzero(labels.of_person(person)):
        index = int(np.abs(times - labels.times_s[row]).argmin())
        label = (index, times_s[index], tuple(float(edge) for edge in labels.boxes[row]))
        if found and label[1] - found[-1][-1][1] <= MAX_GAP_S:
            found[-1].append(label)
        else:
            found.append([label])
    return found


def filled(stretch: Sequence[Label], times_s: Sequence[float]) -> list[Label]:
    """The labels with those of all frames between them, on straight lines."""
    labels: list[Label] = []
    for (index, _, box), (later, _, later_box) in pairwise(stretch):
        for frame in range(index, later):
            share = (frame - index) / (later - index)
            between = tuple(a + (b - a) * share for a, b in zip(box, later_box, strict=True))
            labels.append((frame, times_s[frame], between))
    return [*labels, stretch[-1]]


def write_cvat(truth: Truth, video: str, times_s: Sequence[float], size_px: tuple[int, int], path: Path) -> None:
    """CVAT for video 1.1, with an interpolated box on every frame between the keyframes, as CVAT exports it."""
    root = ElementTree.Element("annotations")
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    for name, text in (("id", "7"), ("name", "faces"), ("size", str(len(times_s))), ("source", video)):
        ElementTree.SubElement(task, name).text = text
    size = ElementTree.SubElement(task, "original_size")
    for name, length in zip(("width", "height"), size_px, strict=True):
        ElementTree.SubElement(size, name).text = str(length)
    for number, person in enumerate(truth.people[video]):
        track = ElementTree.SubElement(root, "track", id=str(number), label="face", source="manual")
        in_view = stretches(truth, video, person.person, times_s)
        starts = {stretch[0][0] for stretch in in_view}
        for stretch in in_view:
            keys = {index for index, _, _ in stretch}
            for frame, _, between in filled(stretch, times_s):
                _cvat_box(track, person, frame, between, is_key=frame in keys)
            index, _, box = stretch[-1]
            if index + 1 < len(times_s) and index + 1 not in starts:
                _cvat_box(track, person, index + 1, box, is_outside=True)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _cvat_box(
    track: ElementTree.Element,
    person: LabelledPerson,
    frame: int,
    box: Sequence[float],
    is_key: bool = True,
    is_outside: bool = False,
) -> None:
    edges = {name: f"{edge:.2f}" for name, edge in zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True)}
    flags = {"frame": str(frame), "keyframe": str(int(is_key)), "outside": str(int(is_outside)), "occluded": "0"}
    element = ElementTree.SubElement(track, "box", flags | edges)
    for name in ("person", *ATTRIBUTES):
        ElementTree.SubElement(element, "attribute", name=name).text = getattr(person, name)


def write_mot(
    truth: Truth,
    video: str,
    times_s: Sequence[float],
    size_px: tuple[int, int],
    path: Path,
    is_every_frame: bool = False,
) -> Path:
    """A MOTChallenge gt.txt with seqinfo.ini beside it, and a CSV file with attributes, whose path is returned.

    Its rows are the labels alone, or with `is_every_frame` also the frames between them, as tools export them.
    """
    rows = []
    for person in truth.people[video]:
        for stretch in stretches(truth, video, person.person, times_s):
            for index, _, (x1, y1, x2, y2) in filled(stretch, times_s) if is_every_frame else stretch:
                box = ",".join(f"{length:.2f}" for length in (x1, y1, x2 - x1, y2 - y1))
                rows.append((index + 1, f"{index + 1},{person.person},{box},1,1,1.0\n"))
    path.write_text("".join(text for _, text in sorted(rows)), encoding="utf-8")
    size = f"imWidth={size_px[0]}\nimHeight={size_px[1]}\nimExt=.jpg"
    path.with_name("seqinfo.ini").write_text(f"[Sequence]\nname={video}\nimDir=img1\n{size}\n", encoding="utf-8")
    sidecar = path.with_suffix(".people.csv")
    _write_rows(sidecar, ("video", "person", *ATTRIBUTES), [_values(person) for person in truth.people[video]])
    return sidecar


def write_label_studio(
    truth: Truth,
    video: str,
    times_s: Sequence[float],
    size_px: tuple[int, int],
    path: Path,
    fps: float | None = None,
) -> None:
    """Label Studio's JSON export, labelled at a frame rate that shows every frame, or at `fps`."""
    fps = fps or 1 / float(np.diff(times_s).min())
    duration_s = times_s[-1] + float(np.median(np.diff(times_s)))
    length = {"framesCount": math.ceil(duration_s * fps - 1e-6), "duration": duration_s}
    results = []
    for person in truth.people[video]:
        sequence = []
        for stretch in stretches(truth, video, person.person, times_s):
            for label in stretch:
                sequence.append(_label_studio_item(label, size_px, fps) | {"enabled": label is not stretch[-1]})
        region = {"id": f"r-{person.person}", "to_name": "video", "origin": "manual"}
        value = length | {"sequence": sequence, "labels": ["Face"]}
        results.append(region | {"type": "videorectangle", "from_name": "box", "value": value})
        for name in ("person", *ATTRIBUTES):
            kind, key = ("textarea", "text") if name in ("person", "note") else ("choices", "choices")
            attribute = length | {"sequence": sequence, key: [getattr(person, name)]}
            results.append(region | {"type": kind, "from_name": name, "value": attribute})
    task = {"id": 5, "data": {"video": f"/data/local-files/?d={video}"}, "annotations": [{"result": results}]}
    path.write_text(json.dumps([task]), encoding="utf-8")


def _label_studio_item(label: Label, size_px: tuple[int, int], fps: float) -> dict[str, float]:
    _, time_s, (x1, y1, x2, y2) = label
    frame = math.ceil(time_s * fps - 0.25) + 1  # the first tick at which the frame is displayed
    place = {
        "x": x1 / size_px[0],
        "y": y1 / size_px[1],
        "width": (x2 - x1) / size_px[0],
        "height": (y2 - y1) / size_px[1],
    }
    return {"frame": frame, "time": frame / fps, "rotation": 0} | {name: 100 * part for name, part in place.items()}


def write_coco(
    truth: Truth,
    video: str,
    times_s: Sequence[float],
    size_px: tuple[int, int],
    path: Path,
    is_every_frame: bool = False,
) -> None:
    """COCO JSON with videos, frames and tracks; its boxes are the labels alone, or those of all frames between them."""
    width, height = size_px
    images = [
        {
            "id": frame + 1,
            "video_id": 1,
            "frame_id": frame,
            "width": width,
            "height": height,
            "file_name": f"{frame}.jpg",
        }
        for frame in range(len(times_s))
    ]
    annotations: list[dict[str, Any]] = []
    for track, person in enumerate(truth.people[video], start=1):
        for stretch in stretches(truth, video, person.person, times_s):
            for frame, _, (x1, y1, x2, y2) in filled(stretch, times_s) if is_every_frame else stretch:
                attributes = {name: getattr(person, name) for name in ("person", *ATTRIBUTES)}
                place = {
                    "image_id": frame + 1,
                    "category_id": 1,
                    "instance_id": track,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                }
                annotations.append({"id": len(annotations) + 1, "attributes": attributes, **place})
    lists = {"videos": [{"id": 1, "name": video}], "images": images, "annotations": annotations}
    path.write_text(json.dumps({**lists, "categories": [{"id": 1, "name": "face"}]}), encoding="utf-8")


def write_datumaro(
    truth: Truth,
    video: str,
    times_s: Sequence[float],
    size_px: tuple[int, int],
    path: Path,
    is_every_frame: bool = False,
) -> None:
    """Datumaro's JSON as CVAT exports it; its boxes are the labels alone, or those of all frames between them."""
    folder = video.rpartition(".")[0]
    items: list[dict[str, Any]] = [
        {
            "id": f"{folder}/frame_{frame:06d}",
            "annotations": [],
            "attr": {"frame": frame},
            "image": {"path": f"frame_{frame:06d}.png", "size": [size_px[1], size_px[0]]},
        }
        for frame in range(len(times_s))
    ]
    for track, person in enumerate(truth.people[video]):
        for stretch in stretches(truth, video, person.person, times_s):
            for frame, _, (x1, y1, x2, y2) in filled(stretch, times_s) if is_every_frame else stretch:
                attributes = {name: getattr(person, name) for name in ("person", *ATTRIBUTES)}
                attributes |= {"track_id": track, "keyframe": True, "occluded": False}
                box = {"label_id": 0, "bbox": [x1, y1, x2 - x1, y2 - y1], "z_order": 0}
                annotation = {"id": 0, "type": "bbox", "attributes": attributes, "group": 0, **box}
                items[frame]["annotations"].append(annotation)
    labels = {"labels": [{"name": "face", "parent": "", "attributes": []}], "attributes": []}
    data = {"info": {}, "categories": {"label": labels}, "items": items}
    path.write_text(json.dumps(data), encoding="utf-8")


def write_via(truth: Truth, video: str, times_s: Sequence[float], size_px: tuple[int, int], path: Path) -> None:
    """A project of VIA 3: a rectangle for each label, and a segment from the first to the end of the last frame."""
    del size_px
    ends_s = [*times_s[1:], times_s[-1] + float(np.median(np.diff(times_s)))]
    names = ("person", *ATTRIBUTES)
    attributes = {
        str(number): {"aname": name, "anchor_id": "FILE1_Z1_XY1", "type": 1, "options": {}}
        for number, name in enumerate(names)
    }
    metadata: dict[str, Any] = {}
    for person in truth.people[video]:
        values = {str(number): getattr(person, name) for number, name in enumerate(names)}
        for stretch in stretches(truth, video, person.person, times_s):
            marks: list[tuple[list[float], list[float]]] = [([stretch[0][1], ends_s[stretch[-1][0]]], [])]
            marks += [([time_s], [2, x1, y1, x2 - x1, y2 - y1]) for _, time_s, (x1, y1, x2, y2) in stretch]
            for z, xy in marks:
                z = [round(time_s, 5) for time_s in z]
                metadata[f"1_{len(metadata):08d}"] = {"vid": "1", "flg": 0, "z": z, "xy": xy, "av": values}
    file = {"1": {"fid": "1", "fname": video, "type": 4, "loc": 1, "src": ""}}
    view = {"1": {"fid_list": ["1"]}}
    data = {"project": {}, "config": {}, "attribute": attributes, "file": file, "metadata": metadata, "view": view}
    path.write_text(json.dumps(data), encoding="utf-8")


def write_intervals(truth: Truth, video: str, times_s: Sequence[float], size_px: tuple[int, int], path: Path) -> None:
    """One row for each time in view, from the first label to the end of the last label's frame; no boxes."""
    del size_px
    ends_s = [*times_s[1:], times_s[-1] + float(np.median(np.diff(times_s)))]
    rows = [
        [*_values(person), stretch[0][1], ends_s[stretch[-1][0]]]
        for person in truth.people[video]
        for stretch in stretches(truth, video, person.person, times_s)
    ]
    _write_rows(path, ("video", "person", *ATTRIBUTES, "start_s", "end_s"), rows)


def _values(person: LabelledPerson) -> list[str]:
    return [person.video, person.person, *(getattr(person, name) for name in ATTRIBUTES)]


def _write_rows(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
