"""Files as annotators' tools really export them: nothing in them is misread or passed over without a word.

Beside each case its neighbours: detections and single boxes without ids (MOT, CVAT), regions and tracks without
keyframes, projects with several subsets, steps and starts, bodies beside faces, other shapes than rectangles, and
stays of a single frame or up to the end of the video.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner
from drawn_world import CODEC, encoded, one_person

from facetally.cli.main import main
from facetally.errors import OptionError, TruthError
from facetally.inputs import find_videos
from facetally.truth.check.checkup import read_recording
from facetally.truth.formats.annotations import LabelledVideo
from facetally.truth.formats.importer import ImportedTruth, import_truth
from facetally.truth.formats.placement import scale_of
from facetally.validation.matching import views_s

LEFT, RIGHT = "100,60,60,80", "220,60,60,80"
RATE = 30


def written(folder: Path, content: str, name: str = "labels") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def women(folder: Path, *people: str) -> Path:
    return written(folder, "person,gender\n" + "".join(f"{person},f\n" for person in people), "people.csv")


def cvat_track(number: int, frames: Sequence[int], label: str = "female", task: int = 0, shape: str = "box") -> str:
    """A track with a shape on each frame, and one more marked as outside."""
    at = 'xtl="100" ytl="60" xbr="160" ybr="140"' if shape == "box" else 'points="100,60;160,60;130,140"'
    shapes = "".join(
        f'<{shape} frame="{frame}" keyframe="1" outside="{int(frame > frames[-1])}" {at}/>'
        for frame in (*frames, frames[-1] + 1)
    )
    return f'<track id="{number}" label="{label}" task_id="{task}">{shapes}</track>'


def cvat_project(*tracks: str, tasks: Sequence[tuple[int, str, str]]) -> str:
    """A project's export; a task is its id, its video and further elements."""
    parts = "".join(f"<task><id>{number}</id><source>{name}</source>{more}</task>" for number, name, more in tasks)
    meta = f"<meta><project><tasks>{parts}</tasks></project></meta>"
    return f"<annotations>{meta}{''.join(tracks)}</annotations>"


def cvat_job(*tracks: str) -> str:
    return f"<annotations><meta><job><id>0</id><source>one.mp4</source></job></meta>{''.join(tracks)}</annotations>"


def from_cvat(folder: Path, content: str, labels: Sequence[str] = ()) -> ImportedTruth:
    return import_truth([written(folder, content)], "cvat", fps=25.0, labels=labels)


def first_times_s(found: ImportedTruth) -> dict[str, float]:
    return {video: float(boxes.times_s[0]) for video, boxes in found.truth.boxes.items()}


# Boxes that belong to nobody's track


@pytest.mark.parametrize("person", ["-1", "-1.0", "-2"])
@pytest.mark.parametrize("stays", [(range(1, 26), range(51, 76)), (range(1, 51), range(26, 76))])
def test_boxes_of_no_track_are_refused_with_what_to_do_in_the_tool(
    tmp_path: Path, person: str, stays: tuple[range, range]
) -> None:
    rows = [(f, f"{f},{person},{box},1,1,1.0\n") for box, s in zip((LEFT, RIGHT), stays, strict=True) for f in s]
    file = written(tmp_path, "".join(row for _, row in sorted(rows)))
    with pytest.raises(
        TruthError, match=rf"line 1: \d+ boxes belong to nobody's track, their id is {person}"
    ) as caught:
        import_truth([file], "mot", fps=25.0, attributes=women(tmp_path, person))
    assert "label in tracks" in caught.value.fix


def test_a_single_box_without_a_track_among_others_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, f"1,1,{LEFT},1,1,1\n2,-1,{RIGHT},1,1,1\n")
    with pytest.raises(TruthError, match="line 2: 1 boxes belong to nobody's track"):
        import_truth([file], "mot", fps=25.0, attributes=women(tmp_path, "1"))


def test_single_boxes_that_cvat_exports_as_tracks_are_noted(tmp_path: Path) -> None:
    found = from_cvat(tmp_path, cvat_job(*(cvat_track(number, [number]) for number in range(4))))
    assert any("4 of 4 tracks have a single box" in note for note in found.notes)
    lasting = from_cvat(tmp_path, cvat_job(*(cvat_track(number, range(9)) for number in range(4))))
    assert lasting.notes == ()


