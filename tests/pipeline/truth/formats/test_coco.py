"""COCO JSON of video in its forms, and Datumaro's JSON: frames, tracks, labels, and what is passed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from facetally.errors import TruthError
from facetally.truth.formats.annotations import LabelledVideo
from facetally.truth.formats.coco import read_coco
from facetally.truth.formats.datumaro import read_datumaro
from facetally.truth.formats.importer import import_truth

BBOX = [10, 20, 30, 40]


def annotation(image: int, track: int | None = 7, **more: Any) -> dict[str, Any]:
    named = {} if track is None else {"instance_id": track}
    return {"id": image, "image_id": image, "category_id": 1, "bbox": BBOX, **named, **more}


def coco(*annotations: dict[str, Any], count: int = 4, first: int = 0, **video: Any) -> dict[str, Any]:
    """A video in the form of MMTracking: images 1, 2, ... are its frames."""
    images = [
        {
            "id": i + 1,
            "video_id": 1,
            "frame_id": first + i,
            "file_name": f"img_{first + i}.jpg",
            "width": 64,
            "height": 48,
        }
        for i in range(count)
    ]
    categories = [{"id": 1, "name": "face"}, {"id": 2, "name": "body"}]
    videos = [{"id": 1, "name": "film.mp4", **video}]
    return {"videos": videos, "images": images, "annotations": list(annotations), "categories": categories}


def read(folder: Path, content: Any, reader: Callable[[Path], list[LabelledVideo]] = read_coco) -> LabelledVideo:
    (folder / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    (video,) = reader(folder / "labels.json")
    return video


def frames(video: LabelledVideo) -> list[list[tuple[int, bool]]]:
    return [[(keyframe.frame, keyframe.is_visible) for keyframe in track.keyframes] for track in video.tracks]


def test_boxes_of_a_track_are_a_persons_on_frames_that_follow_each_other(tmp_path: Path) -> None:
    video = read(tmp_path, coco(annotation(2), annotation(1), annotation(4), annotation(4, 8), fps=25))
    assert (video.name, video.size_px, video.fps, video.first_frame) == ("film.mp4", (64, 48), 25, 0)
    assert frames(video) == [
        [(0, True), (1, True), (2, False), (3, True), (4, False)],
        [(3, True), (4, False)],
    ]
    assert video.tracks[0].keyframes[0].box == (10, 20, 40, 60)
    assert [track.row.values["person"] for track in video.tracks] == ["7", "8"]


@pytest.mark.parametrize("where", [{"track_id": 5}, {"instance_id": 5}, {"attributes": {"track_id": 5}}])
def test_a_track_is_named_in_any_of_these_places(tmp_path: Path, where: dict[str, Any]) -> None:
    assert read(tmp_path, coco(annotation(1, None, **where))).tracks[0].row.values["person"] == "5"


@pytest.mark.parametrize("where", [{}, {"attributes": {"occluded": False}}, {"track_id": -1}])
def test_boxes_of_no_track_are_refused(tmp_path: Path, where: dict[str, Any]) -> None:
    with pytest.raises(TruthError, match="annotation 2: 1 boxes belong to nobody's track") as caught:
        read(tmp_path, coco(annotation(1), annotation(2, None, **where)))
    assert "label in tracks" in caught.value.fix


def test_frames_counted_from_1_are_noted(tmp_path: Path) -> None:
    video = read(tmp_path, coco(annotation(1), first=1))
    assert (video.first_frame, frames(video)) == (1, [[(0, True), (1, False)]])
    assert "begin with 1, so they were counted from 1" in video.notes[0]
    later = read(tmp_path, coco(annotation(1), first=390))
    assert (frames(later)[0][0], "begin with 390; they were counted from 0" in later.notes[0]) == ((390, True), True)


def test_where_images_are_every_nth_frame_their_names_say_which(tmp_path: Path) -> None:
    content = coco(annotation(3))
    for image in content["images"]:
        image["file_name"] = f"film/{5 * image['frame_id']:05d}.jpg"
    video = read(tmp_path, content)
    assert frames(video) == [[(10, True), (11, False)]]
    assert "taken from the names of its images" in video.notes[0]


def test_a_frame_index_counts_before_the_place_in_the_list(tmp_path: Path) -> None:
    content = coco(annotation(2))
    for image in content["images"]:
        image["frame_index"] = 390 + 30 * image["frame_id"]
    assert frames(read(tmp_path, content)) == [[(420, True), (421, False)]]


@pytest.mark.parametrize(("name", "video"), [("frame_000003.PNG", ""), ("a/clip/frame_000003.PNG", "a/clip")])
def test_cvat_names_images_by_their_frame_and_states_no_video(tmp_path: Path, name: str, video: str) -> None:
    content = coco(annotation(1, None, attributes={"track_id": 0, "gender": "male", "keyframe": True}))
    content |= {"videos": [], "images": [{"id": 1, "file_name": name, "width": 64, "height": 48}]}
    found = read(tmp_path, content)
    assert (found.name, frames(found)) == (video, [[(3, True), (4, False)]])
    assert found.tracks[0].attributes == (("gender", "male"),)
    assert found.tracks[0].row.values == {"person": "0", "gender": "male"}


def test_images_without_a_frame_are_refused(tmp_path: Path) -> None:
    content = coco(annotation(1)) | {"videos": [], "images": [{"id": 1, "file_name": "face.jpg"}]}
    with pytest.raises(TruthError, match="have neither frame_id nor a number in their names"):
        read(tmp_path, content)


def test_lists_of_boxes_have_one_for_each_image_of_their_video(tmp_path: Path) -> None:
    content = coco({"id": 9, "video_id": 1, "category_id": 1, "bboxes": [None, BBOX, BBOX]})
    content |= {"images": [], "videos": [{"id": 1, "file_names": [f"v/{n:05d}.jpg" for n in (0, 5, 10)]}]}
    video = read(tmp_path, content)
    assert (video.name, frames(video)) == ("v", [[(5, True), (6, False), (10, True), (11, False)]])
    assert video.tracks[0].row.values["person"] == "9"


def test_crowds_and_ignored_regions_are_to_ignore(tmp_path: Path) -> None:
    video = read(tmp_path, coco(annotation(1, iscrowd=1), annotation(2, 8, ignore=True)))
    people = [(track.row.values["person"], track.row.values["gender"]) for track in video.tracks]
    assert people == [("7_ignored", "ignore"), ("8_ignored", "ignore")]


def test_outlines_give_their_box_when_chosen_and_others_are_counted(tmp_path: Path) -> None:
    outline = {"bbox": [], "segmentation": [[1, 2, 30, 2, 15, 40]], "category_id": 2}
    content = coco(annotation(1), annotation(2, 8, **outline), annotation(3, 9, bbox=None))
    video = read(tmp_path, content)
    assert [track.shape for track in video.tracks] == ["box", "polygon"]
    assert video.tracks[1].keyframes[0].box == (1, 2, 30, 40)
    assert "1 annotations have neither a box nor an outline" in video.notes[0]


def test_attributes_may_be_of_the_track(tmp_path: Path) -> None:
    content = coco(annotation(1)) | {"tracks": [{"id": 7, "category_id": 1, "attributes": {"sex": "f", "age": 31}}]}
    assert read(tmp_path, content).tracks[0].row.values == {"person": "7", "gender": "f", "age_band": "young"}


def test_several_labels_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    people = [annotation(1, attributes={"gender": "f"}), annotation(1, 8, category_id=2, attributes={"gender": "f"})]
    path.write_text(json.dumps(coco(*people)))
    with pytest.raises(TruthError, match=r"body \(1 track\), face \(1 track\)"):
        import_truth([path], "coco", fps=25.0)
    assert len(import_truth([path], "coco", fps=25.0, labels=["face"]).truth.people["film.mp4"]) == 1


@pytest.mark.parametrize("bbox", [[1, 2, 0, 4], [1, 2, 3, -4]])
def test_a_box_without_area_is_named(tmp_path: Path, bbox: list[float]) -> None:
    with pytest.raises(TruthError, match="annotation 1: the box has no area"):
        read(tmp_path, coco(annotation(1, bbox=bbox)))


@pytest.mark.parametrize(
    "content", [5, [], {}, {"categories": []}, coco(annotation(99)), coco(annotation(1, bbox=[1]))]
)
def test_another_layout_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(TruthError, match=r"labels\.json does not have the layout of COCO"):
        read(tmp_path, content)


# Datumaro


def item(frame: int, *annotations: dict[str, Any], folder: str = "") -> dict[str, Any]:
    size = {"path": f"frame_{frame:06d}.png", "size": [48, 64]}
    return {
        "id": f"{folder}frame_{frame:06d}",
        "annotations": list(annotations),
        "attr": {"frame": frame},
        "image": size,
    }


def shape(kind: str = "bbox", track: int | None = 7, label: int = 0, **more: Any) -> dict[str, Any]:
    attributes = {"occluded": False, "keyframe": True, "gender": "male"} | (
        {} if track is None else {"track_id": track}
    )
    place = {"bbox": BBOX} if kind == "bbox" else {"points": [1.0, 2.0, 30.0, 2.0, 15.0, 40.0]}
    return {"id": 0, "type": kind, "attributes": attributes, "group": 0, "label_id": label, **place, **more}


def datumaro(*items: dict[str, Any]) -> dict[str, Any]:
    labels: list[dict[str, Any]] = [{"name": name, "parent": "", "attributes": []} for name in ("face", "body")]
    return {"info": {}, "categories": {"label": {"labels": labels, "attributes": []}}, "items": list(items)}


def test_items_of_datumaro_are_frames(tmp_path: Path) -> None:
    video = read(tmp_path, datumaro(item(0, shape()), item(1, shape()), item(5, shape())), read_datumaro)
    assert (video.name, video.size_px) == ("", (64, 48))
    assert frames(video) == [[(0, True), (1, True), (2, False), (5, True), (6, False)]]
    assert (video.tracks[0].labels, video.tracks[0].row.values) == (("face",), {"person": "7", "gender": "male"})


def test_the_frame_may_be_in_the_id_alone_and_the_video_in_its_folder(tmp_path: Path) -> None:
    content = datumaro({k: v for k, v in item(0, shape(), folder="clips/a/").items() if k != "attr"})
    video = read(tmp_path, content, read_datumaro)
    assert (video.name, frames(video)[0][0]) == ("clips/a", (0, True))


def test_boxes_of_no_track_in_datumaro_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="item frame_000001, annotation 0: 1 boxes belong to nobody's track"):
        read(tmp_path, datumaro(item(0, shape()), item(1, shape(track=None))), read_datumaro)


@pytest.mark.parametrize(
    ("annotation", "box"),
    [
        (shape("polygon"), (1, 2, 30, 40)),
        (shape("points", visibility=[2, 2, 0]), (1, 2, 30, 2)),
        (shape("ellipse", points=[1, 2, 3, 4]), (1, 2, 3, 4)),
        (shape("skeleton", elements=[shape("points"), shape("points", points=[90.0, 91.0])]), (1, 2, 90, 91)),
    ],
)
def test_shapes_of_datumaro_have_a_box_around_them(
    tmp_path: Path, annotation: dict[str, Any], box: tuple[float, ...]
) -> None:
    (track,) = read(tmp_path, datumaro(item(0, annotation)), read_datumaro).tracks
    assert (track.shape, track.keyframes[0].box) == (annotation["type"], box)


def test_what_is_no_shape_in_datumaro_is_counted(tmp_path: Path) -> None:
    caption = {"id": 0, "type": "caption", "attributes": {}, "group": 0, "caption": "hello"}
    video = read(tmp_path, datumaro(item(0, shape(), caption, caption)), read_datumaro)
    assert "2 of type caption are no shapes; passed over" in video.notes[0]


def test_a_chosen_shape_of_no_track_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(datumaro(item(0, shape("polygon", track=None)))))
    with pytest.raises(TruthError, match="it belongs to nobody's track"):
        import_truth([tmp_path / "labels.json"], "datumaro", fps=25.0, video="a", labels=["face"])


@pytest.mark.parametrize("content", [5, [], {}, {"categories": {}, "items": []}, datumaro({"id": "a"})])
def test_another_layout_than_datumaros_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(TruthError, match=r"does not have the layout of Datumaro's JSON|has no frame number"):
        read(tmp_path, content, read_datumaro)
