"""The detector with the bundled and the official weights, on a photograph from scikit-image with one face."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from facetally.detection.faces import Faces, ImageArray
from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions

BUNDLED = Path(__file__).resolve().parents[2] / "models" / "facetally_scrfd_500m.onnx"
OFFICIAL = ("scrfd_500m_kps", "scrfd_2.5g_kps", "scrfd_2.5g_bnkps_named")
PLAIN = ScrfdOptions(input_px=640, min_score=0.5, max_overlap=0.4, wide_px=0)
"""One pass over a 640 px canvas with insightface's thresholds."""


@pytest.fixture(params=["bundled", *(pytest.param(name, marks=pytest.mark.real) for name in OFFICIAL)])
def path(request: pytest.FixtureRequest) -> Path:
    """The bundled weights, and each official export."""
    if request.param == "bundled":
        return BUNDLED
    shared: Path = request.getfixturevalue("shared")
    return shared / "models" / "scrfd" / f"{request.param}.onnx"


@pytest.fixture
def astronaut() -> ImageArray:
    """(512, 512, 3) BGR with one frontal face, about 100 px wide, in the upper half, left of the centre."""
    return np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[..., ::-1])


@pytest.fixture
def full_canvas(astronaut: ImageArray) -> ImageArray:
    """640 x 640, so that no detector scales it."""
    return np.asarray(cv2.resize(astronaut, (640, 640)), np.uint8)


def assert_landmarks_are_a_face(faces: Faces) -> None:
    """Eyes, nose and corners of the mouth are in their natural order, all inside the box."""
    for (x1, y1, x2, y2), points in zip(faces.boxes, faces.landmarks, strict=True):
        assert np.all((points > [x1, y1]) & (points < [x2, y2]))
        left_eye, right_eye, nose, left_mouth, right_mouth = points
        assert left_eye[0] < nose[0] < right_eye[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
        assert left_mouth[0] < right_mouth[0]


def test_all_weights_find_the_face_in_a_batch_of_any_size(path: Path, astronaut: ImageArray) -> None:
    detector = ScrfdDetector(path, ScrfdOptions(input_px=512))
    wide = np.ascontiguousarray(astronaut[:300])
    found, nothing = detector.detect([wide, np.zeros_like(wide)])
    assert len(nothing) == 0
    assert len(found) == 1
    assert_landmarks_are_a_face(found)
    np.testing.assert_allclose(found.boxes, detector.detect([wide])[0].boxes, atol=0.01)


@pytest.mark.real
def test_two_exports_of_one_network_find_the_same_face(shared: Path, astronaut: ImageArray) -> None:
    folder = shared / "models" / "scrfd"
    one, other = (ScrfdDetector(folder / f"{name}.onnx").detect([astronaut])[0] for name in OFFICIAL[1:])
    assert len(one) == len(other) == 1
    np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
    np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.01)


def test_it_agrees_with_insightface_within_half_a_pixel(path: Path, full_canvas: ImageArray) -> None:
    scrfd = pytest.importorskip("insightface.model_zoo.scrfd")
    theirs = scrfd.SCRFD(str(path))
    theirs.prepare(-1, input_size=(640, 640), det_thresh=0.5, nms_thresh=0.4)
    boxes, landmarks = theirs.detect(full_canvas)
    (ours,) = ScrfdDetector(path, PLAIN).detect([full_canvas])
    assert len(ours) == len(boxes) >= 1
    np.testing.assert_allclose(ours.boxes, boxes[:, :4], atol=0.5)
    np.testing.assert_allclose(ours.scores, boxes[:, 4], atol=0.01)
    np.testing.assert_allclose(ours.landmarks, landmarks, atol=0.5)


@pytest.mark.parametrize("side", [720, 1080])
def test_a_face_that_fills_the_frame_is_found(path: Path, astronaut: ImageArray, side: int) -> None:
    ((x1, y1, x2, y2),) = ScrfdDetector(path, PLAIN).detect([astronaut])[0].boxes.round().astype(int)
    middle, half = (x1 + x2) // 2, (y2 - y1) // 2
    tight = astronaut[y1 : y1 + 2 * half, middle - half : middle + half]
    frame = np.asarray(cv2.resize(tight, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    (found,) = ScrfdDetector(path).detect([frame])
    assert len(found) == 1
    assert found.boxes[0, 3] - found.boxes[0, 1] > 0.8 * side
    assert_landmarks_are_a_face(found)


@pytest.mark.real
def test_a_large_face_that_is_sure_in_the_first_pass_keeps_its_box(shared: Path, astronaut: ImageArray) -> None:
    path = shared / "models" / "scrfd" / "scrfd_2.5g_kps.onnx"
    (face,) = ScrfdDetector(path, PLAIN).detect([astronaut])[0].boxes
    (x1, y1), half = (face[:2] + face[2:]) / 2, 0.8 * (face[3] - face[1])
    around = astronaut[max(int(y1 - half), 0) : int(y1 + half), int(x1 - half) : int(x1 + half)]
    frame = np.asarray(cv2.resize(around, (1080, 1080)), np.uint8)
    (fine,) = ScrfdDetector(path, PLAIN).detect([frame])
    (both,) = ScrfdDetector(path).detect([frame])
    assert len(fine) == 1
    np.testing.assert_array_equal(both.boxes, fine.boxes)