@pytest.mark.parametrize(("step", "end_s"), [(1, 1.0), (5, 1.0)])
def test_where_every_fifth_frame_is_labelled_each_label_counts_until_the_next(
    tmp_path: Path, step: int, end_s: float
) -> None:
    file = written(tmp_path, "".join(f"{frame},1,{LEFT}\n" for frame in range(1, 51, step)))
    found = import_truth([file], "mot", fps=50.0, attributes=women(tmp_path, "1"))
    assert found.truth.people["labels"][0].intervals_s == ((0.0, end_s),)
    assert len(found.truth.boxes["labels"].people) == 50 // step
    assert any("one frame in 5" in note for note in found.notes) == (step == 5)


@pytest.mark.parametrize("label", ["woman", "man"])
def test_the_classes_of_an_export_by_cvat_are_named_in_labels_txt(tmp_path: Path, label: str) -> None:
    written(tmp_path, "woman\nman", "labels.txt")
    number = 1 + ["woman", "man"].index(label)
    file = written(tmp_path, f"1,1,{LEFT},1,{number},1.0\n")
    (person,) = import_truth([file], "mot", fps=25.0).truth.people["labels"]
    assert person.gender == {"woman": "female", "man": "male"}[label]


def test_classes_other_than_a_gender_are_asked_about(tmp_path: Path) -> None:
    written(tmp_path, "face\nbody", "labels.txt")
    file, people = written(tmp_path, f"1,1,{LEFT},1,1,1.0\n1,2,{RIGHT},1,2,1.0\n"), women(tmp_path, "1")
    with pytest.raises(TruthError, match=r"several labels: body \(1 track\), face \(1 track\)"):
        import_truth([file], "mot", fps=25.0, attributes=people)
    found = import_truth([file], "mot", fps=25.0, attributes=people, labels=["Face"])
    assert [person.person for person in found.truth.people["labels"]] == ["1"]


def test_places_in_the_world_are_no_classes(tmp_path: Path) -> None:
    file = written(tmp_path, f"1,1,{LEFT},1,3,2,0\n1,2,{RIGHT},1,7,1,0\n")  # ten columns, as in MOT15
    assert len(import_truth([file], "mot", fps=25.0, attributes=women(tmp_path, "1", "2")).truth.people["labels"]) == 2


# Nobody in view


def label_studio(*regions: tuple[str, Sequence[tuple[int, bool]]], **more: object) -> str:
    place = {"x": 10, "y": 10, "width": 20, "height": 30, "rotation": 0}
    results = []
    for name, keyframes in regions:
        sequence = [{"frame": f, "enabled": on, "time": (f - 1) / RATE, **place} for f, on in keyframes]
        value = {"framesCount": 72, "duration": 72 / RATE, "labels": ["female"], "sequence": sequence}
        results.append({"id": name, "type": "videorectangle", "from_name": "box", "to_name": "video", "value": value})
    data = {"video": "/data/upload/1/ab12cd34-film.mp4"}
    return json.dumps([{"id": 1, "data": data, "annotations": [{"result": [*results, *more.values()]}]}])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """film.mp4 of 72 frames, 30 a second, in a folder of its own."""
    images = one_person(seconds=3).images()[:72]
    return encoded(tmp_path_factory.mktemp("films") / "film.mp4", images, fps=RATE).parent


def test_a_region_without_keyframes_is_passed_over_with_a_note(film: Path, tmp_path: Path) -> None:
    file = written(tmp_path, label_studio(("a", [(1, True), (50, False)]), ("b", [])))
    found = import_truth([file], "label-studio", find_videos([str(film)]))
    assert [person.person for person in found.truth.people["film.mp4"]] == ["a"]
    assert any("region b: it has no keyframe" in note for note in found.notes)


def test_an_export_in_which_no_region_has_keyframes_says_so(film: Path, tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"contain no labels; .*region b: it has no keyframe"):
        import_truth([written(tmp_path, label_studio(("b", [])))], "label-studio", find_videos([str(film)]))


