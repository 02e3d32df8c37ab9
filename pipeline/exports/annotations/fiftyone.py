"""Writes FiftyOne's video labels, which are ETA's (fiftyone.types.FiftyOneVideoLabelsDataset), a file for each video.

Frames count from 1, boxes are fractions of the picture. manifest.json says where each video is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from facetally.exports.annotations.model import LABEL, ExportTrack, TrackBox, VideoTracks
from facetally.exports.annotations.text import file_beside, rounded, text_file
from facetally.exports.annotations.written import Written

MANIFEST = "manifest.json"
NUMERIC = ("female_prob", "age_years")
DECIMALS = 6


def write(folder: Path, videos: Iterable[VideoTracks], about: Mapping[str, str]) -> Written:
    """Writes labels/ and manifest.json. Videos are not copied.

    Raises:
        OSError: the folder cannot be written.
    """
    written = Written()
    index = []
    for video in videos:
        written.count(video)
        path = _path(folder, video.video)
        with text_file(path) as file:
            json.dump(_labels(video), file)
        written.files.append(path)
        index.append({"data": str(video.path.absolute()), "labels": path.relative_to(folder).as_posix()})
    description = "; ".join(f"{key}: {value}" for key, value in about.items())
    manifest = {"type": "eta.core.datasets.LabeledVideoDataset", "description": description, "index": index}
    with text_file(folder / MANIFEST) as file:
        json.dump(manifest, file, indent=1)
    written.files.append(folder / MANIFEST)
    return written


def file_names(folder: Path, videos: Iterable[str]) -> list[Path]:
    """The files that are written for videos of these names."""
    return [*(_path(folder, video) for video in videos), folder / MANIFEST]


def _path(folder: Path, video: str) -> Path:
    return file_beside(folder / "labels", video, ".json")


def _labels(video: VideoTracks) -> dict[str, object]:
    frames: dict[int, list[dict[str, object]]] = {}
    for track in video.tracks:
        attributes = [_attribute(name, text) for name, text in track.attributes.items() if text]
        for box in track.boxes:
            frames.setdefault(box.frame + 1, []).append(_object(video, track, box, attributes))
    return {
        "frames": {
            str(number): {"frame_number": number, "objects": {"objects": frames[number]}} for number in sorted(frames)
        }
    }


def _attribute(name: str, text: str) -> dict[str, object]:
    if name in NUMERIC:
        return {"type": "eta.core.data.NumericAttribute", "name": name, "value": float(text)}
    return {"type": "eta.core.data.CategoricalAttribute", "name": name, "value": text}


def _object(
    video: VideoTracks, track: ExportTrack, box: TrackBox, attributes: list[dict[str, object]]
) -> dict[str, object]:
    (x1, y1, x2, y2), (width, height) = box.box, video.displayed_px
    return {
        **{"type": "eta.core.objects.DetectedObject", "label": LABEL, "index": track.number},
        "bounding_box": {
            "top_left": {"x": rounded(x1 / width, DECIMALS), "y": rounded(y1 / height, DECIMALS)},
            "bottom_right": {"x": rounded(x2 / width, DECIMALS), "y": rounded(y2 / height, DECIMALS)},
        },
        "frame_number": box.frame + 1,
        "attrs": {"attrs": attributes},
    }
