"""MOTChallenge ground truth, with and without seqinfo.ini."""

from __future__ import annotations

from pathlib import Path

import pytest

from facetally.errors import TruthError
from facetally.truth.formats.annotations import LabelledVideo
from facetally.truth.formats.mot import read_mot

SEQINFO = "[Sequence]\nname=street\nimDir=img1\nframeRate=30\nseqLength=90\nimWidth=1920\nimHeight=1080\nimExt=.jpg\n"


def read(folder: Path, rows: str, seqinfo: str = "") -> LabelledVideo:
    """The one video of a street/gt/gt.txt."""
    path = folder / "street" / "gt" / "gt.txt"
    path.parent.mkdir(parents=True)
    path.write_text(rows, encoding="utf-8")
    if seqinfo:
        path.parent.with_name("seqinfo.ini").write_text(seqinfo, encoding="utf-8")
    (video,) = read_mot(path)
    return video


def test_rows_become_boxes_by_frame_counted_from_0(tmp_path: Path) -> None:
    video = read(tmp_path, "2,5,10,20,30.5,40,1,1,0.8\n\n1, 5, 0, 0, 8, 9, 1, 1, 1\n1,6,50,50,10,10\n")
    first, second = video.tracks
    assert [(k.frame, k.box, k.is_visible) for k in first.keyframes] == [
        (0, (0, 0, 8, 9), True),
        (1, (10, 20, 40.5, 60), True),
        (2, (10, 20, 40.5, 60), False),
    ]
    assert (first.row.values, second.row.values) == ({"person": "5"}, {"person": "6"})


def test_a_person_is_out_of_view_between_rows_that_do_not_follow_each_other(tmp_path: Path) -> None:
    (track,) = read(tmp_path, "1,5,0,0,8,9\n2,5,0,0,8,9\n7,5,0,0,8,9\n").tracks
    assert [(k.frame, k.is_visible) for k in track.keyframes] == [
        (0, True),
        (1, True),
        (2, False),
        (6, True),
        (7, False),
    ]


def test_rows_with_conf_0_are_regions_to_ignore(tmp_path: Path) -> None:
    tracks = read(tmp_path, "1,5,0,0,8,9,1\n2,5,0,0,8,9,0\n3,7,0,0,8,9,0\n4,8,0,0,8,9,-1\n").tracks
    assert [track.row.values for track in tracks] == [
        {"person": "5"},
        {"person": "5_ignored", "gender": "ignore"},
        {"person": "7_ignored", "gender": "ignore"},
        {"person": "8"},
    ]


def test_a_sequence_description_gives_name_size_and_rate(tmp_path: Path) -> None:
    video = read(tmp_path, "1,5,0,0,8,9\n", SEQINFO)
    assert (video.name, video.size_px, video.fps, video.first_frame) == ("street", (1920, 1080), 30, 1)


def test_without_a_description_the_video_has_the_name_of_the_folder(tmp_path: Path) -> None:
    video = read(tmp_path, "1,5,0,0,8,9\n")
    assert (video.name, video.size_px, video.fps) == ("street", None, None)


def test_outside_of_a_gt_folder_the_video_has_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "night.txt").write_text("1,5,0,0,8,9\n")
    assert read_mot(tmp_path / "night.txt")[0].name == "night"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0,5,0,0,8,9", "line 2, column frame: '0' is not a frame number"),
        ("1693234234123,5,0,0,8,9", "line 2, column frame: '1693234234123' is not a frame number"),
        ("one,5,0,0,8,9", "line 2, column frame: 'one' is not a number"),
        ("1,,0,0,8,9", "line 2, column id: '' is empty"),
        ("1,5,0,0,inf,9", "line 2, column width: 'inf' is not a finite number"),
        ("1,5,0,0,0,9", "line 2, column width: '0' makes a box without area"),
        ("1,5,0,0,8,-9", "line 2, column height: '-9' makes a box without area"),
        ("1,5,0,0,8", "line 2, column height: '' is not a number"),
        ("1 5 0 0 8 9", "line 2, column id: '' is empty"),
        ("4,5,0,0,8,9", "id 5 from line 1 on: two boxes at the same time"),
    ],
)
def test_a_wrong_row_is_named_with_line_column_and_value(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(TruthError) as caught:
        read(tmp_path, f"4,5,0,0,8,9\n{row}\n")
    assert f"gt.txt, {message}" in caught.value.what
    assert caught.value.fix


def test_the_fix_for_a_frame_states_the_first_number(tmp_path: Path) -> None:
    with pytest.raises(TruthError) as caught:
        read(tmp_path, "0,5,0,0,8,9\n")
    assert caught.value.fix == "frames are whole numbers and begin with 1"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="has no rows"):
        read(tmp_path, "\n")


@pytest.mark.parametrize(
    ("seqinfo", "message"),
    [
        ("frameRate=30\n", r"seqinfo\.ini describes no sequence"),
        ("[Other]\nname=x\n", r"seqinfo\.ini describes no sequence"),
        ("[Sequence]\nframeRate=fast\n", r"seqinfo\.ini, \[Sequence\], framerate: 'fast' is not a number"),
    ],
)
def test_a_wrong_sequence_description_is_named(tmp_path: Path, seqinfo: str, message: str) -> None:
    with pytest.raises(TruthError, match=message):
        read(tmp_path, "1,5,0,0,8,9\n", seqinfo)