def test_results_of_other_kinds_are_passed_over_with_their_count(film: Path, tmp_path: Path) -> None:
    segment = {"id": "t", "type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 9}]}}
    file = written(tmp_path, label_studio(("a", [(1, True)]), segment=segment))
    notes = import_truth([file], "label-studio", find_videos([str(film)])).notes
    assert any("1 of type timelinelabels" in note for note in notes)


@pytest.mark.parametrize(
    ("track", "message"),
    [
        ('<track id="5" label="female"></track>', "1 tracks have no boxes"),
        (cvat_track(5, [0]).replace('outside="0"', 'outside="1"'), "track 5 from line 1 on: it is never in view"),
    ],
)
def test_tracks_of_nobody_in_view_are_noted(tmp_path: Path, track: str, message: str) -> None:
    found = from_cvat(tmp_path, cvat_job(cvat_track(1, range(9)), track))
    assert [person.person for person in found.truth.people["one.mp4"]] == ["1"]
    assert any(message in note for note in found.notes)


# Frame numbers of a project


def test_the_frames_of_a_project_are_brought_back_to_each_video(tmp_path: Path) -> None:
    tasks = [(11, "first.mp4", "<size>50</size>"), (12, "second.mp4", "<size>200</size>")]
    tracks = cvat_track(0, range(25), task=11), cvat_track(1, range(50, 75), "male", task=12)
    found = from_cvat(tmp_path, cvat_project(*tracks, tasks=tasks))
    assert first_times_s(found) == {"first.mp4": 0.0, "second.mp4": 0.0}
    assert found.truth.people["second.mp4"][0].intervals_s == ((0.0, 1.0),)


@pytest.mark.parametrize(
    ("tasks", "frame", "time_s"),
    [
        # in the order of the ids, as numbers
        ([(9, "a", "<size>50</size>"), (10, "b", "<size>50</size>")], 55, 0.2),
        ([(10, "b", "<size>50</size>"), (9, "a", "<size>50</size>")], 55, 0.2),
        # a task's first frame and step count
        ([(1, "a", "<size>10</size><start_frame>5</start_frame>"), (10, "b", "<size>50</size>")], 20, 0.2),
        ([(1, "a", "<size>10</size><frame_filter>step=3</frame_filter>"), (10, "b", "<size>9</size>")], 35, 0.2),
        # the frames of each subset begin with 0
        ([(1, "a", "<size>50</size><subset>Train</subset>"), (10, "b", "<subset>Test</subset><size>9</size>")], 5, 0.2),
    ],
)
def test_what_the_tasks_before_took_up_is_subtracted(
    tmp_path: Path, tasks: list[tuple[int, str, str]], frame: int, time_s: float
) -> None:
    found = from_cvat(tmp_path, cvat_project(cvat_track(0, [frame], task=10), tasks=tasks))
    assert first_times_s(found) == {"b": time_s}


@pytest.mark.parametrize("meta", ["<job><id>0</id><source>b</source><size>90</size></job>", "<source>b</source>"])
def test_the_frames_of_a_job_or_task_stay_as_they_are(tmp_path: Path, meta: str) -> None:
    content = f"<annotations><meta>{meta}</meta>{cvat_track(0, [50])}</annotations>"
    assert first_times_s(from_cvat(tmp_path, content)) == {"b": 2.0}


def test_frames_that_begin_with_0_in_a_project_are_kept_with_a_note(tmp_path: Path) -> None:
    tasks = [(1, "a", "<size>50</size>"), (2, "b", "<size>20</size>")]
    found = from_cvat(tmp_path, cvat_project(cvat_track(0, [5], task=2), tasks=tasks))
    assert first_times_s(found) == {"b": 0.2}
    assert "they were not changed" in found.notes[0]


def test_frames_that_fit_no_task_are_refused(tmp_path: Path) -> None:
    tasks = [(1, "a", "<size>50</size>"), (2, "b", "<size>20</size>")]
    with pytest.raises(
        TruthError, match=r"b \(task 2\) has labels from frame 30 on, .* begin with 50, and there are 20"
    ):
        from_cvat(tmp_path, cvat_project(cvat_track(0, [30], task=2), tasks=tasks))


def test_a_project_that_does_not_state_its_sizes_is_noted(tmp_path: Path) -> None:
    found = from_cvat(tmp_path, cvat_project(cvat_track(0, [30], task=2), tasks=[(1, "a", ""), (2, "b", "")]))
    assert "is not stated" in found.notes[0]


# What means a face


def body_and_face() -> str:
    return cvat_job(cvat_track(0, range(9), "face_bbox"), cvat_track(1, range(9), "person_bbox")).replace(
        "/>", '><attribute name="gender">male</attribute></box>'
    )


def test_several_labels_are_listed_until_one_is_chosen(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"several labels: face_bbox \(1 track\), person_bbox \(1 track\)") as caught:
        from_cvat(tmp_path, body_and_face())
    assert "--label face_bbox" in caught.value.fix
    found = from_cvat(tmp_path, body_and_face(), labels=["face_bbox"])
    assert [person.person for person in found.truth.people["one.mp4"]] == ["0"]
    assert found.notes == ("1 of 2 tracks were passed over: person_bbox (1 track)",)


def test_a_label_that_does_not_occur_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"no track is labelled 'head'; there are face_bbox"):
        from_cvat(tmp_path, body_and_face(), labels=["head"])


