from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

from facetally.detection.faces import Faces, ImageArray
from scripts.wider_face import LEVELS, WiderImage, read_wider_val, shrunk, wider_figures

BOXES = {"a": [(10, 20, 30, 40), (100, 20, 8, 8)], "b": [(50, 50, 60, 60)]}
"""x, y, width and height of the faces, by image, as they are published."""
ASKED = {"easy": {"a": [1], "b": [1]}, "medium": {"a": [1], "b": [1]}, "hard": {"a": [1, 2], "b": [1]}}
"""Members of the levels, counted from 1."""


def column(cells: list[np.ndarray]) -> np.ndarray:
    made = np.empty((len(cells), 1), object)
    for row, cell in enumerate(cells):
        made[row, 0] = cell
    return made


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A set of two images of one event, in the files of its authors."""
    (tmp_path / "images" / "0--Parade").mkdir(parents=True)
    for name in BOXES:
        image = np.zeros((160, 320, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "images" / "0--Parade" / f"{name}.jpg"), image)
    every = {
        "event_list": column([np.array(["0--Parade"])]),
        "file_list": column([column([np.array([name]) for name in BOXES])]),
        "face_bbx_list": column([column([np.array(boxes, np.float64) for boxes in BOXES.values()])]),
    }
    scipy.io.savemat(tmp_path / "wider_face_val.mat", every)
    for level in LEVELS:
        members = column([column([np.array(ASKED[level][name])[:, None] for name in BOXES])])
        scipy.io.savemat(tmp_path / f"wider_{level}_val.mat", {"gt_list": members})
    return tmp_path


def test_boxes_and_levels_are_read_as_published(published: Path) -> None:
    first, second = read_wider_val(published / "images", published)
    assert first.boxes.tolist() == [[10, 20, 40, 60], [100, 20, 108, 28]]
    assert first.asked["easy"].tolist() == [True, False]
    assert first.asked["hard"].tolist() == [True, True]
    assert second.path.name == "b.jpg"


def test_a_part_of_the_set_is_refused(published: Path) -> None:
    (published / "images" / "0--Parade" / "b.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="needs all images"):
        read_wider_val(published / "images", published)


def detector_of(boxes: list[tuple[float, ...]]) -> Faces:
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Faces(corners, np.full(len(boxes), 0.9, np.float32), np.zeros((len(boxes), 5, 2), np.float32))


def test_detections_are_compared_at_the_size_of_the_file(published: Path) -> None:
    images = read_wider_val(published / "images", published)
    seen: list[tuple[int, ...]] = []

    def detect(image: ImageArray) -> Faces:  # in an image of twice the size, the large face of each
        seen.append(image.shape)
        return detector_of([(20, 40, 80, 120)] if len(seen) == 1 else [(100, 100, 220, 220)])

    figures = wider_figures({"one": detect}, images)["one"]
    assert seen == [(320, 640, 3)] * 2
    assert (figures["easy"], figures["medium"]) == (1, 1)
    assert figures["hard"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["recall_by_height_px"]["16-32"] == 0  # 8 pixels of the file are 16 of the enlarged image
    assert figures["recall_by_height_px"]["from 32"] == 1


def test_widths_count_pixels_as_in_the_authors_code(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {level: np.array([True]) for level in LEVELS}
    image = WiderImage(Path("not read"), np.array([[0, 0, 8, 8]], np.float32), asked)
    low = detector_of([(0, 0, 8, 3.7)])  # an overlap of 3.7 / 8 = 0.46 as areas, and of 4.7 / 9 = 0.52 in pixels
    monkeypatch.setattr(cv2, "imread", lambda _: np.zeros((640, 640, 3), np.uint8))
    assert wider_figures({"one": lambda _: low}, [image])["one"]["hard"] == 1


@pytest.mark.parametrize(("shape", "size", "scale"), [((1280, 640), (640, 320), 0.5), ((100, 320), (200, 640), 2.0)])
def test_the_long_side_becomes_640_pixels(shape: tuple[int, int], size: tuple[int, int], scale: float) -> None:
    image, own_scale = shrunk(np.zeros((*shape, 3), np.uint8))
    assert (image.shape[:2], own_scale) == (size, scale)
