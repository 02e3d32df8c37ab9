"""Hand labels for labelling tools: what does not fit is said, and what is wrong is an error with its fix."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_world import encoded, one_person

from facetally.errors import OptionError, OutputError, TruthError
from facetally.exports.annotations.model import Span, TrackBox
from facetally.inputs import find_videos
from facetally.jobs.export import Exported, export_truth
from facetally.truth.files import read_truth
from facetally.truth.formats.importer import import_truth

FORMATS = ("cvat", "mot", "label-studio", "coco")
PEOPLE = """video,person,gender,age_band,face_quality,note,start_s,end_s
a.mp4,ann,female,young,good,,0.2,0.8
a.mp4,bob,male,,,,0.0,1.0
"""
BOXES = "video,person,time_s,x1,y1,x2,y2\na.mp4,ann,0.4,10,20,30,50\n"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Ann, with one box, and Bob, with none, in a video of a second."""
    (tmp_path / "videos").mkdir()
    encoded(tmp_path / "videos" / "a.mp4", one_person().images()[:25])
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "people.csv").write_text(PEOPLE)
    (tmp_path / "truth" / "boxes.csv").write_text(BOXES)
    return tmp_path / "truth"


def exported(truth: Path, name: str = "cvat", *, force: bool = False) -> Exported:
    return export_truth(truth, name, truth.parent / name, videos=truth.parent / "videos", force=force)


@pytest.mark.parametrize("name", FORMATS)
def test_people_without_boxes_are_left_out_and_named_where_the_format_needs_boxes(truth: Path, name: str) -> None:
    done = exported(truth, name)
    note = "1 person left out, who have times in view but no boxes, which this format needs: bob of a.mp4"
    assert (note in done.notes) == (name != "coco")


def test_coco_keeps_people_without_boxes(truth: Path) -> None:
    (path, *_) = exported(truth, "coco").files
    found = import_truth([path], "coco", find_videos([str(truth.parent / "videos")])).truth
    ours = {person.person: replace(person, line=0) for person in read_truth(truth).people["a.mp4"]}
    assert {person.person: person for person in found.people["a.mp4"]} == ours
    assert found.boxes["a.mp4"].people == ("ann",)


def test_a_box_that_was_filled_in_becomes_a_label_once_somebody_has_moved_it(truth: Path) -> None:
    (path, *_) = exported(truth).files
    videos = find_videos([str(truth.parent / "videos")])
    assert import_truth([path], "cvat", videos).truth.boxes["a.mp4"].times_s.tolist() == [0.4]
    path.write_text(path.read_text().replace('frame="5" keyframe="1" outside="0" occluded="0" xtl="10"',
                                             'frame="5" keyframe="1" outside="0" occluded="0" xtl="9"'))  # fmt: skip
    moved = import_truth([path], "cvat", videos).truth.boxes["a.mp4"]
    assert moved.times_s.tolist() == [0.2, 0.4]
    assert moved.boxes[0].tolist() == [9, 20, 30, 50]


def test_without_the_list_of_labelled_rows_all_rows_of_mot_are_labels(truth: Path) -> None:
    exported(truth, "mot")
    path, people = truth.parent / "mot" / "a.mp4" / "gt" / "gt.txt", truth.parent / "mot" / "people.csv"
    videos = find_videos([str(truth.parent / "videos")])
    found = import_truth([path], "mot", videos, attributes=people)
    assert len(found.truth.boxes["a.mp4"].people) == 1
    assert any("14 of 15 boxes are in between labels" in note for note in found.notes)
    (truth.parent / "mot" / "a.mp4" / "labelled.csv").unlink()
    found = import_truth([path], "mot", videos, attributes=people)
    assert len(found.truth.boxes["a.mp4"].people) == 15
    assert not found.notes


