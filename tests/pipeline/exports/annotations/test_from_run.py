"""The tracks of a run in every format for labelling tools: the same boxes on the same frames, with their genders."""

from __future__ import annotations

import configparser
import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pyarrow as pa
import pytest
from drawn_world import encoded, one_person
from small_runs import FACE_PX, Seen, id_of, store

from facetally.errors import OutputError
from facetally.exports.annotations.frames import stored_size
from facetally.exports.formats import ANNOTATION_FORMATS
from facetally.jobs.export import Exported, export_run
from facetally.results.ledger import Ledger
from facetally.results.tables import FACES, TRACKS, read_table

VIDEO = "sub/a.mp4"
DISPLAYED, STORED = (400, 200), (320, 200)
FPS = 25


class Found(NamedTuple):
    """A box as a tool finds it: frames from 0, pixels as displayed."""

    track: int
    frame: int
    left: float
    right: float
    gender: str


def sized(ledger: Ledger, video: str, size_px: tuple[int, int] = STORED) -> None:
    """States the size and length of a video, which `small_runs` leaves out."""
    row = ledger.read_row(id_of(video))
    tables = (
        read_table(ledger.path(name, row.video_id), kind) for name, kind in (("faces", FACES), ("tracks", TRACKS))
    )
    row = replace(row, width_px=size_px[0], height_px=size_px[1], displayed_width_px=400, displayed_height_px=200)
    row = replace(row, fps=FPS, frame_count=200, decoded_s=8.0)
    ledger.store(row, *tables, provenance=ledger.provenance(row.video_id))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A woman until 1 s, a man who is away from 1 to 4 s, and nobody's face; and a failed video."""
    seen = (Seen(0, 0, 1, "female"), Seen(1, 0.4, 6, "unknown", "unknown", x=100), Seen(2, 0, 1, x=300))
    ledger = store(tmp_path / "out", VIDEO, *(one._replace(every_s=0.4) for one in seen))
    faces = read_table(ledger.path("faces", id_of(VIDEO)), FACES).to_pandas()
    away = (faces["track_id"] == 1) & (faces["time_s"] > 1) & (faces["time_s"] < 4)
    row, tracks = ledger.read_row(id_of(VIDEO)), read_table(ledger.path("tracks", id_of(VIDEO)), TRACKS)
    faces = pa.Table.from_pandas(faces[~away], schema=FACES, preserve_index=False)
    ledger.store(row, faces, tracks, provenance=ledger.provenance(row.video_id))
    sized(ledger, VIDEO)
    store(tmp_path / "out", "failed.mp4", status="failed")
    (tmp_path / "out" / "corrections.csv").write_text(f"video,track,gender\n{VIDEO},2,not_a_face\n{VIDEO},0,male\n")
    return tmp_path / "out"


def attribute(box: ElementTree.Element, name: str) -> str:
    return next(one.text or "" for one in box.iter("attribute") if one.get("name") == name)


def from_cvat(folder: Path) -> set[Found]:
    root = ElementTree.parse(folder / f"{VIDEO}.xml").getroot()
    stretch = DISPLAYED[0] / int(root.findtext("meta/task/original_size/width", ""))
    return {
        Found(
            int(track.get("id", "")),
            int(box.get("frame", "")),
            float(box.get("xtl", "")) * stretch,
            float(box.get("xbr", "")) * stretch,
            attribute(box, "gender"),
        )
        for track in root.iter("track")
        for box in track
        if (box.get("keyframe"), box.get("outside")) == ("1", "0")
    }


def from_mot(folder: Path) -> set[Found]:
    """All rows, also those between the boxes."""
    names = (folder / VIDEO / "gt" / "labels.txt").read_text().split()
    info = configparser.ConfigParser()
    info.read(folder / VIDEO / "seqinfo.ini")
    stretch = DISPLAYED[0] / int(info["Sequence"]["imWidth"])
    with (folder / VIDEO / "gt" / "gt.txt").open() as file:
        rows = [[float(value) for value in row] for row in csv.reader(file)]
    return {
        Found(int(r[1]) - 1, int(r[0]) - 1, r[2] * stretch, (r[2] + r[4]) * stretch, names[int(r[7]) - 1]) for r in rows
    }


def from_label_studio(folder: Path) -> set[Found]:
    (task,) = json.loads((folder / "tasks.json").read_text())
    assert parse_qs(urlsplit(task["data"]["video"]).query)["d"] == [VIDEO]
    assert task["data"]["fps"] == FPS
    (prediction,) = task["predictions"]
    genders = {r["id"]: r["value"]["choices"][0] for r in prediction["result"] if r["from_name"] == "gender"}
    return {
        Found(int(r["id"][5:]), key["frame"] - 1, key["x"] * 4, (key["x"] + key["width"]) * 4, genders[r["id"]])
        for r in prediction["result"]
        for key in r["value"].get("sequence", ())
        if "labelled" not in key
    }


