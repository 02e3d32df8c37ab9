"""Cameras of this machine, with OpenCV's capture replaced by one that films a drawn film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_world import HEIGHT_PX, WIDTH_PX, engines, one_person

from facetally.errors import VideoError
from facetally.jobs import live as job
from facetally.live import captures
from facetally.live.captures import CameraCapture, opened
from facetally.live.sources import parse_source


class FakeCapture:
    """In place of `cv2.VideoCapture`.

    Args:
        images: (H, W, 3) uint8 BGR each; it breaks off after them.
        fps: what it states.
    """

    def __init__(self, images: Sequence[np.ndarray], fps: float = 25.0) -> None:
        self._images, self._fps = list(images), fps
        self.is_released = False
        self.number = -1

    def __call__(self, number: int) -> FakeCapture:
        self.number = number
        return self

    def isOpened(self) -> bool:
        return bool(self._images)

    def get(self, which: int) -> float:
        height, width = self._images[0].shape[:2]
        return float(
            {cv2.CAP_PROP_FRAME_WIDTH: width, cv2.CAP_PROP_FRAME_HEIGHT: height, cv2.CAP_PROP_FPS: self._fps}[which]
        )

    def read(self) -> tuple[bool, np.ndarray | None]:
        return (True, self._images.pop(0)) if len(self._images) > 1 else (False, None)

    def release(self) -> None:
        self.is_released = True


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> FakeCapture:
    """A camera with two seconds of a drawn film."""
    fake = FakeCapture(one_person().images(25))
    monkeypatch.setattr(cv2, "VideoCapture", fake)
    return fake


@pytest.mark.parametrize("written", ["2", "/dev/video2"])
def test_a_camera_is_opened_by_its_number_and_gives_its_pictures_as_they_are(camera: FakeCapture, written: str) -> None:
    first = one_person().images(25)[0]
    capture = opened(parse_source(written))
    assert camera.number == 2
    assert (capture.info.width_px, capture.info.height_px, capture.info.fps) == (WIDTH_PX, HEIGHT_PX, 25)
    pictures = list(capture.pictures())
    assert len(pictures) == len(one_person().images(25)) - 1
    assert np.array_equal(pictures[0].image.bgr(), first)
    assert not capture.is_paced and not capture.is_finished()
    capture.close()
    assert camera.is_released


@pytest.mark.parametrize("stated", [0.0, -1.0, float("nan"), 1e6])
def test_a_camera_that_states_no_usable_rate_is_taken_for_30_a_second(
    monkeypatch: pytest.MonkeyPatch, stated: float
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture(one_person().images(25), stated))
    assert CameraCapture(0).info.fps == 30


@pytest.mark.usefixtures("camera")
def test_a_camera_has_the_tables_of_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(job, "live_engines", lambda *_, **__: engines())
    watched = job.watch("0", tmp_path / "out", every_s=0, seconds=1)
    assert watched.run
    (row,) = watched.run.new
    assert (row.video, row.path, row.codec) == ("camera 0", "camera 0", "raw")
    assert watched.run.faces()["x1"].between(0, WIDTH_PX).all() and len(watched.run.faces())


@pytest.mark.parametrize(
    ("error", "what", "fix"),
    [(PermissionError, "may not be used", "usermod -aG video"), (OSError, "cannot be opened", "close other programs")],
)
def test_a_camera_that_cannot_be_used_is_an_error_with_a_fix(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError], what: str, fix: str
) -> None:
    class Device(type(Path())):  # type: ignore[misc]
        def exists(self) -> bool:
            return True

        def open(self, *_: object, **__: object) -> None:
            raise error

    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture([]))
    monkeypatch.setattr(captures, "Path", Device)
    with pytest.raises(VideoError, match=what) as caught:
        opened(parse_source("0"))
    assert fix in caught.value.fix