def test_what_mot_has_no_room_for_is_in_people_csv(truth: Path) -> None:
    done = exported(truth, "mot")
    with (truth.parent / "mot" / "people.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["gt_id"], row["person"], row["age_band"], row["face_quality"]) == ("1", "ann", "young", "good")
    assert any("have no room there, and are in people.csv" in note for note in done.notes)


def test_times_between_frames_move_to_the_nearest_and_are_counted(truth: Path) -> None:
    (truth / "boxes.csv").write_text(BOXES.replace(",0.4,", ",0.41,") + "a.mp4,ann,0.55,10,20,30,50\n")
    notes = exported(truth).notes
    assert "2 labels not at the time of a frame, moved to the nearest, by up to 0.010 s" in notes


def test_labels_after_the_end_of_the_video_and_twice_on_a_frame_are_left_out_and_counted(truth: Path) -> None:
    (truth / "boxes.csv").write_text(BOXES + "a.mp4,ann,9,10,20,30,50\na.mp4,ann,0.401,10,20,30,50\n")
    done = exported(truth)
    assert done.rows["boxes"] == 1
    assert any(note.startswith("1 label after the end of the video, left out") for note in done.notes)
    assert "1 label on the frame of another box of the same person, left out" in done.notes


def test_a_box_outside_of_the_times_in_view_extends_them_with_a_note(truth: Path) -> None:
    (truth / "boxes.csv").write_text(BOXES + "a.mp4,ann,0.92,10,20,30,50\n")
    done = exported(truth)
    assert "1 label outside of the labelled times in view, which were extended to them" in done.notes
    found = import_truth(done.files[:1], "cvat", find_videos([str(truth.parent / "videos")])).truth
    assert found.people["a.mp4"][0].intervals_s == ((0.2, 0.8), (0.92, 0.96))


def test_people_without_a_gender_are_exported_to_be_filled_in(truth: Path) -> None:
    (truth / "people.csv").write_text(PEOPLE.replace("ann,female", "ann,"))
    done = exported(truth)
    assert any("Without a gender: ann of a.mp4" in note for note in done.notes)
    with pytest.raises(TruthError, match="the gender of ann is not given"):
        import_truth(done.files[:1], "cvat", find_videos([str(truth.parent / "videos")]))


def test_what_is_known_of_a_video_is_in_coco_and_its_loss_is_said(truth: Path) -> None:
    (truth / "clips.csv").write_text("video,labelled_until_s,source\na.mp4,0.9,channel\n")
    done = exported(truth, "coco")
    (video,) = json.loads(done.files[0].read_text())["videos"]
    assert (video["labelled_until_s"], video["source"]) == (0.9, "channel")
    assert "Where labels stop and the sources of the videos are not read back: keep clips.csv" in done.notes


def test_a_video_that_is_not_given_is_named(truth: Path) -> None:
    with (truth / "people.csv").open("a") as file:
        file.write("other.mp4,eve,female,,,,0,1\n")
    with pytest.raises(TruthError, match=r"other\.mp4: labelled, but not among the videos") as caught:
        exported(truth)
    assert "--videos" in caught.value.fix
    assert not list((truth.parent / "cvat").glob("*.json"))


def test_broken_rows_are_all_named_with_their_lines(truth: Path) -> None:
    (truth / "people.csv").write_text(PEOPLE.replace("ann,female", "ann,feminine").replace("0.0,1.0", "0.0,later"))
    with pytest.raises(TruthError, match=r"line 2, column gender.*line 3, column end_s"):
        exported(truth)


@pytest.mark.parametrize("name", FORMATS)
def test_files_that_are_there_are_not_replaced_unasked(truth: Path, name: str) -> None:
    first = exported(truth, name)
    with pytest.raises(OutputError, match="exists already") as caught:
        exported(truth, name)
    assert "--force" in caught.value.fix
    assert exported(truth, name, force=True).files == first.files


@pytest.mark.parametrize(("name", "path"), [("fiftyone", "x"), ("csv", "x"), ("cvat", "x.xml"), ("coco", "x.json")])
def test_a_format_that_is_not_for_labels_and_a_path_of_a_file_are_refused(truth: Path, name: str, path: str) -> None:
    with pytest.raises(OptionError):
        export_truth(truth, name, truth.parent / path, videos=truth.parent / "videos")


def test_a_place_that_cannot_be_written_is_named(truth: Path) -> None:
    (truth.parent / "cvat").write_text("no folder")
    with pytest.raises(OutputError, match="cannot write"):
        exported(truth)


def test_a_span_begins_with_a_box_and_moves_it_on_straight_lines() -> None:
    boxes = (TrackBox(2, 0.1, (0, 0, 10, 10)), TrackBox(4, 0.2, (4, 0, 14, 20)))
    frames = list(Span(2, 6, 0.25, boxes).every_frame())
    assert [frame for frame, _, _ in frames] == [2, 3, 4, 5]
    assert [box for _, box, _ in frames] == [(0, 0, 10, 10), (2, 0, 12, 15), (4, 0, 14, 20), (4, 0, 14, 20)]
    assert [is_label for *_, is_label in frames] == [True, False, True, False]
    with pytest.raises(ValueError, match="expected boxes in order"):
        Span(1, 6, 0.25, boxes)
