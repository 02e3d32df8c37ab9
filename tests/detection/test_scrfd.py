from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facetally.detection.faces import Faces, ImageArray
from facetally.detection.scrfd import Canvas, ScrfdDetector, ScrfdOptions

FIXED_PX = 64
"""The fake network's input is fixed to one image of this side, as the official exports are to 640."""
LAYOUTS = ("fixed", "computed", "flat")
CHANNELS = {"score": 1, "bbox": 4, "kps": 10}
DISTANCES = np.array([[1, 2, 3, 4], [2, 2, 2, 2]])
"""Distances of the first and second anchor, in strides: left, top, right, bottom."""
OFFSETS = np.array([[-0.5, -0.5, 0.5, -0.5, 0, 0, -0.5, 0.5, 0.5, 0.5]]) * [[1], [2]]
CHANNEL_OF = {(8, 0): 0, (8, 1): 2, (16, 0): 1}
"""(stride, anchor) -> the RGB channel that it detects as a face: red and blue at stride 8, green at 16."""
SURE = 1 / (1 + np.exp(-2 * 127.5 / 128))
"""The score of a cell filled with its colour: sigmoid(2 x the normalised pixel)."""
RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)  # BGR
PLAIN = ScrfdOptions(input_px=64, wide_px=0)


def conv_weights(role: str, stride: int) -> tuple[Any, Any]:
    """Weights (2 C, 3, stride, stride) and biases (2 C,): a score for the colour, constants for all else."""
    weights = np.zeros((2, CHANNELS[role], 3, stride, stride), np.float32)
    biases = {"score": np.zeros((2, 1)), "bbox": DISTANCES, "kps": OFFSETS}[role].astype(np.float32)
    for anchor in (0, 1) if role == "score" else ():
        if (stride, anchor) in CHANNEL_OF:
            weights[anchor, 0, CHANNEL_OF[stride, anchor]] = 2 / stride**2
        else:
            biases[anchor] = -20
    return weights.reshape(-1, 3, stride, stride), biases.ravel()


def head(role: str, stride: int, layout: str) -> tuple[list[Any], list[Any]]:
    """Nodes and constants from "images" to the output `role`_`stride`."""
    name, channels = f"{role}_{stride}", CHANNELS[role]
    cells = (FIXED_PX // stride) ** 2
    weights, biases = conv_weights(role, stride)
    constants = [numpy_helper.from_array(weights, f"{name}_w"), numpy_helper.from_array(biases, f"{name}_b")]
    perm = [2, 3, 0, 1] if layout == "flat" else [0, 2, 3, 1]
    nodes = [
        helper.make_node("Conv", ["images", f"{name}_w", f"{name}_b"], [f"{name}_map"], strides=[stride, stride]),
        helper.make_node("Transpose", [f"{name}_map"], [f"{name}_rows"], perm=perm),
        helper.make_node("Reshape", [f"{name}_rows", f"{name}_shape"], [f"{name}_raw"]),
        helper.make_node("Sigmoid" if role == "score" else "Identity", [f"{name}_raw"], [name]),
    ]
    shape = {"fixed": [1, 2 * cells, channels], "flat": [-1, channels], "computed": [-1, channels]}[layout]
    tail = numpy_helper.from_array(np.array(shape, np.int64), f"{name}_tail")
    if layout == "flat":
        return nodes, [*constants, numpy_helper.from_array(np.array(shape, np.int64), f"{name}_shape")]
    if layout == "fixed":
        return [helper.make_node("Constant", [], [f"{name}_shape"], value=tail), *nodes], constants
    counting = [
        helper.make_node("Shape", [f"{name}_map"], [f"{name}_dims"]),
        helper.make_node("Slice", [f"{name}_dims", "zero", "one"], [f"{name}_batch"]),
        helper.make_node("Concat", [f"{name}_batch", f"{name}_tail"], [f"{name}_shape"], axis=0),
    ]
    return [nodes[0], *counting, *nodes[1:]], [*constants, tail]


def fake_scrfd(
    path: Path, layout: str, order: list[int] | None = None, *, roles: tuple[str, ...] = tuple(CHANNELS)
) -> Path:
    """Writes a network with an SCRFD's outputs that detects cells of one colour as faces."""
    nodes: list[Any] = []
    outputs: list[Any] = []
    constants = [numpy_helper.from_array(np.array([n], np.int64), name) for n, name in ((0, "zero"), (1, "one"))]
    for role in roles:
        for stride in (8, 16, 32):
            more_nodes, more_constants = head(role, stride, layout)
            nodes, constants = nodes + more_nodes, constants + more_constants
            rows = 2 * (FIXED_PX // stride) ** 2
            shape = [rows, CHANNELS[role]] if layout == "flat" else [1, rows, CHANNELS[role]]
            outputs.append(helper.make_tensor_value_info(f"{role}_{stride}", TensorProto.FLOAT, shape))
    outputs = [outputs[i] for i in order or range(len(outputs))]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, FIXED_PX, FIXED_PX])
    graph = helper.make_graph(nodes, "fake", [images], outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8), path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return fake_scrfd(tmp_path / "fake.onnx", "fixed")


