"""CVAT for video 1.1 files, valid and invalid."""

from __future__ import annotations

from pathlib import Path

import pytest

from facetally.errors import TruthError
from facetally.truth.formats.annotations import LabelledTrack, LabelledVideo
from facetally.truth.formats.cvat import read_cvat

META = """<meta><task><id>7</id><name>my task</name><source>clip.mp4</source>
<original_size><width>640</width><height>360</height></original_size></task></meta>"""


def box(frame: object, edges: str = "10,20,30,50", flags: str = "", inside: str = "") -> str:
    xtl, ytl, xbr, ybr = edges.split(",")
    return f'<box frame="{frame}" xtl="{xtl}" ytl="{ytl}" xbr="{xbr}" ybr="{ybr}" {flags}>{inside}</box>\n'


def track(*boxes: str, label: str = "female", flags: str = 'id="3"') -> str:
    return f'<track label="{label}" source="manual" {flags}>\n{"".join(boxes)}</track>\n'


def attributes(**values: str) -> str:
    return "".join(f'<attribute name="{name}">{text}</attribute>' for name, text in values.items())


def read(folder: Path, *tracks: str, meta: str = META) -> list[LabelledVideo]:
    path = folder / "labels.xml"
    path.write_text(f"<annotations><version>1.1</version>{meta}\n{''.join(tracks)}</annotations>", encoding="utf-8")
    return read_cvat(path)


def only_track(folder: Path, *tracks: str) -> LabelledTrack:
    ((found,),) = [video.tracks for video in read(folder, *tracks)]
    return found


def seen(found: LabelledTrack) -> list[tuple[int, bool]]:
    return [(keyframe.frame, keyframe.is_visible) for keyframe in found.keyframes]


OUTSIDE, BETWEEN = 'outside="1" keyframe="1"', 'outside="0" keyframe="0"'


def test_a_task_is_a_video_with_its_name_and_size(tmp_path: Path) -> None:
    (video,) = read(tmp_path, track(box(0)))
    assert (video.name, video.size_px, video.first_frame, video.is_by_player) == ("clip.mp4", (640, 360), 0, False)


@pytest.mark.parametrize(
    ("meta", "name", "size_px"),
    [
        ("<meta><task><id>7</id><name>my task</name></task></meta>", "my task", None),
        ("<meta><job><id>7</id><source>b.mp4</source></job></meta>", "b.mp4", None),
        ("<meta><task><id>7</id></task><source>c.mp4</source></meta>", "c.mp4", None),
        (META.replace("640", "0"), "clip.mp4", None),
        (META.replace("640", "wide"), "clip.mp4", None),
        ("", "", None),
    ],
)
def test_a_file_may_lack_the_name_or_size_of_its_video(tmp_path: Path, meta: str, name: str, size_px: None) -> None:
    (video,) = read(tmp_path, track(box(0)), meta=meta)
    assert (video.name, video.size_px) == (name, size_px)


def test_a_project_has_several_videos(tmp_path: Path) -> None:
    tasks = "".join(f"<task><id>{i}</id><name>t</name><source>{i}.mp4</source></task>" for i in (7, 8, 9))
    tracks = [track(box(0), flags=f'id="{i}" task_id="{task}"') for i, task in ((0, 8), (1, 7), (2, 8))]
    videos = read(tmp_path, *tracks, meta=f"<meta><project><id>1</id><tasks>{tasks}</tasks></project></meta>")
    assert [(video.name, [t.row.values["person"] for t in video.tracks]) for video in videos] == [
        ("8.mp4", ["0", "2"]),
        ("7.mp4", ["1"]),
    ]


def test_interpolated_boxes_are_left_out_except_the_last_of_a_track(tmp_path: Path) -> None:
    found = only_track(
        tmp_path, track(box(4), box(5, flags=BETWEEN), box(6), box(7, flags=BETWEEN), box(8, flags=BETWEEN))
    )
    assert seen(found) == [(4, True), (6, True), (8, True), (9, False)]


def test_a_person_is_out_of_view_from_an_outside_box_to_the_next_box(tmp_path: Path) -> None:
    found = only_track(
        tmp_path, track(box(0), box(1, flags=BETWEEN), box(2, flags=OUTSIDE), box(9), box(10, flags=OUTSIDE))
    )
    assert seen(found) == [(0, True), (2, False), (9, True), (10, False)]
    assert found.keyframes[0].box == (10, 20, 30, 50)


