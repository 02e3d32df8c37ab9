from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from drawn_scenes import drawn_scene, drawn_scenes
from prepared_squares import prepared_from, sources

from facetally.detection.training.losses import TeacherPredictions
from facetally.detection.training.prepared import SquareStore
from facetally.detection.training.preparing import TestPictures, prepare, sparse
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import Scene

RECIPE = ScrfdRecipe(size_px=96)
BOX = np.array([[50.0, 40, 90, 90]], np.float32)


class DrawnTeacher:
    """Finds a face in images with bright pixels: at the anchors with even numbers, with the score 0.5."""

    def predictions(self, images: torch.Tensor) -> TeacherPredictions:
        count = 2 * (12 * 12 + 6 * 6 + 3 * 3)
        scores = torch.zeros(len(images), count)
        scores[(images > 200).flatten(1).any(dim=1), ::2] = 0.5
        return TeacherPredictions(scores, torch.ones(len(images), count, 4), torch.zeros(len(images), count, 10))


def test_squares_come_back_as_they_were_written(tmp_path: Path) -> None:
    store = prepared_from(drawn_scenes(3), tmp_path, RECIPE, teacher=DrawnTeacher(), shard_squares=5)  # type: ignore[arg-type]
    assert store.shard_count() == 3
    shards = store.shards(3)
    assert [len(shard) for shard in shards] == [5, 5, 2]
    for shard in shards:
        for row in range(len(shard)):
            square = shard.square(row)
            assert square.kind == "labelled"
            assert square.sample.image.shape == (96, 96, 3)
            assert square.sample.boxes.shape == (len(square.sample.is_ignored), 4)
            assert set(square.predictions.scores.tolist()) == {0.5}
            assert square.predictions.shapes.shape == (len(square.predictions.anchors), 14)


def test_an_interrupted_preparation_continues_with_the_same_squares(tmp_path: Path) -> None:
    whole = prepared_from(drawn_scenes(4), tmp_path / "whole", RECIPE, shard_squares=8)
    parts = prepare(sources(drawn_scenes(4)), tmp_path / "parts", RECIPE, seed=0, passes=1, shard_squares=8)
    assert next(parts) == (1, 2)
    parts.close()  # type: ignore[attr-defined]  # it is a generator
    resumed = prepared_from(drawn_scenes(4), tmp_path / "parts", RECIPE, shard_squares=8)
    for one, other in zip(whole.shards(2), resumed.shards(2), strict=True):
        assert np.array_equal(one.square(7).sample.image, other.square(7).sample.image)


def test_further_passes_are_added_after_the_first(tmp_path: Path) -> None:
    assert prepared_from(drawn_scenes(2), tmp_path, RECIPE, shard_squares=8).shard_count() == 1
    assert prepared_from(drawn_scenes(2), tmp_path, RECIPE, shard_squares=8, passes=3).shard_count() == 3


def test_unlabelled_squares_without_a_face_are_left_out(tmp_path: Path) -> None:
    scenes = [replace(drawn_scene(BOX), is_labelled=False), drawn_scene(BOX[:0]), drawn_scene(BOX)]
    dark = replace(drawn_scene(BOX[:0]), is_labelled=False)
    store = prepared_from([*scenes, dark, dark], tmp_path, RECIPE, teacher=DrawnTeacher())  # type: ignore[arg-type]
    kinds = store.shards(1)[0].kinds
    assert kinds.count("faceless") == 1 and kinds.count("labelled") == 4 and kinds.count("taught") <= 1


def test_images_that_cannot_be_decoded_are_left_out(tmp_path: Path) -> None:
    store = prepared_from([*drawn_scenes(1), Scene("a", b""), Scene("b", b"no image")], tmp_path, RECIPE)
    assert len(store.shards(1)[0]) == 4


def test_an_incomplete_shard_is_not_read(tmp_path: Path) -> None:
    prepared_from(drawn_scenes(4), tmp_path, RECIPE, shard_squares=8)
    (tmp_path / "0001.npz").unlink()
    assert SquareStore(tmp_path).shard_count() == 1


def test_test_images_are_recognised_at_another_size_and_compression() -> None:
    images = [cv2.GaussianBlur(scene.image_bgr(), (0, 0), 9) for scene in drawn_scenes(6)]
    known = TestPictures(iter(np.asarray(image, np.uint8) for image in images[:3]))
    smaller = [cv2.imdecode(cv2.imencode(".jpg", cv2.resize(image, (90, 70)))[1], 1) for image in images]
    assert [known.have(np.asarray(image, np.uint8)) for image in smaller] == [True] * 3 + [False] * 3


def test_scores_of_about_zero_and_uncertain_boxes_are_not_stored() -> None:
    scores = torch.tensor([[0.001, 0.1, 0.9]])
    (found,) = sparse(TeacherPredictions(scores, torch.ones(1, 3, 4), torch.zeros(1, 3, 10)))
    assert found.anchors.tolist() == [1, 2]
    assert found.scores.tolist() == pytest.approx([0.1, 0.9], abs=1e-3)
    assert found.shapes.shape == (1, 14)
