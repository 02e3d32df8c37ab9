"""Label Studio's JSON export of video, valid and invalid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facetally.errors import TruthError
from facetally.truth.formats.annotations import LabelledTrack, LabelledVideo
from facetally.truth.formats.label_studio import read_label_studio


def item(frame: int, **more: Any) -> dict[str, Any]:
    """A keyframe at a clock of 24 ticks a second, as the editor writes it."""
    place = {"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0}
    return place | {"frame": frame, "time": frame / 24, "enabled": True, "rotation": 0} | more


def region(*sequence: dict[str, Any], region_id: str = "r1", **more: Any) -> dict[str, Any]:
    value = {"framesCount": 240, "duration": 10.0, "sequence": list(sequence), "labels": ["Face"]} | more
    return {"id": region_id, "type": "videorectangle", "from_name": "box", "to_name": "video", "value": value}


def attribute(name: str, kind: str, words: Any, region_id: str = "r1") -> dict[str, Any]:
    key = "text" if kind == "textarea" else kind
    return {"id": region_id, "type": kind, "from_name": name, "to_name": "video", "value": {key: words}}


def task(*results: dict[str, Any], video: str = "/data/upload/8/1fd99634-clip.mp4") -> dict[str, Any]:
    return {"id": 28, "data": {"video": video}, "annotations": [{"was_cancelled": False, "result": list(results)}]}


def read(folder: Path, content: Any) -> list[LabelledVideo]:
    (folder / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    return read_label_studio(folder / "labels.json")


def only_track(folder: Path, *results: dict[str, Any]) -> LabelledTrack:
    ((found,),) = [video.tracks for video in read(folder, [task(*results)])]
    return found


def seen(found: LabelledTrack) -> list[tuple[int, bool]]:
    return [(keyframe.frame, keyframe.is_visible) for keyframe in found.keyframes]


def test_a_task_is_a_video_in_ticks_of_the_players_clock(tmp_path: Path) -> None:
    (video,) = read(tmp_path, [task(region(item(1)))])
    assert (video.name, video.first_frame, video.is_by_player) == ("clip.mp4", 1, True)
    assert (video.fps, video.frame_count, video.size_px) == (24, 240, None)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/upload/8/1fd99634-my%20clip.mp4", "my clip.mp4"),
        ("/data/upload/1fd99634-clip.mp4", "clip.mp4"),
        ("/data/local-files/?d=films/a/clip.mp4", "films/a/clip.mp4"),
        ("s3://bucket/films/clip.mp4", "films/clip.mp4"),
        ("https://host/1fd99634-clip.mp4?token=x", "1fd99634-clip.mp4"),
    ],
)
def test_the_videos_name_comes_from_its_address(tmp_path: Path, address: str, name: str) -> None:
    assert read(tmp_path, [task(region(item(1)), video=address)])[0].name == name


def test_an_export_of_one_task_may_name_its_video_under_another_key(tmp_path: Path) -> None:
    content = task(region(item(1))) | {"data": {"number": 5, "clip": "a.mp4"}}
    assert read(tmp_path, content)[0].name == "a.mp4"


def test_keyframes_are_in_percent_and_count_from_0(tmp_path: Path) -> None:
    first = only_track(tmp_path, region(item(1, rotation=30), item(5))).keyframes[0]
    assert (first.frame, first.box, first.rotation_deg) == (0, (10, 20, 40, 60), 30)


def test_a_keyframe_that_is_not_enabled_is_the_last_in_view(tmp_path: Path) -> None:
    found = only_track(tmp_path, region(item(1), item(5, enabled=False), item(9), item(12, enabled=False)))
    assert seen(found) == [(0, True), (4, True), (5, False), (8, True), (11, True), (12, False)]


def test_a_time_in_view_without_an_end_lasts_to_the_end_of_the_video(tmp_path: Path) -> None:
    assert seen(only_track(tmp_path, region(item(1), item(5)))) == [(0, True), (4, True), (240, False)]
    assert seen(only_track(tmp_path, region(item(5), framesCount=None))) == [(4, True), (5, False)]


def test_boxes_that_the_export_interpolated_are_left_out(tmp_path: Path) -> None:
    found = only_track(tmp_path, region(item(5), item(1), item(2, auto=True, time=0.08), item(9, enabled=False)))
    assert seen(found) == [(0, True), (4, True), (8, True), (9, False)]


def test_choices_and_texts_of_a_region_are_its_attributes(tmp_path: Path) -> None:
    attributes = [
        attribute("gender", "choices", ["female"]),
        attribute("Age", "choices", ["mid", "old"]),
        attribute("note", "textarea", ["by the door"]),
        attribute("person", "textarea", "Ann"),
        attribute("gender", "choices", ["male"], region_id="r2"),
    ]
    found = only_track(tmp_path, region(item(1)), *attributes)
    assert found.row.values == {"person": "Ann", "gender": "female", "age_band": "mid/old", "note": "by the door"}


@pytest.mark.parametrize("in_region", [True, False])
def test_a_label_may_be_the_gender(tmp_path: Path, in_region: bool) -> None:
    results = (
        [region(item(1), labels=["Woman"])] if in_region else [region(item(1)), attribute("tag", "labels", ["Woman"])]
    )
    assert only_track(tmp_path, *results).row.values == {"person": "r1", "gender": "Woman"}


@pytest.mark.parametrize(
    ("times", "fps"),
    [
        ([1 / 29.97, 200 / 29.97], 29.97),  # frame / rate, as the editor writes it
        ([0.0, 199 / 24], 24),  # another tool's: the rate comes from 240 frames in 10 s
        ([0.0, 0.0], 24),
    ],
    ids=["editor", "another tool", "no times"],
)
def test_the_clocks_rate_comes_from_the_keyframes_or_the_videos_length(
    tmp_path: Path, times: list[float], fps: float
) -> None:
    added = item(100, auto=True, time=3.34)  # rounded, and not drawn by a person
    (video,) = read(tmp_path, [task(region(item(1, time=times[0]), added, item(200, time=times[1])))])
    assert video.fps == pytest.approx(fps)


def test_an_old_export_may_lack_the_videos_length(tmp_path: Path) -> None:
    shape = region(item(1, time=None), item(2, time=None), duration=None)
    (video,) = read(tmp_path, [task(shape)])
    assert (video.fps, video.frame_count) == (None, 240)


def test_cancelled_and_empty_annotations_are_skipped(tmp_path: Path) -> None:
    content = task(region(item(1)))
    content["annotations"].append({"was_cancelled": True, "result": [region(item(3))]})
    videos = read(tmp_path, [content, task() | {"annotations": []}, task()])
    assert [[seen(track)[0] for track in video.tracks] for video in videos] == [[(0, True)]]


def test_of_two_annotations_the_ground_truth_counts(tmp_path: Path) -> None:
    content = task(region(item(1)))
    content["annotations"].append({"ground_truth": True, "result": [region(item(3))]})
    (video,) = read(tmp_path, [content])
    assert seen(video.tracks[0])[0] == (2, True)


def test_two_annotations_without_a_choice_are_refused(tmp_path: Path) -> None:
    content = task(region(item(1)))
    content["annotations"] *= 2
    with pytest.raises(TruthError, match=r"labels\.json, task 28: labelled more than once") as caught:
        read(tmp_path, [content])
    assert "ground truth" in caught.value.fix


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (item(0), "frame: '0' is not a frame number"),
        (item(3, x=None), "x: 'None' is not a number"),
        (item(3, y=float("nan")), "y: 'nan' is not a finite number"),
        (item(3, width=0), "width: '0' makes a box without area"),
        (item(3, height=-1.5), "height: '-1.5' makes a box without area"),
        (item(1), "two boxes at the same time, 0 frames after the first"),
    ],
)
def test_a_wrong_keyframe_is_named_with_task_region_and_value(tmp_path: Path, wrong: Any, message: str) -> None:
    with pytest.raises(TruthError) as caught:
        read(tmp_path, [task(region(item(1), wrong))])
    assert "labels.json, task 28, region r1" in caught.value.what
    assert message in caught.value.what


@pytest.mark.parametrize(
    "content",
    [
        5,
        "text",
        [1],
        {"a": 1},
        [{"id": 1, "video": "a.mp4", "box": [{"sequence": []}]}],
        [{"annotations": 5, "data": {}}],
        [task({"id": "r1", "type": "videorectangle"})],
        [task(region(item(1), framesCount="many"))],
    ],
)
def test_json_of_another_layout_is_refused_with_what_to_export(tmp_path: Path, content: Any) -> None:
    with pytest.raises(TruthError, match="does not have the layout of labelled video") as caught:
        read(tmp_path, content)
    assert 'export it from Label Studio as "JSON"' in caught.value.fix


def test_broken_json_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('[{"id": 1,\n"data": }]')
    with pytest.raises(TruthError, match=r"labels\.json, line 2: Expecting value"):
        read_label_studio(tmp_path / "labels.json")
