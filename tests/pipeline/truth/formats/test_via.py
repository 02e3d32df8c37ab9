"""Projects of VIA 3, the VGG Video Annotator: regions on frames, temporal segments, and what belongs to neither."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from drawn_world import encoded, one_person

from facetally.errors import TruthError
from facetally.inputs import InputVideo, find_videos
from facetally.truth.formats.importer import ImportedTruth, import_truth
from facetally.truth.formats.via import read_via

ATTRIBUTES = {
    "1": {"aname": "person", "anchor_id": "FILE1_Z1_XY1", "type": 1, "options": {}},
    "2": {"aname": "gender", "anchor_id": "FILE1_Z1_XY1", "type": 3, "options": {"0": "female", "1": "male"}},
    "3": {"aname": "age", "anchor_id": "FILE1_Z1_XY1", "type": 1, "options": {}},
    "4": {"aname": "object", "anchor_id": "FILE1_Z1_XY1", "type": 4, "options": {"f": "face", "b": "body"}},
}
ANN = {"1": "Ann", "2": "0"}
RECTANGLE = (2, 10, 20, 30, 40)


def mark(z: Sequence[float], xy: Sequence[float] = RECTANGLE, av: dict[str, str] | None = None) -> dict[str, Any]:
    return {"vid": "1", "flg": 0, "z": list(z), "xy": list(xy), "av": ANN if av is None else av}


def project(*marks: dict[str, Any], **file: Any) -> dict[str, Any]:
    files = {"1": {"fid": "1", "fname": "film.mp4", "type": 4, "loc": 1, "src": "", **file}}
    metadata = {f"1_{number}": entry for number, entry in enumerate(marks)}
    view = {"1": {"fid_list": ["1"]}}
    return {"project": {}, "config": {}, "attribute": ATTRIBUTES, "file": files, "metadata": metadata, "view": view}


def saved(folder: Path, content: Any) -> Path:
    (folder / "project.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "project.json"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> list[InputVideo]:
    """50 frames, 25 a second."""
    return find_videos([str(encoded(tmp_path_factory.mktemp("films") / "film.mp4", one_person().images()))])


def imported(folder: Path, film: list[InputVideo], *marks: dict[str, Any], labels: Sequence[str] = ()) -> ImportedTruth:
    return import_truth([saved(folder, project(*marks))], "via", film, labels=labels)


def test_a_rectangle_is_the_box_of_a_person_on_the_frame_displayed_at_its_time(
    tmp_path: Path, film: list[InputVideo]
) -> None:
    found = imported(tmp_path, film, mark([0.04]), mark([0.999]), mark([2.0])).truth  # at 2 s the player has ended
    boxes = found.boxes["film.mp4"]
    assert boxes.times_s.tolist() == pytest.approx([0.04, 1.0, 1.96])
    assert boxes.boxes[0].tolist() == [10, 20, 40, 60]
    (ann,) = found.people["film.mp4"]
    assert (ann.person, ann.gender, ann.intervals_s) == ("Ann", "female", ())


def test_a_segment_says_when_a_person_is_in_view(tmp_path: Path, film: list[InputVideo]) -> None:
    segments = [mark([0.2, 0.6], []), mark([0.6, 1.0], []), mark([1.6, 1.8], [])]
    found = imported(tmp_path, film, *segments).truth
    assert found.people["film.mp4"][0].intervals_s == ((0.2, 1.0), (1.6, 1.8))
    assert found.boxes == {}


def test_segments_and_rectangles_of_a_person_go_together(tmp_path: Path, film: list[InputVideo]) -> None:
    bob = {"1": "Bob"}
    marks = [mark([0.2, 1.0], [], bob), mark([0.4], av={"1": "Bob", "2": "1", "3": "41"}), mark([0.8], av=bob)]
    (person,) = imported(tmp_path, film, *marks).truth.people["film.mp4"]
    assert (person.gender, person.age_band, person.intervals_s) == ("male", "mid", ((0.2, 1.0),))


@pytest.mark.parametrize(("z", "xy"), [([0.4], RECTANGLE), ([0.4, 0.8], ())])
def test_labels_that_do_not_say_whose_they_are_are_refused(tmp_path: Path, z: list[float], xy: Sequence[float]) -> None:
    with pytest.raises(
        TruthError, match=r"project\.json, 1_1: 1 rectangles and 0 segments|0 rectangles and 1"
    ) as caught:
        read_via(saved(tmp_path, project(mark([0.2]), mark(z, xy, {"2": "0"}))))
    assert "attribute person" in caught.value.fix


@pytest.mark.parametrize(
    ("xy", "box"),
    [
        ((3, 50, 40, 10), [40, 30, 60, 50]),
        ((4, 50, 40, 20, 10), [30, 30, 70, 50]),
        ((7, 10, 20, 30, 5, 20, 40), [10, 5, 30, 40]),
        ((8, 10, 20, 30, 5, 20, 40, 15, 10), [10, 5, 30, 40]),
    ],
)
def test_other_shapes_give_their_box_when_their_label_is_chosen(
    tmp_path: Path, film: list[InputVideo], xy: Sequence[float], box: list[float]
) -> None:
    marks = mark([0.2], av=ANN), mark([0.4], xy, {**ANN, "4": "f"})
    found = imported(tmp_path, film, *marks)
    assert len(found.truth.boxes["film.mp4"].people) == 1
    assert "1 of 2 tracks were passed over: face (1 track drawn as" in found.notes[0]
    chosen = imported(tmp_path, film, *marks, labels=["face"]).truth.boxes["film.mp4"]
    assert chosen.boxes.tolist() == [box]


def test_when_people_are_in_view_stays_when_a_label_is_chosen(tmp_path: Path, film: list[InputVideo]) -> None:
    face, body = {**ANN, "4": "f"}, {"1": "Bob", "2": "1", "4": "b"}
    times = [mark([0.2, 1.0], [], {"1": name, "2": "0"}) for name in ("Ann", "Cy")]
    marks = [mark([0.4], av=face), mark([0.4], av=body), mark([0.2, 0.8], [], {"1": "Bob"}), *times]
    found = imported(tmp_path, film, *marks, labels=["face"]).truth.people["film.mp4"]
    assert {person.person: person.intervals_s for person in found} == {"Ann": ((0.2, 1.0),), "Cy": ((0.2, 1.0),)}


def test_labels_of_images_and_whole_files_are_passed_over_with_their_count(tmp_path: Path) -> None:
    (video,) = read_via(saved(tmp_path, project(mark([0.2]), mark([]))))
    assert "1 labels are of no time in a video" in video.notes[0]
    (nothing,) = read_via(saved(tmp_path, project(mark([0.2]), type=2)))
    assert (nothing.tracks, "1 labels are of no time in a video" in nothing.notes[0]) == ((), True)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("", "film.mp4"),
        ("https://host/films/a%20b.mp4?x=1", "films/a b.mp4"),
        ("file:///data/films/a.mp4", "data/films/a.mp4"),
        ("films\\a.mp4", "films/a.mp4"),
        ("data:video/mp4;base64,AAAA", "film.mp4"),
    ],
)
def test_the_name_comes_from_the_address_or_the_files_name(tmp_path: Path, source: str, name: str) -> None:
    assert read_via(saved(tmp_path, project(mark([0.2]), src=source)))[0].name == name


def test_choices_are_read_by_their_text(tmp_path: Path) -> None:
    (video,) = read_via(saved(tmp_path, project(mark([0.2], av={"1": "x", "2": "1", "3": "more than 70", "4": "f"}))))
    (track,) = video.tracks
    assert track.row.values == {"person": "x", "gender": "male", "age_band": "old"}
    assert track.labels == ("face",)


def test_times_need_no_video(tmp_path: Path) -> None:
    found = import_truth([saved(tmp_path, project(mark([0.5])))], "via").truth
    assert found.boxes["film.mp4"].times_s.tolist() == pytest.approx([0.5], abs=0.002)


@pytest.mark.parametrize(
    "content", [5, [], {}, {"metadata": {"1": {}}}, project(mark([0.2], (2, 1))), project(mark([0.2], (99, 1)))]
)
def test_another_layout_is_refused_with_what_to_save(tmp_path: Path, content: Any) -> None:
    with pytest.raises(TruthError, match=r"project\.json does not have the layout of a VIA 3 project") as caught:
        read_via(saved(tmp_path, content))
    assert "VIA 3" in caught.value.fix