@pytest.mark.parametrize("others", [("male",), ("poster", "not_a_face"), ("unsure", "male")])
def test_genders_and_what_to_ignore_are_labels_of_one_kind(tmp_path: Path, others: tuple[str, ...]) -> None:
    tracks = [cvat_track(number, range(9), label) for number, label in enumerate(("female", *others))]
    assert len(from_cvat(tmp_path, cvat_job(*tracks)).truth.people["one.mp4"]) == 1 + len(others)


def test_a_car_beside_genders_is_asked_about(tmp_path: Path) -> None:
    tracks = cvat_track(0, range(9)), cvat_track(1, range(9), "car")
    with pytest.raises(TruthError, match="several labels: car"):
        from_cvat(tmp_path, cvat_job(*tracks))
    assert len(from_cvat(tmp_path, cvat_job(*tracks), labels=["female"]).truth.people["one.mp4"]) == 1


@pytest.mark.parametrize("shape", ["polygon", "polyline", "points"])
def test_other_shapes_are_passed_over_with_their_count_and_give_their_box_when_chosen(
    tmp_path: Path, shape: str
) -> None:
    content = cvat_job(cvat_track(0, range(9)), cvat_track(1, range(9), "male", shape=shape))
    found = from_cvat(tmp_path, content)
    assert len(found.truth.people["one.mp4"]) == 1
    assert f"1 of 2 tracks were passed over: male (1 track drawn as {shape})" in found.notes[0]
    chosen = from_cvat(tmp_path, content, labels=["male"]).truth.boxes["one.mp4"]
    assert chosen.boxes[0].tolist() == [100, 60, 160, 140]


def test_a_file_without_rectangles_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"no track is drawn as a rectangle; there are female \(1 track drawn as"):
        from_cvat(tmp_path, cvat_job(cvat_track(1, range(9), shape="polygon")))


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ('<ellipse frame="0" cx="50" cy="40" rx="20" ry="10"/>', [30, 30, 70, 50]),
        ('<ellipse frame="0" cx="50" cy="40" rx="20" ry="10" rotation="90"/>', [40, 20, 60, 60]),
        ('<mask frame="0" rle="1" left="5" top="6" width="7" height="8"/>', [5, 6, 12, 14]),
        ('<cuboid frame="0" xtl1="9" ytl1="8" xbr1="20" ybr1="30" xtl2="11" ytl2="3" xbr2="25" ybr2="20"/>',
         [9, 3, 25, 30]),
        ('<skeleton frame="0"><points points="5,9" outside="0"/><points points="25,3" outside="0"/>'
         '<points points="0,0" outside="1"/></skeleton>', [5, 3, 25, 9]),
    ],
)  # fmt: skip
def test_every_shape_has_a_box_around_it(tmp_path: Path, shape: str, box: list[float]) -> None:
    found = from_cvat(tmp_path, cvat_job(f'<track id="0" label="female">{shape}</track>'), labels=["female"])
    assert found.truth.boxes["one.mp4"].boxes[0].tolist() == pytest.approx(box)