def drawn_image(*blocks: tuple[int, int, int, tuple[int, int, int]], hw: tuple[int, int] = (64, 64)) -> ImageArray:
    """Black, with squares (x, y, side, BGR)."""
    image = np.zeros((*hw, 3), np.uint8)
    for x, y, side, colour in blocks:
        image[y : y + side, x : x + side] = colour
    return image


def assert_same(a: Faces, b: Faces) -> None:
    np.testing.assert_allclose(a.boxes, b.boxes, atol=1e-4)
    np.testing.assert_allclose(a.scores, b.scores, atol=1e-6)
    np.testing.assert_allclose(a.landmarks, b.landmarks, atol=1e-4)


@pytest.mark.parametrize(
    ("frame_hw", "longest", "margin", "expected"),
    [
        ((1080, 1920), 640, 0.0, Canvas(640, 384, (640, 360), 1 / 3)),  # 640 x 360, then whole cells of 32
        ((640, 640), 640, 0.0, Canvas(640, 640, (640, 640), 1.0)),
        ((1280, 720), 640, 0.0, Canvas(384, 640, (360, 640), 0.5)),
        ((100, 50), 640, 0.0, Canvas(128, 224, (100, 200), 2.0)),  # enlarged by max_upscale at most
        ((720, 720), 128, 0.25, Canvas(192, 192, (128, 128), 128 / 720, offset_px=32)),
        ((2, 4000), 640, 0.0, Canvas(640, 32, (640, 1), 0.16)),
    ],
)
def test_a_canvas_is_the_smallest_of_whole_cells(
    frame_hw: tuple[int, int], longest: int, margin: float, expected: Canvas
) -> None:
    assert Canvas.fit(frame_hw, longest, max_upscale=2.0, margin=margin) == expected


def test_a_canvas_shows_the_frame_at_its_offset_and_black_around() -> None:
    canvas = Canvas.fit((40, 60), 30, max_upscale=2.0, margin=0.5)
    planes = canvas.blank(2)
    assert planes.shape == (2, 3, 64, 64)  # 20 + 2 x 15 by 30 + 2 x 15, padded
    canvas.draw(np.full((40, 60, 3), (10, 77, 200), np.uint8), planes[1])
    expected = np.zeros((3, 64, 64))
    expected[:, 15:35, 15:45] = np.array([200, 77, 10])[:, None, None]
    np.testing.assert_array_equal(planes[1], ((expected - 127.5) / 128).astype(np.float32))
    assert np.all(planes[0] == planes[0, 0, 0, 0])


def test_canvas_points_are_mapped_back_to_the_frame() -> None:
    canvas = Canvas.fit((1080, 1920), 128, max_upscale=2.0, margin=0.25)
    points = np.random.default_rng(0).uniform(-100, 2000, (7, 5, 2)).astype(np.float32)
    on_canvas = (points * (128 / 1920) + 32).astype(np.float32)
    np.testing.assert_allclose(canvas.to_frame(on_canvas), points, atol=1e-2)
    assert canvas.to_frame(on_canvas).dtype == np.float32