def from_coco(folder: Path) -> set[Found]:
    data = json.loads((folder / "annotations" / "instances_default.json").read_text())
    images = {image["id"]: image for image in data["images"]}
    found = set()
    for box in data["annotations"]:
        image, at = images[box["image_id"]], box["attributes"]
        x, stretch = box["bbox"][0], DISPLAYED[0] / image["width"]
        right = (x + box["bbox"][2]) * stretch
        found.add(Found(int(at["run_track"]), image["frame_index"], x * stretch, right, at["gender"]))
    return found


def from_fiftyone(folder: Path) -> set[Found]:
    (entry,) = json.loads((folder / "manifest.json").read_text())["index"]
    frames = json.loads((folder / entry["labels"]).read_text())["frames"]
    return {
        Found(
            one["index"],
            frame["frame_number"] - 1,
            one["bounding_box"]["top_left"]["x"] * DISPLAYED[0],
            one["bounding_box"]["bottom_right"]["x"] * DISPLAYED[0],
            next(a["value"] for a in one["attrs"]["attrs"] if a["name"] == "gender"),
        )
        for frame in frames.values()
        for one in frame["objects"]["objects"]
    }


READERS: dict[str, Callable[[Path], set[Found]]] = {
    "cvat": from_cvat,
    "mot": from_mot,
    "label-studio": from_label_studio,
    "coco": from_coco,
    "fiftyone": from_fiftyone,
}
all_formats = pytest.mark.parametrize("name", [one.name for one in ANNOTATION_FORMATS])


def exported(out: Path, name: str, *, force: bool = False) -> Exported:
    return export_run(out, name, out.parent / name, force=force)


@all_formats
def test_every_format_holds_the_faces_of_the_run_as_corrected_by_hand(out: Path, name: str) -> None:
    woman = {Found(0, round(FPS * t), 0.0, FACE_PX, "male") for t in (0, 0.4, 0.8)}  # corrected
    times = (0.4, 0.8, 4, 4.4, 4.8, 5.2, 5.6, 6)
    other = {Found(1, round(FPS * t), 100.0, 100 + FACE_PX, "unsure") for t in times}
    rows = exported(out, name).rows
    found = {
        one._replace(left=round(one.left, 3), right=round(one.right, 3)) for one in READERS[name](out.parent / name)
    }
    assert rows == {"videos": 1, "tracks": 2, "boxes": 11}
    assert found >= woman | other
    assert name == "mot" or found == woman | other


@all_formats
def test_what_was_corrected_by_hand_is_disclosed_beside_the_labels(out: Path, name: str) -> None:
    done = exported(out, name)
    assert done.notes[0] == "1 appearance corrected by hand and 1 appearance dropped by hand"
    text = " ".join((out.parent / name / "README.txt").read_text().split())
    assert done.notes[0] in text
    assert all(note in text for note in done.notes)


def test_mot_has_a_row_for_every_frame_in_view_and_none_for_the_others(out: Path) -> None:
    exported(out, "mot")
    frames = sorted(one.frame for one in from_mot(out.parent / "mot") if one.track == 1)
    assert frames == [*range(10, 20 + 10), *range(100, 150 + 10)]  # a face counts until the next sampled frame


def test_cvat_and_label_studio_show_when_a_face_is_gone(out: Path) -> None:
    exported(out, "cvat")
    root = ElementTree.parse(out.parent / "cvat" / f"{VIDEO}.xml").getroot()
    gone = [int(box.get("frame", "")) for box in root.findall("track[@id='1']/box") if box.get("outside") == "1"]
    assert gone == [30, 160]
    exported(out, "label-studio")
    (task,) = json.loads((out.parent / "label-studio" / "tasks.json").read_text())
    (track,) = (r for r in task["predictions"][0]["result"] if r["id"] == "track1" and r["from_name"] == "box")
    assert [key["frame"] for key in track["value"]["sequence"] if not key["enabled"]] == [30, 160]  # counted from 1


def test_every_box_of_cvat_has_what_its_format_documents(out: Path) -> None:
    exported(out, "cvat")
    root = ElementTree.parse(out.parent / "cvat" / f"{VIDEO}.xml").getroot()
    names = [one.findtext("name") for one in root.iterfind("meta/task/labels/label/attributes/attribute")]
    flags = {"frame", "keyframe", "outside", "occluded", "xtl", "ytl", "xbr", "ybr", "z_order"}
    for box in root.iter("box"):
        assert set(box.attrib) == flags
        assert [one.get("name") for one in box] == names
    (label,) = json.loads((out.parent / "cvat" / "labels.json").read_text())
    assert [one["name"] for one in label["attributes"]] == names
    choices = {one["name"]: one["values"] for one in label["attributes"] if one["input_type"] == "select"}
    assert all(attribute(box, name) in values for box in root.iter("box") for name, values in choices.items())


