"""Writes COCO JSON with tracks, in the forms that are in use at once.

CocoVID (MMTracking)   videos; images with video_id and frame_id, which counts the images; annotations with instance_id
TAO                    images with frame_index, the frame of the video; annotations with track_id; tracks
CVAT, Datumaro         attributes of annotations, with track_id among them; images named frame_000000
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, cast

from facetally.exports.annotations.model import BOX_DECIMALS, LABEL, ExportTrack, TrackBox, VideoTracks
from facetally.exports.annotations.text import rounded, text_file
from facetally.exports.annotations.written import Written
from facetally.truth.formats.coco import FRAMES_IN_VIEW

FILE = Path("annotations", "instances_default.json")
"""Where CVAT and Datumaro have it."""
IMAGES_FILE = Path("images", "README.txt")
"""Datumaro wants a folder for images, which need not be in it (findings/datumaro-coco-needs-images-folder.sh)."""
CUT_FRAMES = """The images are not needed to read the labels. To see both, cut the frames of each video:

    mkdir -p VIDEO_NAME
    ffmpeg -i VIDEO -fps_mode passthrough -start_number 0 VIDEO_NAME/frame_%06d.png
"""
TIME_DECIMALS = 6


def write(folder: Path, videos: Iterable[VideoTracks], about: Mapping[str, str]) -> Written:
    """Writes one file. Its images are the frames with boxes, and the first frame of each video.

    Raises:
        OSError: the folder cannot be written.
    """
    written = Written()
    writer = _Lists()
    path = folder / FILE
    with text_file(path) as file, _Spool(folder) as images, _Spool(folder) as annotations:
        for video in videos:
            written.count(video)
            writer.add(video, images, annotations)
        info = {"description": about.get("made by", ""), "date_created": about.get("on", ""), "notes": _notes(about)}
        categories = [{"id": 1, "name": LABEL, "supercategory": "person"}]
        file.write(f'{{"info": {json.dumps(info)},\n"licenses": [],\n"categories": {json.dumps(categories)},\n')
        for name, values in (("videos", writer.videos), ("tracks", writer.tracks)):
            file.write(f'"{name}": [\n' + ",\n".join(json.dumps(value) for value in values) + "\n],\n")
        images.copy_to(file, "images")
        file.write(",\n")
        annotations.copy_to(file, "annotations")
        file.write("\n}\n")
    with text_file(folder / IMAGES_FILE) as file:
        file.write(CUT_FRAMES)
    written.files += [path, folder / IMAGES_FILE]
    return written


def file_names(folder: Path, videos: Iterable[str]) -> list[Path]:
    """The files that are written."""
    del videos
    return [folder / FILE, folder / IMAGES_FILE]


def _notes(about: Mapping[str, str]) -> str:
    return "; ".join(f"{key}: {value}" for key, value in about.items() if key not in ("made by", "on"))


class _Spool:
    """A list of JSON values that waits on disk until its turn in the file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = cast("IO[str]", TemporaryFile("w+", encoding="utf-8", dir=folder))  # noqa: SIM115
        self._separator = "\n"

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, value: object) -> None:
        self._file.write(self._separator + json.dumps(value))
        self._separator = ",\n"

    def copy_to(self, file: IO[str], name: str) -> None:
        file.write(f'"{name}": [')
        self._file.seek(0)
        while part := self._file.read(1 << 20):
            file.write(part)
        file.write("\n]")


class _Lists:
    """Numbers what is written, from 1: of annotations 0 means none (findings/pycocotools-annotation-zero.sh)."""

    def __init__(self) -> None:
        self.videos: list[dict[str, object]] = []
        self.tracks: list[dict[str, object]] = []
        self._image_count = self._annotation_count = 0

    def add(self, video: VideoTracks, images: _Spool, annotations: _Spool) -> None:
        width, height = video.stored_px
        video_id = len(self.videos) + 1
        size: dict[str, object] = {"width": width, "height": height}
        length = {"fps": video.fps, "length": video.frame_count}
        self.videos.append({"id": video_id, "name": video.video, **size, **length, **video.facts})
        first = TrackBox(0, 0.0, (0.0, 0.0, 0.0, 0.0))
        frames = {box.frame: box for track in video.tracks for box in track.boxes} | {0: first}
        image_of: dict[int, int] = {}
        for count, frame in enumerate(sorted(frames)):
            self._image_count += 1
            image_of[frame] = self._image_count
            name = f"{video.video}/frame_{frame:06d}.png"
            number = {"id": self._image_count, "video_id": video_id, "frame_id": count, "frame_index": frame}
            images.add({**number, "file_name": name, **size, "time_s": rounded(frames[frame].time_s, TIME_DECIMALS)})
        for track in video.tracks:
            for annotation in self._annotations(video, track, image_of):
                annotations.add(annotation | {"video_id": video_id})
            self.tracks[-1]["video_id"] = video_id

    def _annotations(
        self, video: VideoTracks, track: ExportTrack, image_of: Mapping[int, int]
    ) -> Iterator[dict[str, object]]:
        track_id = len(self.tracks) + 1
        in_view = {FRAMES_IN_VIEW: [list(stay) for stay in track.in_view]} if track.in_view else {}
        self.tracks.append({"id": track_id, "category_id": 1, "attributes": dict(track.attributes), **in_view})
        for box in track.boxes:
            self._annotation_count += 1
            x1, y1, x2, y2 = (rounded(edge, BOX_DECIMALS) for edge in video.stored(box.box))
            bbox = [x1, y1, rounded(x2 - x1, BOX_DECIMALS), rounded(y2 - y1, BOX_DECIMALS)]
            yield {
                **{"id": self._annotation_count, "image_id": image_of[box.frame], "category_id": 1},
                **{"track_id": track_id, "instance_id": track_id, "bbox": bbox, "iscrowd": 0},
                **{"area": rounded(bbox[2] * bbox[3], BOX_DECIMALS), "segmentation": []},
                "attributes": {**track.attributes, "track_id": track_id},
            }