def test_a_skeleton_without_a_point_in_view_is_out_of_view(tmp_path: Path) -> None:
    points = '<skeleton frame="{}"><points points="5,9" outside="{}"/><points points="25,3" outside="{}"/></skeleton>'
    shapes = points.format(0, 0, 0) + points.format(10, 1, 1)
    found = from_cvat(tmp_path, cvat_job(f'<track id="0" label="female">{shapes}</track>'), labels=["female"])
    assert found.truth.people["one.mp4"][0].intervals_s == ((0.0, 0.4),)


def test_a_chosen_shape_without_area_is_refused(tmp_path: Path) -> None:
    content = cvat_job('<track id="0" label="female"><points frame="0" points="5,9"/></track>')
    with pytest.raises(TruthError, match="track 0 from line 1 on: it is drawn as points, around which there is no box"):
        from_cvat(tmp_path, content, labels=["female"])


def test_what_is_passed_over_stands_in_stdout(tmp_path: Path) -> None:
    file = written(tmp_path, body_and_face())
    words = ["truth", "import", str(file), "--format", "cvat", "--fps", "25", "--label", "face_bbox"]
    result = CliRunner().invoke(main, [*words, "-o", str(tmp_path / "truth")])
    assert result.exit_code == 0
    assert "Note: 1 of 2 tracks were passed over: person_bbox (1 track)" in result.stdout


# When people come and go


def stay(count: int) -> list[tuple[int, bool]]:
    """The keyframes of the first frames in Label Studio: one that is not enabled is the last in view."""
    return [(1, True), (count, False)] if count > 1 else [(1, False)]


def stays_in_every_format(folder: Path, frames: dict[str, int]) -> dict[str, Path]:
    """The same labels as CVAT, MOT and Label Studio export them: each gender from the first frame on."""
    tracks = [cvat_track(number, range(count), gender) for number, (gender, count) in enumerate(frames.items())]
    rows = [f"{f + 1},{gender},{LEFT},1,1,1\n" for gender, count in frames.items() for f in range(count)]
    (folder / "film").mkdir()
    return {
        "cvat": written(folder / "film", cvat_job(*tracks).replace("one.mp4", "film.mp4"), "labels.xml"),
        "mot": written(folder / "film", "".join(rows), "film.txt"),
        "label-studio": written(
            folder / "film",
            label_studio(*((gender, stay(count)) for gender, count in frames.items())).replace(
                '"labels": ["female"]', '"labels": ["Face"]'
            ),
            "labels.json",
        ),
    }


@pytest.mark.parametrize("format_name", ["cvat", "mot", "label-studio"])
@pytest.mark.parametrize("counts", [(30, 60), (15, 60), (6, 30), (12, 24), (1, 72), (71, 72)])
def test_a_stay_lasts_as_long_as_the_labels_say_in_every_format(
    film: Path, tmp_path: Path, format_name: str, counts: tuple[int, int]
) -> None:
    frames = dict(zip(("female", "male"), counts, strict=True))
    file = stays_in_every_format(tmp_path, frames)[format_name]
    people = written(tmp_path, "person,gender\nfemale,f\nmale,m\n", "people.csv")
    attributes = None if format_name == "cvat" else people
    truth = import_truth([file], format_name, find_videos([str(film)]), attributes=attributes).truth
    lengths_s = {person.gender: person.intervals_s[0][1] for person in truth.people["film.mp4"]}
    assert lengths_s == {gender: pytest.approx(count / RATE, abs=1e-4) for gender, count in frames.items()}
    views = views_s(truth, "film.mp4")
    assert [round(v[0][1] * RATE) for v in views.values()] == list(counts)


