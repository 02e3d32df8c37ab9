from __future__ import annotations

import tracemalloc

import numpy as np

from facetally.detection import boxes as geometry
from facetally.detection.faces import FloatArray


def boxes(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, np.float32).reshape(-1, 4)


def scores(*values: float) -> FloatArray:
    return np.array(values, np.float32)


def test_widths_heights_areas_centres_and_sizes_of_a_known_box() -> None:
    box = boxes((10, 20, 14, 29))
    assert geometry.widths(box).tolist() == [4]
    assert geometry.heights(box).tolist() == [9]
    assert geometry.areas(box).tolist() == [36]
    assert geometry.centres(box).tolist() == [[12, 24.5]]
    assert geometry.sizes(box).tolist() == [6]  # the square root of 4 x 9


def test_a_box_turned_inside_out_has_no_area() -> None:
    inside_out = boxes((10, 10, 5, 5))
    assert geometry.areas(inside_out).tolist() == [0]
    assert geometry.iou_matrix(inside_out, boxes((0, 0, 20, 20))).tolist() == [[0]]


def test_iou_by_hand() -> None:
    a = boxes((0, 0, 10, 10), (100, 100, 110, 110))
    b = boxes((0, 0, 10, 10), (5, 0, 15, 10), (2, 2, 7, 7), (10, 0, 20, 10))
    # identical; 50 shared of 150; 25 inside 100; touching edges
    expected = np.array([[1, 1 / 3, 0.25, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(geometry.iou_matrix(a, b), expected, atol=1e-6)


def test_iou_is_symmetric() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (2, 20, 2))
    a, b = (np.concatenate([c, c + rng.uniform(5, 50, (20, 2))], axis=1).astype(np.float32) for c in corners)
    forward, backward = geometry.iou_matrix(a, b), geometry.iou_matrix(b, a)
    assert 0 < forward.mean() < 1
    np.testing.assert_array_equal(forward, backward.T)


def test_suppression_keeps_the_best_of_overlapping_boxes_and_separate_ones_best_first() -> None:
    overlapping_and_separate = boxes((0, 0, 10, 10), (1, 0, 11, 10), (0, 1, 10, 11), (50, 50, 60, 60))
    kept = geometry.non_maximum_suppression(overlapping_and_separate, scores(0.6, 0.9, 0.7, 0.8), max_iou=0.4)
    assert kept.tolist() == [1, 3]


def test_of_equal_scores_the_lower_index_is_kept() -> None:
    pairs = boxes(*[(20 * n, 0, 20 * n + 10, 10) for n in range(50) for _ in range(2)])
    tied = np.repeat(np.random.default_rng(0).choice([0.5, 0.6, 0.7], 50), 2)
    kept = geometry.non_maximum_suppression(pairs, scores(*tied), max_iou=0.4)
    assert kept.tolist() == [i for score in (0.7, 0.6, 0.5) for i in range(0, 100, 2) if tied[i] == score]


def test_a_dropped_box_does_not_suppress_others() -> None:
    # each overlaps the next by 6 of 14 (0.43) and the one after by 2 of 18 (0.11)
    chain = boxes((0, 0, 10, 1), (4, 0, 14, 1), (8, 0, 18, 1))
    assert geometry.non_maximum_suppression(chain, scores(0.9, 0.8, 0.7), max_iou=0.4).tolist() == [0, 2]


def test_an_overlap_equal_to_the_limit_is_kept() -> None:
    quarter = boxes((0, 0, 10, 10), (2, 2, 7, 7))
    assert geometry.non_maximum_suppression(quarter, scores(0.9, 0.8), max_iou=0.25).tolist() == [0, 1]
    assert geometry.non_maximum_suppression(quarter, scores(0.9, 0.8), max_iou=0.24).tolist() == [0]


def test_suppression_of_many_boxes_needs_little_memory() -> None:
    corners = np.random.default_rng(0).uniform(0, 100, (20_000, 2)).astype(np.float32)
    many = np.concatenate([corners, corners + 60], axis=1)
    tracemalloc.start()
    kept = geometry.non_maximum_suppression(many, np.linspace(1, 0, len(many), dtype=np.float32), max_iou=0.4)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0 < len(kept) < 100
    assert peak_bytes < 20e6


def test_empty_arrays_are_allowed() -> None:
    none = boxes()
    assert geometry.iou_matrix(none, boxes((0, 0, 1, 1))).shape == (0, 1)
    assert geometry.centres(none).shape == (0, 2)
    kept = geometry.non_maximum_suppression(none, scores(), max_iou=0.4)
    assert (kept.shape, kept.dtype) == ((0,), np.dtype(np.int64))