@pytest.mark.parametrize(
    ("block", "box", "points"),
    [
        # anchor at 40, 24: left 1, top 2, right 3, bottom 4 cells of 8
        ((40, 24, 8, RED), [32, 8, 64, 56], [[36, 20], [44, 20], [40, 24], [36, 28], [44, 28]]),
        # the second anchor of the same cell: 2 cells in each direction
        ((40, 24, 8, BLUE), [24, 8, 56, 40], [[32, 16], [48, 16], [40, 24], [32, 32], [48, 32]]),
        # anchor at 32, 16 and cells of 16: a box may extend beyond the frame
        ((32, 16, 16, GREEN), [16, -16, 80, 80], [[24, 8], [40, 8], [32, 16], [24, 24], [40, 24]]),
    ],
)
@pytest.mark.parametrize("zoom", [1, 2, 10])
def test_a_known_cell_is_decoded_to_known_pixels_of_the_frame(
    model: Path, block: Any, box: list[int], points: list[list[int]], zoom: int
) -> None:
    x, y, side, colour = block
    frame = drawn_image((x * zoom, y * zoom, side * zoom, colour), hw=(64 * zoom, 96 * zoom))
    (faces,) = ScrfdDetector(model, ScrfdOptions(input_px=96, wide_px=0)).detect([frame])
    np.testing.assert_allclose(faces.boxes, np.array([box]) * zoom, atol=1e-3)
    np.testing.assert_allclose(faces.landmarks, np.array([points]) * zoom, atol=1e-3)
    np.testing.assert_allclose(faces.scores, [SURE], atol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_layout_and_the_order_of_the_outputs_do_not_matter(
    model: Path, tmp_path: Path, layout: str, shuffled: bool
) -> None:
    order = np.random.default_rng(0).permutation(9).tolist() if shuffled else None
    other = fake_scrfd(tmp_path / "other.onnx", layout, order)
    frame = drawn_image((8, 8, 8, RED), (48, 32, 8, BLUE), (0, 32, 16, GREEN), hw=(64, 96))
    options = ScrfdOptions(input_px=96, wide_px=0)
    (expected,) = ScrfdDetector(model, options).detect([frame])
    (found,) = ScrfdDetector(other, options).detect([frame])
    assert len(found) == 3
    assert_same(found, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frame_has_the_same_faces_alone_as_in_a_batch(tmp_path: Path, layout: str) -> None:
    detector = ScrfdDetector(fake_scrfd(tmp_path / "fake.onnx", layout), ScrfdOptions(input_px=96, wide_px=64))
    rng, frames = np.random.default_rng(0), []
    for _ in range(5):
        x, y = rng.integers(0, 8, 2) * 8
        frames.append(drawn_image((x, y, 8, RED), (80, 32, 8, BLUE), (32, 16, 16, GREEN), hw=(64, 96)))
    together = detector.detect([*frames, drawn_image(hw=(64, 96))])
    assert len(together[-1]) == 0
    for frame, faces in zip(frames, together, strict=False):
        assert len(faces) >= 2
        assert_same(faces, detector.detect([frame])[0])


def test_frames_of_another_size_are_independent_of_earlier_frames(model: Path) -> None:
    detector = ScrfdDetector(model, ScrfdOptions(input_px=96, wide_px=64))
    frames = [
        drawn_image((8, 8, 8, RED), hw=(64, 96)),
        drawn_image(hw=(96, 64)),
        drawn_image(hw=(64, 96)),
        drawn_image(hw=(60, 90)),
    ]
    assert [len(detector.detect([frame])[0]) > 0 for frame in frames] == [True, False, False, False]


def test_a_shrunk_frame_has_faces_in_original_pixels(model: Path) -> None:
    detector = ScrfdDetector(model, ScrfdOptions(input_px=96, wide_px=64))
    frame = drawn_image((40, 24, 8, RED), hw=(64, 96)).repeat(3, axis=0).repeat(3, axis=1)
    assert detector.input_wh((192, 288)) == (96, 64)
    (whole,) = detector.detect([frame])
    (shrunk,) = detector.detect([np.ascontiguousarray(frame[::3, ::3])], (192, 288))
    assert_same(shrunk, whole)


def test_parts_are_detected_without_scaling(model: Path) -> None:
    part = drawn_image((24, 40, 8, RED))
    detector = ScrfdDetector(model, ScrfdOptions(input_px=192))
    assert detector.detect_parts([]) == []
    found = detector.detect_parts([part] * 5)
    assert [len(faces) for faces in found] == [1] * 5
    assert_same(found[4], ScrfdDetector(model, PLAIN).detect([part])[0])


def test_the_input_size_of_a_small_frame_is_its_own(model: Path) -> None:
    assert ScrfdDetector(model, ScrfdOptions(input_px=640)).input_wh((100, 50)) == (50, 100)


def test_of_two_overlapping_faces_the_one_with_the_higher_score_is_kept(model: Path) -> None:
    frame = drawn_image((16, 16, 8, (0, 0, 240)), (24, 16, 8, RED))  # boxes of 32 px, 8 px apart: overlap 0.6
    (one,) = ScrfdDetector(model, PLAIN).detect([frame])
    np.testing.assert_allclose(one.boxes, [[16, 0, 48, 48]], atol=1e-3)
    (both,) = ScrfdDetector(model, ScrfdOptions(input_px=64, wide_px=0, max_overlap=0.61)).detect([frame])
    assert both.boxes[:, 0].round().tolist() == [16, 8]  # best first


def test_a_face_below_the_minimum_score_is_dropped(model: Path) -> None:
    frame = drawn_image((16, 16, 8, RED))
    assert len(ScrfdDetector(model, ScrfdOptions(64, wide_px=0, min_score=SURE + 0.01)).detect([frame])[0]) == 0
    assert len(ScrfdDetector(model, ScrfdOptions(64, wide_px=0, min_score=SURE - 0.01)).detect([frame])[0]) == 1


@pytest.mark.parametrize(
    ("wide_px", "min_height", "red", "adds"),
    [(64, 0.5, 120, True), (64, 0.8, 120, False), (0, 0.5, 120, False), (64, 0.5, 130, False)],
)
def test_the_second_pass_adds_only_large_faces_and_only_without_a_sure_one(
    model: Path, wide_px: int, min_height: float, red: int, adds: bool
) -> None:
    frame = drawn_image((32, 32, 16, (0, 0, red)), hw=(128, 128))  # 128 is a score of 0.5
    options = ScrfdOptions(input_px=128, min_score=0.4, wide_px=wide_px, wide_min_height=min_height)
    (faces,) = ScrfdDetector(model, options).detect([frame])
    # halved and shifted by 16 px, the block is the cell at 32, 32: its box of 32 x 48 px is 64 x 96 px in the frame
    expected = [[24, 16, 56, 64], [16, 0, 80, 96]] if adds else [[24, 16, 56, 64]]
    np.testing.assert_allclose(sorted(faces.boxes.tolist(), reverse=True), expected, atol=1e-3)


def test_each_frame_of_a_batch_gets_a_second_pass_if_it_needs_one(model: Path) -> None:
    frames = [drawn_image((32, 32, 16, (0, 0, red)), hw=(128, 128)) for red in (120, 130, 0, 120)]
    detector = ScrfdDetector(model, ScrfdOptions(input_px=128, min_score=0.4, wide_px=64, wide_min_height=0.5))
    together = detector.detect(frames)
    assert [len(faces) for faces in together] == [2, 1, 0, 2]
    for frame, faces in zip(frames, together, strict=True):
        assert_same(faces, detector.detect([frame])[0])


def test_no_frames_give_no_faces(model: Path) -> None:
    assert ScrfdDetector(model).detect([]) == []


def test_frames_of_different_sizes_or_of_floats_are_refused(model: Path) -> None:
    detector = ScrfdDetector(model)
    with pytest.raises(ValueError, match=r"image must have shape \(64, 64, 3\), got \(64, 96, 3\)"):
        detector.detect([drawn_image(), drawn_image(hw=(64, 96))])
    with pytest.raises(TypeError, match="image must be uint8, got float32"):
        detector.detect([drawn_image().astype(np.float32)])


def test_a_network_without_landmarks_is_refused_and_its_outputs_are_named(tmp_path: Path) -> None:
    path = fake_scrfd(tmp_path / "no_kps.onnx", "fixed", roles=("score", "bbox"))
    with pytest.raises(ValueError, match=r"expected scores, boxes and landmarks .* got outputs \[\(2, 192, 1\)"):
        ScrfdDetector(path)


def test_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    crop = helper.make_tensor_value_info("crop", TensorProto.FLOAT, [1, 3, 8, 8])
    gender = helper.make_tensor_value_info("gender", TensorProto.FLOAT, [1, 2])
    weights = numpy_helper.from_array(np.zeros((192, 2), np.float32), "w")
    nodes = [helper.make_node("Flatten", ["crop"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["gender"])]
    graph = helper.make_graph(nodes, "gender", [crop], [gender], [weights])
    path = tmp_path / "gender.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8), path)
    with pytest.raises(ValueError, match=r"not an SCRFD|cannot"):
        ScrfdDetector(path)


@pytest.mark.parametrize("content", [b"not a network\n", b"", None])
def test_a_file_that_is_not_an_onnx_model_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "notes.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"notes\.txt is not an ONNX model"):
        ScrfdDetector(path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_score": 1.5}, r"min_score must be in \[0, 1\], got 1.5"),
        ({"max_overlap": -0.1}, r"max_overlap must be in \[0, 1\], got -0.1"),
        ({"input_px": 16}, "input_px must be >= 32"),
        ({"wide_px": -1}, "wide_px >= 0"),
    ],
)
def test_an_option_outside_its_range_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScrfdOptions(**wrong)


def test_a_pickled_detector_needs_no_file(model: Path) -> None:
    frame = drawn_image((8, 8, 8, RED))
    detector = ScrfdDetector(model, PLAIN)
    content = pickle.dumps(detector)
    model.unlink()
    (expected,), (found,) = detector.detect([frame]), pickle.loads(content).detect([frame])
    assert len(found) == 1
    assert_same(found, expected)


def test_a_deferred_network_is_loaded_when_it_is_used(model: Path) -> None:
    frame, detector = drawn_image((8, 8, 8, RED)), ScrfdDetector(model, PLAIN, is_deferred=True)
    assert_same(detector.detect([frame])[0], ScrfdDetector(model, PLAIN).detect([frame])[0])


def test_errors_of_a_deferred_network_come_with_its_first_use(tmp_path: Path) -> None:
    detector = ScrfdDetector(tmp_path / "missing.onnx", PLAIN, is_deferred=True)
    with pytest.raises(ValueError, match="not an ONNX model"):
        detector.detect([drawn_image()])
