"""Reads COCO JSON of video, in the forms that are in use.

CocoVID     videos, images with video_id and frame_id, annotations with instance_id (MMTracking)
TAO         the same with frame_index and track_id (Dave et al., ECCV 2020)
CVAT        "COCO 1.0" of a task: images named frame_000000, annotations with the attribute track_id
VIS         annotations with a list of bboxes, one for each image of their video (Yang et al., ICCV 2019)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath

from facetally.csv_rows import CsvRow
from facetally.errors import TruthError
from facetally.truth.formats.annotations import BOX, Box, Keyframe, LabelledTrack, LabelledVideo, people_values
from facetally.truth.formats.box_lists import (
    FrameShape,
    VideoFrames,
    around,
    first_number,
    frame_in_name,
    labelled_videos,
)
from facetally.truth.formats.cvat_shapes import NOWHERE
from facetally.truth.formats.json_files import LAYOUT_ERRORS, Json, read_json

FRAMES_IN_VIEW = "frames_in_view"
"""Of a track in our own exports: the times in view that were labelled, as pairs of frames [start, stop) from 0."""
TRACK_KEYS = ("track_id", "instance_id")
NOT_ATTRIBUTES = frozenset(("occluded", "keyframe", "outside", "rotation", "scores", *TRACK_KEYS))
"""What CVAT writes among the attributes of every annotation."""


def read_coco(path: Path) -> list[LabelledVideo]:
    """The videos of a file. Crowds and ignored regions become people with the gender "ignore".

    Raises:
        TruthError: no such file, or not in this format; boxes that belong to no track.
    """
    data = read_json(path)
    try:
        images = _images(path, data)
        labels = {category["id"]: str(category["name"]) for category in data["categories"]}
        tracks = {track["id"]: track for track in data.get("tracks", ())}
        annotations = list(chain.from_iterable(_by_image(a, images) for a in data["annotations"]))
        shapes = [_shape(annotation, images.by_id[image], labels, tracks) for image, annotation in annotations]
    except LAYOUT_ERRORS as error:
        raise TruthError(
            f"{path} does not have the layout of COCO: {type(error).__name__} {error}",
            fix="export it as COCO with boxes (in CVAT: COCO 1.0), or as another format of truth import --help",
        ) from error
    boxes = [shape for shape in shapes if shape]
    passed = len(shapes) - len(boxes)
    notes = [f"{path}: {passed} annotations have neither a box nor an outline; passed over"] if passed else []
    videos = labelled_videos(path, boxes, images.frames, notes)
    return _with_stays(path, videos, data) if any(FRAMES_IN_VIEW in track for track in tracks.values()) else videos


def _with_stays(path: Path, videos: Sequence[LabelledVideo], data: Json) -> list[LabelledVideo]:
    """The videos with times in view as labelled, where tracks state them."""
    names = {video["id"]: str(video.get("name", "")) for video in data.get("videos", ())}
    stays: dict[str, list[LabelledTrack]] = {}
    stated: set[tuple[str, str]] = set()
    for track in data["tracks"]:
        if pairs := track.get(FRAMES_IN_VIEW):
            name = names.get(track.get("video_id"), "")
            stays.setdefault(name, []).append(_stay(path, track, pairs))
            stated.add((name, stays[name][-1].row.values["person"]))
    known = {video.name for video in videos}
    whole = [*videos, *(LabelledVideo(path, name, (), has_gaps=True) for name in stays if name not in known)]
    return [
        replace(
            video,
            tracks=(
                *(replace(t, has_stays=(video.name, t.row.values["person"]) not in stated) for t in video.tracks),
                *stays.get(video.name, ()),
            ),
        )
        for video in whole
        if video.tracks or video.notes or video.name in stays
    ]


def _stay(path: Path, track: Json, pairs: Sequence[tuple[int, int]]) -> LabelledTrack:
    attributes = tuple((str(name), str(value)) for name, value in dict(track.get("attributes") or {}).items())
    values = people_values(str(track["id"]), attributes, ())
    keyframes = [Keyframe(int(frame), NOWHERE, is_visible=frame == start)
                 for start, stop in sorted(pairs) for frame in (start, stop)]  # fmt: skip
    row = CsvRow(path, 0, values, f"track {track['id']}")
    return LabelledTrack(row, tuple(keyframes), attributes=attributes, has_boxes=False)


@dataclass(frozen=True)
class _Image:
    video: str
    frame: int


@dataclass(frozen=True)
class _Images:
    """The images of a file, which are frames of videos."""

    by_id: Mapping[object, _Image]
    of_video: Mapping[object, Sequence[object]]
    """By the id of a video, the ids of its images in order: for lists of boxes."""
    frames: dict[str, VideoFrames]


def _images(path: Path, data: Json) -> _Images:
    videos = {video["id"]: video for video in data.get("videos", ())}
    rows = list(data.get("images", ()))
    for video in videos.values():  # VIS lists the images of each video there
        names = video.get("file_names", ())
        rows += [_listed(video, place, str(name)) for place, name in enumerate(names)]
    by_video: dict[str, list[Json]] = {}
    for row in rows:
        by_video.setdefault(_video_name(row, videos), []).append(row)
    by_id: dict[object, _Image] = {}
    frames: dict[str, VideoFrames] = {}
    for name, members in by_video.items():
        numbers, notes = _numbers(path, name, members)
        first, first_notes = first_number(path, name, numbers)
        video = videos.get(members[0].get("video_id"), {})
        size = [int(video.get(key) or members[0].get(key) or 0) for key in ("width", "height")]
        frames[name] = VideoFrames(
            first,
            (size[0], size[1]) if all(size) else None,
            float(video.get("fps") or 0) or None,
            (*notes, *first_notes),
        )
        by_id |= {row["id"]: _Image(name, number) for row, number in zip(members, numbers, strict=True)}
    of_video = {key: [("listed", key, place) for place in range(len(video.get("file_names", ())))]
                for key, video in videos.items()}  # fmt: skip
    return _Images(by_id, of_video, frames)


def _listed(video: Json, place: int, name: str) -> Json:
    """An image that is only named in a list of its video."""
    return {"id": ("listed", video["id"], place), "video_id": video["id"], "file_name": name, "frame_id": place}


def _video_name(image: Json, videos: Mapping[object, Json]) -> str:
    """The name of an image's video, or else the folder of the image."""
    video = videos.get(image.get("video_id"))
    if video is None:
        folder = PurePosixPath(str(image.get("file_name", "")).replace("\\", "/")).parent.as_posix()
        return "" if folder == "." else folder
    name = str(video.get("name") or video.get("file_name") or "")
    return name or PurePosixPath(str(image.get("file_name", ""))).parent.name