def test_a_stay_without_an_end_lasts_to_the_end_of_the_video(film: Path, tmp_path: Path) -> None:
    file = written(tmp_path, label_studio(("a", [(31, True)])))
    (person,) = import_truth([file], "label-studio", find_videos([str(film)])).truth.people["film.mp4"]
    assert person.intervals_s == ((1.0, 2.4),)


def test_somebody_who_comes_back_has_two_stays(tmp_path: Path) -> None:
    track = cvat_track(0, range(25)).replace("</track>", "") + cvat_track(0, range(50, 75)).split(">", 1)[1]
    (person,) = from_cvat(tmp_path, cvat_job(track)).truth.people["one.mp4"]
    assert person.intervals_s == ((0.0, 1.0), (2.0, 3.0))


def test_a_clock_that_ticks_more_often_than_frames_come_ends_no_stay_early(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    encoded(tmp_path / "films" / "film.mp4", one_person().images()[:10], fps=10)
    file = written(tmp_path, label_studio(("a", [(1, True), (13, False)])))  # 30 ticks a second: tick 13 is frame 5
    (person,) = import_truth([file], "label-studio", find_videos([str(tmp_path / "films")])).truth.people["film.mp4"]
    assert person.intervals_s[0] == pytest.approx((0.0, 0.5))


# Pixels that are not square


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tape.mkv of 90 x 72 pixels that are 64:45 as wide as high, shown at 128 x 72."""
    path = tmp_path_factory.mktemp("tapes") / "tape.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(CODEC, rate=25)
        stream.width, stream.height, stream.pix_fmt = 90, 72, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((72, 90, 3), np.uint8), "rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("size_px", "left"), [((90, 72), 128), ((128, 72), 90), ((45, 36), 256)])
def test_labels_of_a_tape_may_be_drawn_on_stored_or_on_displayed_pixels(
    tape: Path, tmp_path: Path, size_px: tuple[int, int], left: float
) -> None:
    size = f"<original_size><width>{size_px[0]}</width><height>{size_px[1]}</height></original_size>"
    box = '<box frame="0" xtl="90" ytl="10" xbr="99" ybr="20"/>'
    content = f"<annotations><meta><task><source>tape.mkv</source>{size}</task></meta>"
    content += f'<track id="0" label="female">{box}</track></annotations>'
    found = import_truth([written(tmp_path, content)], "cvat", find_videos([str(tape)]))
    assert found.truth.boxes["tape.mkv"].boxes[0][0] == pytest.approx(left)
    assert len(found.notes) == (size_px != (128, 72))


def test_a_recording_knows_the_shape_of_its_pixels(tape: Path) -> None:
    recording = read_recording(tape)
    assert (recording.width_px, recording.height_px) == (128, 72)
    assert recording.pixel_aspect == pytest.approx(64 / 45)


def test_boxes_on_pixels_as_stored_are_stretched_to_the_displayed_frame() -> None:
    labels = LabelledVideo(Path("labels"), "tape.mpg", (), size_px=(720, 576))
    (x, y), (note,) = scale_of(labels, (1024, 576), "tape.mpg", stored_px=(720, 576))
    assert (x, y) == (1024 / 720, 1)
    assert "drawn on pixels as stored, images of 720 x 576 pixels, tape.mpg is shown at 1024 x 576" in note
    with pytest.raises(TruthError, match="boxes were drawn on images of 720 x 576"):
        scale_of(labels, (1024, 576), "tape.mpg", stored_px=(1024, 576))
    assert scale_of(replace(labels, size_px=(1024, 576)), (1024, 576), "tape.mpg", stored_px=(720, 576))[0] == (1, 1)


def test_the_last_box_of_a_task_with_a_frame_step_counts_until_the_next_one(tmp_path: Path) -> None:
    boxes = "".join(f'<box frame="{frame}" xtl="1" ytl="2" xbr="30" ybr="40"/>' for frame in range(0, 50, 5))
    meta = "<meta><task><id>1</id><source>a</source><frame_filter>step=5</frame_filter></task></meta>"
    track = f'<track id="0" label="female">{boxes}</track>'
    found = from_cvat(tmp_path, f"<annotations>{meta}{track}</annotations>")
    assert found.truth.people["a"][0].intervals_s == ((0.0, 2.0),)
