"""The pictures of the page: the right faces of the right frames, held in memory alone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_server import DrawnRun

from facetally.detection.faces import ImageArray
from facetally.errors import VideoError
from facetally.labelling.pictures import scaled_wh, square_inside
from facetally.labelling.sample import Sample, TrackFaces
from facetally.labelling.views import KEPT, LOOP_IMAGES, STRIP_FACES, ViewKey, Views, loop_rows, strip_rows
from facetally.video.frames_at import FrameAt, frames_at


def decoded(address: str) -> ImageArray:
    kind, _, data = address.partition(";base64,")
    assert kind == "data:image/jpeg"
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR_BGR)
    return np.asarray(image, np.uint8)


def is_red(image: ImageArray) -> bool:
    blue, _, red = image[image.shape[0] // 2, image.shape[1] // 2].astype(int)
    assert abs(red - blue) > 70, "the middle shows nobody"
    return bool(red > blue)


def shows(image: ImageArray, red: bool) -> bool:
    """Whether a square of a colour is anywhere in the image."""
    blue_red = image[..., 0].astype(int) - image[..., 2]
    return bool(((-blue_red if red else blue_red) > 100).mean() > 0.02)


def faces_over(seconds: float, step_s: float = 0.2) -> TrackFaces:
    times = np.arange(0, seconds, step_s)
    return TrackFaces(times, np.tile([10.0, 10, 50, 50], (len(times), 1)), np.linspace(0.2, 0.9, len(times)))


def test_strip_loop_and_face_show_the_person_of_the_track(sample: Sample) -> None:
    views = Views(sample)
    for track in sample.design.tracks:
        expected = sample.predictions[track.key].female_prob > 0.5
        view, loop, face = (views.get((kind, *track.key), 60) for kind in ("track", "loop", "face"))
        images = [face["image"], *(one["image"] for one in view["faces"]), *loop["images"]]
        assert len(images) > 3
        assert all(shows(decoded(image), expected) for image in images)
    views.close()


def test_the_frame_has_the_box_on_the_face(sample: Sample) -> None:
    views = Views(sample)
    for track in sample.design.tracks[:4]:
        frame = views.get(("track", *track.key), 60)["frame"]
        assert (frame["width"], frame["height"]) == (160, 120)
        ((x1, y1, x2, y2),) = frame["boxes"]
        inside = decoded(frame["image"])[round(y1) + 4 : round(y2) - 4, round(x1) + 4 : round(x2) - 4]
        assert is_red(inside) == (sample.predictions[track.key].female_prob > 0.5)
    views.close()


def test_a_moment_shows_the_boxes_found_at_that_time(sample: Sample) -> None:
    views = Views(sample)
    for moment in sample.design.moments:
        view = views.get(("moment", moment.video_id, moment.time_s), 60)
        assert len(view["frame"]["boxes"]) == 2
        assert view["typical"] == pytest.approx((40, 40), abs=2)
        image = decoded(view["frame"]["image"])
        for x, y, _, _ in view["frame"]["boxes"]:
            is_red(image[int(y) + 2 :, int(x) + 2 :][:36, :36])  # there is somebody
    views.close()


def test_no_picture_is_written(sample: Sample, drawn_run: DrawnRun) -> None:
    before = sorted(drawn_run.out.parent.rglob("*"))
    views = Views(sample)
    views.get(("track", *sample.design.tracks[0].key), 60)
    views.close()
    assert sorted(drawn_run.out.parent.rglob("*")) == before


def test_a_video_that_disappears_is_an_error_and_comes_back(sample: Sample, tmp_path: Path) -> None:
    key = sample.design.tracks[0].key
    there, sample._paths[key[0]] = sample._paths[key[0]], tmp_path / "gone.mp4"
    views = Views(sample)
    with pytest.raises(VideoError, match="does not exist"):
        views.get(("track", *key), 60)
    sample._paths[key[0]] = there
    assert views.get(("track", *key), 60)["faces"]
    views.close()


@pytest.mark.parametrize(("seconds", "count"), [(0.2, 1), (1.0, 5), (1.6, 8), (60.0, STRIP_FACES)])
def test_the_strip_goes_over_the_whole_track(seconds: float, count: int) -> None:
    rows = strip_rows(faces_over(seconds))
    assert len(rows) == count
    assert rows == sorted(rows)
    assert rows[-1] == len(faces_over(seconds).times_s) - 1  # quality grows: the last face is the best of its part


@pytest.mark.parametrize(("step_s", "best"), [(0.2, 0), (0.2, 150), (0.2, 299), (0.04, 700)])
def test_the_loop_is_a_window_around_the_best_face(step_s: float, best: int) -> None:
    faces = faces_over(60, step_s)
    rows = loop_rows(faces, best)
    assert len(rows) <= LOOP_IMAGES
    assert faces.times_s[rows[0]] <= faces.times_s[best] + 1e-6
    assert faces.times_s[rows[-1]] - faces.times_s[rows[0]] <= 2.4 + 1e-6


def test_a_square_inside_the_frame_has_no_black() -> None:
    image = np.full((100, 160, 3), 200, np.uint8)
    for box in ([-20.0, 0, 20, 40], [150.0, 80, 170, 120], [0.0, 0, 160, 100]):
        assert square_inside(image, np.array(box), 60, 1.0).min() == 200


def test_frames_are_only_made_smaller() -> None:
    assert scaled_wh((320, 240), (960, 540)) == (320, 240)
    assert scaled_wh((1920, 1080), (960, 540)) == (960, 540)
    assert scaled_wh((1080, 1920), (960, 540)) == (304, 540)


def test_many_views_at_once_are_all_made_and_few_are_kept(sample: Sample) -> None:
    views = Views(sample)
    keys: list[ViewKey] = [(kind, *track.key) for kind in ("track", "face") for track in sample.design.tracks]
    for moment in sample.design.moments:
        keys += [("moment", moment.video_id, moment.time_s + shift) for shift in range(13)]
    asked = [views.ask(key) for key in keys]
    assert len(asked) > KEPT
    assert all(view.result(120) for view in asked)
    assert views.get(keys[0], 60)
    assert len(views._made) <= KEPT
    views.close()


def test_strip_and_loop_are_made_in_one_pass_over_the_video(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[Path] = []

    def read(path: Path, *arguments: Any, **options: Any) -> Iterator[FrameAt]:
        passes.append(path)
        return frames_at(path, *arguments, **options)

    monkeypatch.setattr("facetally.labelling.views.frames_at", read)
    views = Views(sample)
    for kind in ("track", "loop", "track"):
        views.get((kind, *sample.design.tracks[0].key), 60)
    assert len(passes) == 1
    views.close()