def _numbers(path: Path, video: str, images: Sequence[Json]) -> tuple[list[int], tuple[str, ...]]:
    """The frame numbers of a video's images, and a note where they are those in the names instead of frame_id.

    In files whose images are every nth frame, frame_id counts the images.
    """
    if all(image.get("frame_index") is not None for image in images):
        return [int(image["frame_index"]) for image in images], ()
    named = [frame_in_name(str(image.get("file_name", ""))) for image in images]
    in_names = [number for number in named if number is not None]
    if any(image.get("frame_id") is None for image in images):
        if len(in_names) < len(images):
            raise TruthError(
                f"{path}: images of {video or 'the video'} have neither frame_id nor a number in their names",
                fix="name the images by their frame, as in frame_000000.jpg, and export again",
            )
        return in_names, ()
    counted = [int(image["frame_id"]) for image in images]
    if len(in_names) == len(images) and {n - in_names[0] for n in in_names} != {n - counted[0] for n in counted}:
        return in_names, (
            f"{path}: frames of {video or 'the video'} were taken from the names of its images, not frame_id",
        )
    return counted, ()


def _by_image(annotation: Json, images: _Images) -> Iterator[tuple[object, Json]]:
    """An annotation with its image; one with a list of boxes comes once for each image on which there is one."""
    if "bboxes" not in annotation:
        yield annotation["image_id"], annotation
        return
    for image, box in zip(images.of_video[annotation["video_id"]], annotation["bboxes"], strict=True):
        if box:
            yield image, annotation | {"bbox": box, "track_id": annotation["id"]}


def _shape(
    annotation: Json, image: _Image, labels: Mapping[object, str], tracks: Mapping[object, Json]
) -> FrameShape | None:
    attributes = dict(annotation.get("attributes") or {})
    given = [source.get(key) for key in TRACK_KEYS for source in (annotation, attributes)]
    track_id = next((value for value in given if value is not None), None)
    track = tracks.get(track_id, {})
    box = _box(annotation)
    if box is None or attributes.get("outside") is True:
        return None
    known = {**dict(track.get("attributes") or {}), **attributes}
    return FrameShape(
        where=f"annotation {annotation.get('id', '?')}",
        video=image.video,
        frame=image.frame,
        track="" if track_id is None or str(track_id).startswith("-") else str(track_id),
        label=labels.get(annotation.get("category_id", track.get("category_id")), ""),
        shape=BOX if annotation.get("bbox") else "polygon",
        box=box,
        attributes=tuple((str(name), str(value)) for name, value in known.items() if name not in NOT_ATTRIBUTES),
        is_ignored=bool(annotation.get("iscrowd") or annotation.get("ignore")),
    )


def _box(annotation: Json) -> Box | None:
    if annotation.get("bbox"):
        x, y, width, height = (float(value) for value in annotation["bbox"])
        return x, y, x + width, y + height
    outline = annotation.get("segmentation")
    if isinstance(outline, list) and outline:
        values = [float(value) for part in outline for value in part]
        return around(list(zip(values[::2], values[1::2], strict=True)))
    return None
