"""Truth folders: labels are read and written back, and every error names its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facetally.errors import OutputError, TruthError
from facetally.truth.files import read_truth, write_truth
from facetally.truth.labels import LabelledBoxes, LabelledPerson, Truth

PEOPLE = "video,person,gender,age_band,face_quality,note\n"
BOXES = "video,person,time_s,x1,y1,x2,y2\n"
TIMES = "video,person,gender,start_s,end_s\n"


def folder_with(folder: Path, people: str | bytes, boxes: str = "", clips: str = "") -> Path:
    """A truth folder; boxes.csv and clips.csv only if they hold something."""
    (folder / "people.csv").write_bytes(people if isinstance(people, bytes) else people.encode())
    for name, content in (("boxes.csv", boxes), ("clips.csv", clips)):
        if content:
            (folder / name).write_text(content, encoding="utf-8")
    return folder


def refused(folder: Path, people: str, boxes: str = "", clips: str = "") -> TruthError:
    with pytest.raises(TruthError) as caught:
        read_truth(folder_with(folder, people, boxes, clips))
    assert caught.value.fix
    return caught.value


def test_people_and_boxes_are_read_by_video(tmp_path: Path) -> None:
    people = PEOPLE + "a.mp4,p1,Woman,Young,good,by the door\na.mp4,p2,m,,,\nb/c.mp4,p1,?,mid/old,poor,\n"
    boxes = BOXES + "a.mp4,p2,1.5,10,20,30.5,40\na.mp4,p1,0.5,0,0,8,9\n"
    truth = read_truth(folder_with(tmp_path, people, boxes))
    assert truth.people == {
        "a.mp4": (
            LabelledPerson("a.mp4", "p1", "female", "young", "good", "by the door", line=2),
            LabelledPerson("a.mp4", "p2", "male", line=3),
        ),
        "b/c.mp4": (LabelledPerson("b/c.mp4", "p1", "unsure", "mid/old", "poor", line=4),),
    }
    found = truth.boxes["a.mp4"]
    assert found.people == ("p1", "p2")
    assert found.times_s.tolist() == [0.5, 1.5]
    assert found.boxes.tolist() == [[0, 0, 8, 9], [10, 20, 30.5, 40]]
    assert found.lines.tolist() == [3, 2]
    assert found.of_person("p2").tolist() == [False, True]


@pytest.mark.parametrize(
    ("word", "gender"),
    [("f", "female"), ("BOY", "male"), ("unknown", "unsure"), ("not a face", "not_a_face"), ("poster", "ignore")],
)
def test_words_for_gender_have_one_meaning(tmp_path: Path, word: str, gender: str) -> None:
    (person,) = read_truth(folder_with(tmp_path, PEOPLE + f"a.mp4,p1,{word},,,\n")).people["a.mp4"]
    assert (person.gender, person.counts) == (gender, gender in ("female", "male"))


def test_a_person_labelled_by_time_is_one_person_with_several_times(tmp_path: Path) -> None:
    rows = "a.mp4,p1,female,8,9.5\na.mp4,p2,male,0,3\na.mp4,p1,female,1,2\n"
    truth = read_truth(folder_with(tmp_path, TIMES + rows))
    first, second = truth.people["a.mp4"]
    assert (first.person, first.intervals_s, first.line) == ("p1", ((1.0, 2.0), (8.0, 9.5)), 2)
    assert (second.person, second.intervals_s) == ("p2", ((0.0, 3.0),))
    assert truth.boxes == {}


def test_names_of_videos_have_forward_slashes(tmp_path: Path) -> None:
    truth = read_truth(folder_with(tmp_path, PEOPLE + "clips\\a.mp4,p1,f,,,\n./b.mp4,p1,f,,,\n"))
    assert list(truth.people) == ["clips/a.mp4", "b.mp4"]


def test_clips_state_where_labels_stop_and_the_source_of_a_video(tmp_path: Path) -> None:
    clips = "video,labelled_until_s,source,width_px\na.mp4,40,news,640\nb/c.mp4,,,320\n"
    people = PEOPLE + "a.mp4,p1,f,,,\nb/c.mp4,p1,m,,,\nd.mp4,p1,m,,,\n"
    truth = read_truth(folder_with(tmp_path, people, BOXES + "b/c.mp4,p1,7.5,0,0,9,9\n", clips))
    assert [truth.until_s("a.mp4"), truth.until_s("b/c.mp4")] == [40, 7.5]
    assert [truth.source(video) for video in ("a.mp4", "b/c.mp4", "d.mp4")] == ["news", "b", "d.mp4"]


def test_labels_stop_with_the_last_one_where_nothing_is_stated(tmp_path: Path) -> None:
    truth = read_truth(folder_with(tmp_path, TIMES + "a.mp4,p1,female,1,2\na.mp4,p2,male,0,3.5\n"))
    assert [truth.until_s("a.mp4"), truth.until_s("empty.mp4")] == [3.5, 0.0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path: Path, encoding: str) -> None:
    people = (PEOPLE + "a.mp4,Zoë,f,,,\n").replace(",", ";").encode(encoding)
    assert read_truth(folder_with(tmp_path, people)).people["a.mp4"][0].person == "Zoë"


def test_the_command_that_makes_a_truth_folder_is_quoted_for_the_shell() -> None:
    with pytest.raises(TruthError) as caught:
        read_truth(Path("my labels"))
    assert caught.value.fix.endswith("facetally truth template VIDEOS -o 'my labels'")


def test_a_folder_without_people_csv_is_not_a_truth_folder(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="it has no people") as caught:
        read_truth(tmp_path)
    assert caught.value.fix == f"make one to fill in: facetally truth template VIDEOS -o {tmp_path}"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", r"people\.csv has no rows"),
        ("a.mp4,p1,robot,,,\n", "line 2, column gender: 'robot' is not known"),
        (",p1,f,,,\n", "line 2, column video: '' is empty"),
        ("a.mp4,,f,,,\n", "line 2, column person: '' is empty"),
        ("a.mp4,p1,f,25,,\n", "line 2, column age_band: '25' is not known"),
        ("a.mp4,p1,f,young/unsure,,\n", "line 2, column age_band: 'young/unsure' is not known"),
        ("a.mp4,p1,f,,blurred,\n", "line 2, column face_quality: 'blurred' is not known"),
        ("a.mp4,p1,f,,,\na.mp4,p1,f,,,\n", "line 3, column person: 'p1' of a.mp4 is in line 2 already"),
        ("a.mp4,p1,f,,,\na.mp4,p1,m,,,\n", "line 3, column gender: 'm' contradicts line 2, which says female"),
        ("a.mp4,p1,f,old,,\na.mp4,p1,f,mid,,\n", "line 3, column age_band: 'mid' contradicts line 2, which says old"),
    ],
)
def test_a_wrong_person_is_named_with_line_column_and_value(tmp_path: Path, rows: str, message: str) -> None:
    error = refused(tmp_path, PEOPLE + rows)
    with pytest.raises(TruthError, match=message):
        raise error


def test_all_errors_of_a_file_are_found_at_once(tmp_path: Path) -> None:
    rows = "a.mp4,p1,robot,25,,\n,p2,f,,,\nb.mp4,p1,f,,,\nb.mp4,p1,m,,,\n"
    error = refused(tmp_path, PEOPLE + rows)
    assert [part.what.partition("people.csv, ")[2] for part in error.parts] == [
        "line 2, column gender: 'robot' is not known",
        "line 2, column age_band: '25' is not known",
        "line 3, column video: '' is empty",
        "line 5, column gender: 'm' contradicts line 4, which says female",
    ]
    assert error.what.startswith("4 errors in the labels: ")
    assert "write one of: female" in error.parts[0].fix


def test_errors_of_boxes_and_clips_come_together(tmp_path: Path) -> None:
    boxes = BOXES + "a.mp4,p1,soon,0,0,9,9\na.mp4,p1,1,9,9,0,0\n"
    error = refused(tmp_path, PEOPLE + "a.mp4,p1,f,,,\n", boxes, "video,labelled_until_s\na.mp4,never\n")
    assert [part.what.partition(": ")[0].rpartition("/")[2] for part in error.parts] == [
        "boxes.csv, line 2, column time_s",
        "boxes.csv, line 3, column x2",
        "clips.csv, line 2, column labelled_until_s",
    ]


def test_a_link_shows_nothing_of_its_target(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password 1234\n")
    (tmp_path / "people.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(TruthError) as caught:
        read_truth(tmp_path)
    assert "1234" not in caught.value.what + caught.value.fix


def test_a_gender_may_still_be_empty(tmp_path: Path) -> None:
    truth = read_truth(folder_with(tmp_path, PEOPLE + "a.mp4,p1,,,,\na.mp4,p2,f,,,\n"))
    first, second = truth.people["a.mp4"]
    assert (first.gender, first.is_labelled, first.counts) == ("unsure", False, False)
    assert second.is_labelled
    assert truth.unlabelled == [first]
    assert not truth.wholly_labelled("a.mp4")
    write_truth(truth, tmp_path / "again")
    assert read_truth(tmp_path / "again").unlabelled == [replace(first, line=2)]


def test_one_gender_is_enough_for_several_rows_of_a_person(tmp_path: Path) -> None:
    truth = read_truth(folder_with(tmp_path, TIMES + "a.mp4,p1,,1,2\na.mp4,p1,female,4,5\n"))
    (person,) = truth.people["a.mp4"]
    assert (person.gender, person.is_labelled, person.intervals_s) == ("female", True, ((1.0, 2.0), (4.0, 5.0)))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("31", 31), ("0:31", 31), ("1:02:05", 3725), ("75:10", 4510), ("0:31.5", 31.5), ("00:00:31", 31)],
)
def test_times_may_be_written_as_players_show_them(tmp_path: Path, text: str, seconds: float) -> None:
    truth = read_truth(folder_with(tmp_path, TIMES + f"a.mp4,p1,female,{text},2:00:00\n"))
    assert truth.people["a.mp4"][0].intervals_s == ((seconds, 7200.0),)


def test_times_may_have_a_decimal_comma_where_semicolons_separate(tmp_path: Path) -> None:
    rows = (TIMES + "a.mp4,p1,female,START,1:00\n").replace(",", ";").replace("START", "0:31,5")
    assert read_truth(folder_with(tmp_path, rows)).people["a.mp4"][0].intervals_s == ((31.5, 60.0),)


@pytest.mark.parametrize(
    "text", ["0:61", "1:60:00", "0:5", ":31", "1:2:03", "-0:05", "0:31 h", '"0:31,5"', "1:02:03:04"]
)
def test_other_times_with_colons_are_refused_with_an_example(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, TIMES + f"a.mp4,p1,female,{text},9000\n")
    assert "line 2, column start_s: " in error.what
    assert "is not a time" in error.what
    assert error.fix == "write seconds like 31 or 31.5, or minutes and seconds like 0:31 or 1:02:05"


def test_the_fix_for_an_age_lists_the_bands(tmp_path: Path) -> None:
    assert "child (0-12), teen (13-17), young (18-34)" in refused(tmp_path, PEOPLE + "a.mp4,p1,f,25,,\n").fix


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.mp4,p1,f,-1,2\n", "line 2, column start_s: '-1' is before the first frame"),
        ("a.mp4,p1,f,2,2\n", "line 2, column end_s: '2' is not after start_s = 2"),
        ("a.mp4,p1,f,1,\n", "line 2, column end_s: '' is not a number"),
        ("a.mp4,p1,f,,2\n", "line 2, column start_s: '' is not a number"),
        ("a.mp4,p1,f,nan,2\n", "line 2, column start_s: 'nan' is not a finite number"),
        ("a.mp4,p1,f,1,2\na.mp4,p1,f,1,2\n", "line 3, column start_s: '1' overlaps with line 2"),
        ("a.mp4,p1,f,1,2\na.mp4,p1,f,4,6\na.mp4,p1,f,3,5\n", "line 4, column start_s: '3' overlaps with line 3"),
        ("a.mp4,p1,f,1,2\na.mp4,p1,m,4,5\n", "line 3, column gender: 'm' contradicts line 2"),
        ("a.mp4,p1,f,1,2\na.mp4,p1,f,,\n", "line 3, column person: 'p1' of a.mp4 is in line 2 already"),
    ],
)
def test_a_wrong_time_in_view_is_named(tmp_path: Path, rows: str, message: str) -> None:
    error = refused(tmp_path, TIMES + rows)
    with pytest.raises(TruthError, match=message):
        raise error


def test_times_in_view_may_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    rows = "a.mp4,p1,f,1,2\na.mp4,p1,f,2,3\n"
    assert read_truth(folder_with(tmp_path, TIMES + rows)).people["a.mp4"][0].intervals_s == ((1, 2), (2, 3))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.mp4,p1,-0.04,0,0,9,9", "column time_s: '-0.04' is before the first frame"),
        ("a.mp4,p1,inf,0,0,9,9", "column time_s: 'inf' is not a finite number"),
        ("a.mp4,p1,1,nan,0,9,9", "column x1: 'nan' is not a finite number"),
        ("a.mp4,p1,1,9,0,0,9", "column x2: '0' is not right of x1 = 9"),
        ("a.mp4,p1,1,0,9,9,9", "column y2: '9' is not below y1 = 9"),
        ("a.mp4,p2,1,0,0,9,9", "column person: 'p2' of a.mp4 is not in people.csv"),
        ("b.mp4,p1,1,0,0,9,9", "column person: 'p1' of b.mp4 is not in people.csv"),
        ("a.mp4,p1,0.5,5,5,9,9", "column time_s: '0.5' of p1 in a.mp4 is in line 2 already"),
    ],
)
def test_a_wrong_box_is_named_with_line_column_and_value(tmp_path: Path, row: str, message: str) -> None:
    error = refused(tmp_path, PEOPLE + "a.mp4,p1,f,,,\n", BOXES + f"a.mp4,p1,0.5,0,0,9,9\n{row}\n")
    assert f"boxes.csv, line 3, {message}" in error.what


def test_decimal_commas_are_refused_with_an_example_where_commas_separate(tmp_path: Path) -> None:
    error = refused(tmp_path, PEOPLE + "a.mp4,p1,f,,,\n", BOXES + 'a.mp4,p1,"0,5",0,0,9,9\n')
    assert "line 2, column time_s: '0,5' is not a number" in error.what
    assert error.fix == "write it like 12.5, with a decimal point"


def test_decimal_commas_are_read_where_semicolons_separate(tmp_path: Path) -> None:
    boxes = (BOXES + "a.mp4,p1,COMMA,0,0,9,9\n").replace(",", ";").replace("COMMA", "0,5")
    folder = folder_with(tmp_path, PEOPLE + "a.mp4,p1,f,,,\n", boxes)
    assert read_truth(folder).boxes["a.mp4"].times_s.tolist() == [0.5]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.mp4,-1,\n", "line 2, column labelled_until_s: '-1' is not after the first frame"),
        ("a.mp4,all,\n", "line 2, column labelled_until_s: 'all' is not a number"),
        ("a.mp4,5,\na.mp4,6,\n", "line 3, column video: 'a.mp4' is in line 2 already"),
    ],
)
def test_a_wrong_clip_is_named(tmp_path: Path, rows: str, message: str) -> None:
    clips = f"video,labelled_until_s,source\n{rows}"
    assert f"clips.csv, {message}" in refused(tmp_path, PEOPLE + "a.mp4,p1,f,,,\n", clips=clips).what


def test_a_missing_column_is_named_with_its_file(tmp_path: Path) -> None:
    error = refused(tmp_path, PEOPLE + "a.mp4,p1,f,,,\n", "video,person,time_s,x1,y1,x2\n")
    assert f"{tmp_path / 'boxes.csv'}, line 1: no column y2" in error.what


def test_arrays_of_boxes_have_one_length() -> None:
    with pytest.raises(ValueError, match="expected 2 times, boxes and lines"):
        LabelledBoxes(("p1", "p2"), np.zeros(2), np.zeros((1, 4)), np.zeros(2, np.int64))


def unnumbered(truth: Truth) -> Truth:
    """The same labels without their line numbers."""
    people = {video: tuple(replace(p, line=0) for p in members) for video, members in truth.people.items()}
    return replace(truth, people=people)


def assert_same(one: Truth, other: Truth) -> None:
    assert unnumbered(one).people == unnumbered(other).people
    assert one.boxes.keys() == other.boxes.keys()
    for video, labels in one.boxes.items():
        assert labels.people == other.boxes[video].people
        np.testing.assert_allclose(labels.times_s, other.boxes[video].times_s, atol=5e-5)
        np.testing.assert_allclose(labels.boxes, other.boxes[video].boxes, atol=5e-3)
    assert (one.labelled_until_s, one.sources) == (other.labelled_until_s, other.sources)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    people: dict[str, tuple[LabelledPerson, ...]] = {
        "a.mp4": (LabelledPerson("a.mp4", "p1", "female", "mid/old", "good", 'a "note", two\nlines'),),
        "b.mp4": (LabelledPerson("b.mp4", "p1", "ignore", intervals_s=((0.5, 1.25), (3.0, 4.0))),),
    }
    boxes = {"a.mp4": LabelledBoxes.of([("p1", 1 / 3, (1.005, 2.0, 30.5, 40.123), 0), ("p1", 0.0, (0, 0, 9, 9), 0)])}
    truth = Truth(people, boxes, {"a.mp4": 12.5}, {"b.mp4": "news"})
    write_truth(truth, tmp_path / "new" / "truth")
    assert_same(read_truth(tmp_path / "new" / "truth"), truth)


@pytest.mark.parametrize("name", ["people.csv", "boxes.csv", "clips.csv"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=f"already holds {name}"):
        write_truth(Truth({"a.mp4": (LabelledPerson("a.mp4", "p1", "female"),)}), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_an_error_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write") as caught:
        write_truth(Truth({"a.mp4": (LabelledPerson("a.mp4", "p1", "female"),)}), tmp_path / "file" / "truth")
    assert "-o" in caught.value.fix


@pytest.mark.real
def test_the_real_truth_is_read_and_written_back(shared: Path, tmp_path: Path) -> None:
    truth = read_truth(shared / "truth")
    people = [person for members in truth.people.values() for person in members]
    genders = [person.gender for person in people]
    assert (genders.count("male"), genders.count("female"), len(people)) == (97, 84, 199)
    write_truth(truth, tmp_path / "copy")
    assert_same(read_truth(tmp_path / "copy"), truth)


def test_boxes_are_stretched_from_the_size_that_clips_csv_states_to_the_displayed_one(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("video,person,gender\na.mp4,p,female\nb.mp4,q,male\n")
    boxes = "video,person,time_s,x1,y1,x2,y2\na.mp4,p,0,32,24,64,48\nb.mp4,q,0,32,24,64,48\n"
    (tmp_path / "boxes.csv").write_text(boxes)
    (tmp_path / "clips.csv").write_text("video,width_px,height_px\na.mp4,320,240\n")
    truth = read_truth(tmp_path)
    shown = truth.on_frames({"a.mp4": (640, 240), "b.mp4": (640, 480)})
    assert shown.boxes["a.mp4"].boxes.tolist() == [[64, 24, 128, 48]]
    assert shown.boxes["b.mp4"].boxes.tolist() == [[32, 24, 64, 48]]  # no size is stated: as displayed
    assert shown.on_frames({"a.mp4": (640, 240)}).boxes["a.mp4"].boxes.tolist() == [[64, 24, 128, 48]]
    write_truth(shown, tmp_path / "again")
    assert read_truth(tmp_path / "again").sizes_px == {"a.mp4": (640, 240)}


@pytest.mark.parametrize("size", ["0,240", "320,-1"])
def test_a_size_that_is_not_positive_is_refused(tmp_path: Path, size: str) -> None:
    (tmp_path / "people.csv").write_text("video,person,gender\na.mp4,p,female\n")
    (tmp_path / "clips.csv").write_text(f"video,width_px,height_px\na.mp4,{size}\n")
    with pytest.raises(TruthError, match="is no number of pixels"):
        read_truth(tmp_path)