def test_every_result_of_label_studio_has_a_control_in_its_interface(out: Path) -> None:
    exported(out, "label-studio")
    config = ElementTree.parse(out.parent / "label-studio" / "config.xml").getroot()
    controls = {control.get("name"): control for control in config}
    (task,) = json.loads((out.parent / "label-studio" / "tasks.json").read_text())
    assert controls["video"].get("frameRate") == "$fps"
    for result in task["predictions"][0]["result"]:
        control = controls[result["from_name"]]
        assert control.tag.lower() == result["type"]
        choices = {choice.get("value") for choice in control}
        assert set(result["value"].get("choices", ())) <= choices


def test_ids_of_coco_are_unique_and_refer_to_what_is_there(out: Path) -> None:
    exported(out, "coco")
    data = json.loads((out.parent / "coco" / "annotations" / "instances_default.json").read_text())
    ids = {name: [row["id"] for row in data[name]] for name in ("videos", "images", "tracks", "annotations")}
    assert all(min(numbers) == 1 and len(set(numbers)) == len(numbers) for numbers in ids.values())
    for row in data["annotations"]:
        assert row["image_id"] in ids["images"]
        assert row["track_id"] == row["instance_id"] == row["attributes"]["track_id"]
        assert row["track_id"] in ids["tracks"]
    assert [image["frame_id"] for image in data["images"]] == list(range(len(data["images"])))


@pytest.mark.parametrize(
    ("stored", "displayed", "size"),
    [
        ((720, 576), (720, 576), (720, 576)),
        ((720, 576), (1024, 576), (720, 576)),
        ((720, 576), (576, 1024), (576, 720)),  # turned
        ((1920, 1080), (1080, 1920), (1080, 1920)),
        ((720, 480), (720, 540), (720, 480)),
        ((853, 480), (854, 480), (854, 480)),  # rounded
        ((0, 0), (400, 200), (400, 200)),
    ],
)
def test_the_size_as_stored_follows_from_what_the_run_says_of_a_video(
    stored: tuple[int, int], displayed: tuple[int, int], size: tuple[int, int]
) -> None:
    assert stored_size(stored, displayed) == size


def test_boxes_of_narrow_pixels_are_noted_where_they_are_in_stored_pixels(out: Path) -> None:
    assert any("pixels that are not square" in note for note in exported(out, "cvat").notes)
    assert not any("pixels that are not square" in note for note in exported(out, "fiftyone").notes)
    sized(Ledger(out), VIDEO, DISPLAYED)
    assert not any("pixels that are not square" in note for note in exported(out, "cvat", force=True).notes)


def test_a_video_of_an_older_version_takes_its_size_from_the_file(tmp_path: Path) -> None:
    ledger = store(tmp_path / "out", "a.mp4", Seen(0, 0, 1))
    with pytest.raises(OutputError, match=r"does not say how large a\.mp4 is shown") as caught:
        export_run(ledger.out, "cvat")
    assert "--videos FOLDER" in caught.value.fix
    encoded(tmp_path / "a.mp4", one_person().images()[:3])
    export_run(ledger.out, "cvat", videos=tmp_path)
    root = ElementTree.parse(ledger.out / "export" / "cvat" / "a.mp4.xml").getroot()
    assert root.findtext("meta/task/original_size/width") == "160"


def test_fiftyone_says_which_videos_are_not_there(out: Path, tmp_path: Path) -> None:
    assert any(f"named in manifest.json: {VIDEO} (not found)" in note for note in exported(out, "fiftyone").notes)
    (tmp_path / "sub").mkdir()
    (tmp_path / VIDEO).touch()
    done = export_run(out, "fiftyone", tmp_path / "fiftyone", videos=tmp_path)
    assert not any("manifest" in note for note in done.notes)
    (entry,) = json.loads((tmp_path / "fiftyone" / "manifest.json").read_text())["index"]
    assert entry["data"] == str(tmp_path / VIDEO)


@all_formats
def test_a_file_of_somebody_else_stays_as_it_is_and_an_earlier_export_is_replaced(out: Path, name: str) -> None:
    first = exported(out, name)
    assert exported(out, name).files == first.files
    first.files[0].write_text("mine")
    with pytest.raises(OutputError, match="was changed since it was exported"):
        exported(out, name)
    assert first.files[0].read_text() == "mine"
    assert READERS[name](exported(out, name, force=True).folder or out)