def test_attributes_are_known_by_their_names_and_by_common_synonyms(tmp_path: Path) -> None:
    inside = attributes(Gender="woman", age="young", quality="poor", comment="  in red ", person="Ann", shirt="red")
    found = only_track(tmp_path, track(box(0, inside=inside), label="face"))
    assert found.row.values == {
        "person": "Ann",
        "gender": "woman",
        "age_band": "young",
        "face_quality": "poor",
        "note": "in red",
    }


def test_an_attribute_that_changes_counts_with_its_most_frequent_value(tmp_path: Path) -> None:
    words = ["__undefined__", "__undefined__", "__undefined__", "good", "poor", "poor", ""]
    boxes = [box(frame, inside=attributes(face_quality=word)) for frame, word in enumerate(words)]
    assert only_track(tmp_path, track(*boxes)).row.values["face_quality"] == "poor"


@pytest.mark.parametrize(("label", "gender"), [("Male", "Male"), ("face", "")])
def test_a_label_may_be_the_gender(tmp_path: Path, label: str, gender: str) -> None:
    values = only_track(tmp_path, track(box(0), label=label)).row.values
    assert values == {"person": "3", "gender": gender}


def test_a_rotated_box_keeps_its_size_and_has_its_rotated_corner(tmp_path: Path) -> None:
    found = only_track(tmp_path, track(box(0, "0,0,20,10", 'rotation="90"')))
    keyframe = found.keyframes[0]
    assert keyframe.box == pytest.approx((15, -5, 35, 5))  # its middle stays at 10, 5
    assert keyframe.rotation_deg == 90


def test_tracks_without_boxes_are_skipped(tmp_path: Path) -> None:
    assert only_track(tmp_path, track(flags='id="1"'), track(box(0))).row.values["person"] == "3"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (box(1, "x,0,9,9"), "track 3 in line 5, xtl: 'x' is not a number"),
        (box(1, "nan,0,9,9"), "track 3 in line 5, xtl: 'nan' is not a finite number"),
        (box(1, "9,0,0,9"), "track 3 in line 5, xbr: '0' makes a box without area"),
        (box(1, "0,9,9,9"), "track 3 in line 5, ybr: '9' makes a box without area"),
        (box(-1), "track 3 in line 5, frame: '-1' is not a frame number"),
        (box("1.5"), "track 3 in line 5, frame: '1.5' is not a frame number"),
        (box(0), "track 3 from line 3 on: two boxes at the same time"),
        ('<polygon frame="1" points="0,0;x,1"/>', "track 3 in line 5, points x: 'x' is not a number"),
    ],
)
def test_a_wrong_box_is_named_with_track_line_and_value(tmp_path: Path, wrong: str, message: str) -> None:
    with pytest.raises(TruthError) as caught:
        read(tmp_path, track(box(0), wrong))
    assert f"{tmp_path / 'labels.xml'}, {message}" in caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize(
    "content",
    [
        "not XML",
        "<annotations><track>",
        '<?xml version="1.0" encoding="no-such"?><annotations/>',
        "<annotations></annotations>",
        '<annotations><image id="0" name="0.jpg"><box/></image></annotations>',
        '<html><track><box frame="0"/></track></html>',
        "",
    ],
)
def test_a_file_of_another_format_is_refused_with_what_to_export(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels.xml").write_text(content, encoding="utf-8")
    with pytest.raises(TruthError, match=r"labels\.xml") as caught:
        read_cvat(tmp_path / "labels.xml")
    assert "export" in caught.value.fix


def test_entities_are_refused_before_they_expand(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(30))
    content = f'<!DOCTYPE a [<!ENTITY e0 "ha">{entities}]>\n<annotations>&e30;</annotations>'
    (tmp_path / "labels.xml").write_text(content, encoding="utf-8")
    with pytest.raises(TruthError, match="line 1: a DOCTYPE is not read"):
        read_cvat(tmp_path / "labels.xml")


def test_external_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    content = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{tmp_path / "secret"}">]><annotations>&x;</annotations>'
    (tmp_path / "labels.xml").write_text(content, encoding="utf-8")
    with pytest.raises(TruthError, match="DOCTYPE"):
        read_cvat(tmp_path / "labels.xml")
