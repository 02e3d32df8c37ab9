"""Exports hand labels, imports them again, and compares the two."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facetally.exports.annotations.frames import read_frames
from facetally.exports.formats import formats_of
from facetally.inputs import find_videos
from facetally.jobs.export import export_truth
from facetally.truth.files import read_truth, write_truth
from facetally.truth.formats.importer import import_truth
from facetally.truth.labels import Truth
from facetally.truth.video_names import matched_names
from scripts.check_exports.tools import DATUMARO, environment

TOLERANCE_PX = 0.0101
"""Of labels that come back; their boxes have two decimals."""
ROUNDED_S = 0.0051
"""Labels have times with two decimals."""
FILES = {"cvat": "*.xml", "mot": "gt.txt", "label-studio": "tasks.json", "coco": "instances_default.json"}
THROUGH_DATUMARO = """
import sys
from datumaro import Dataset
Dataset.import_from(sys.argv[1], "coco_instances").export(sys.argv[2], "datumaro")
"""


@dataclass(frozen=True)
class RoundTrip:
    """How labels differ after they were exported and imported again."""

    format: str
    people: int
    boxes: int
    other_people: int
    furthest_s: float
    furthest_px: float

    @property
    def is_same(self) -> bool:
        return not self.other_people and self.furthest_s <= ROUNDED_S and self.furthest_px <= TOLERANCE_PX


def round_trips(truth: Path, clips: list[str], work: Path, environments: Path) -> list[RoundTrip]:
    """Each format, and COCO that Datumaro has opened and saved in its own format."""
    labels = read_truth(truth)
    write_truth(labels.of_videos(matched_names(labels.people, [v.name for v in find_videos(clips)])), work / "truth")
    labels = displayed(work / "truth", clips)
    trips = [round_trip(name, work / "truth", labels, clips, work / f"labels-{name}") for name in formats_of("labels")]
    python = environment(DATUMARO, environments)
    saved = work / "labels-datumaro"
    command = [str(python), "-c", THROUGH_DATUMARO, str(work / "labels-coco"), str(saved)]
    subprocess.run(command, check=True, capture_output=True)
    found = import_truth(sorted(saved.rglob("*.json")), "datumaro", find_videos(clips)).truth
    return [*trips, difference("coco, opened by Datumaro and saved as datumaro", labels, found)]


def displayed(truth: Path, videos: list[str]) -> Truth:
    """The labels with all boxes in pixels of the frames as displayed, as an import gives them."""
    labels = read_truth(truth)
    paths = {video.name: video.path for video in find_videos(videos)}
    names = matched_names(labels.people, paths)
    shown = labels.of_videos(names)
    return shown.on_frames({name: read_frames(paths[names[name]]).displayed_px for name in names})


def round_trip(name: str, truth: Path, labels: Truth, videos: list[str], folder: Path) -> RoundTrip:
    """Exports labels, imports them, and compares."""
    export_truth(truth, name, folder, videos=videos)
    files = sorted(folder.rglob(FILES[name]))
    people = folder / "people.csv"
    found = import_truth(files, name, find_videos(videos), attributes=people if name == "mot" else None).truth
    return difference(name, labels, found)


def difference(name: str, labels: Truth, found: Truth) -> RoundTrip:
    """Compares labels with what has become of them."""
    names = matched_names(labels.people, found.people)
    other, off_s, off_px = 0, 0.0, 0.0
    for video, members in labels.people.items():
        again = {p.person: replace(p, video=video) for p in found.people[names[video]]}
        other += sum(again.get(p.person) != replace(p, line=0) for p in members)
        if video in labels.boxes:
            own, new = labels.boxes[video], found.boxes[names[video]]
            same = own.people == new.people
            off_s = max(off_s, float(np.abs(own.times_s - new.times_s).max()) if same else np.inf)
            off_px = max(off_px, float(np.abs(own.boxes - new.boxes).max()) if same else np.inf)
    count = sum(len(boxes.people) for boxes in labels.boxes.values())
    return RoundTrip(name, len(labels.everybody), count, other, off_s, off_px)
