from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from prepared_squares import prepared

from facetally.detection.training.assignment import anchor_centres
from facetally.detection.training.augment import Sample
from facetally.detection.training.batches import Collator, DrawnSquare, EpochSquares, dense, drawn, epoch_order
from facetally.detection.training.mirroring import mirrored_anchors
from facetally.detection.training.prepared import PreparedSquare, SparsePredictions
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import SceneKind

BOXES = np.array([[40.0, 30, 72, 70]], np.float32)


def batch_of(boxes: np.ndarray, ignored: list[bool]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    sample = Sample(np.zeros((128, 128, 3), np.uint8), boxes, np.array(ignored, bool))
    predictions = dense(SparsePredictions.empty(), 128)
    square = DrawnSquare(sample, True, predictions, torch.zeros_like(predictions.scores, dtype=torch.bool))
    targets = Collator(128)([square]).targets
    return targets.positive[0], targets.ignored[0], targets.boxes[0]


def orders(kinds: str, epochs: int, epoch_scenes: int) -> list[list[int]]:
    """The epochs' rows of scenes that are labelled (L), unlabelled (T, for "taught") or faceless (F)."""
    by_letter: dict[str, SceneKind] = {"L": "labelled", "T": "taught", "F": "faceless"}
    names = [by_letter[letter] for letter in kinds]
    recipe = ScrfdRecipe(epoch_scenes=epoch_scenes, shares=(("labelled", 0.5), ("taught", 0.4), ("faceless", 0.1)))
    return [epoch_order(names, recipe, seed=0, epoch=epoch).tolist() for epoch in range(epochs)]


def test_over_the_epochs_all_scenes_are_equally_frequent() -> None:
    rows = [row for epoch in orders("L" * 10, epochs=5, epoch_scenes=4) for row in epoch]
    assert sorted(rows) == sorted([*range(10), *range(10)])
    assert rows[:10] != rows[10:]


def test_an_epoch_may_be_longer_than_the_list_of_scenes() -> None:
    assert sorted(orders("LLL", epochs=1, epoch_scenes=6)[0]) == [0, 0, 1, 1, 2, 2]


def test_each_kind_has_its_share_even_with_few_scenes() -> None:
    (rows,) = orders("LTTTTTTTTFF", epochs=1, epoch_scenes=20)
    assert [sum(row in kind for row in rows) for kind in ({0}, range(1, 9), {9, 10})] == [10, 8, 2]


def test_shares_of_kinds_without_scenes_go_to_the_others() -> None:
    (rows,) = orders("LF", epochs=1, epoch_scenes=12)
    assert sorted(rows) == [0] * 10 + [1] * 2
    assert sorted(orders("TTTT", epochs=1, epoch_scenes=4)[0]) == [0, 1, 2, 3]


def test_the_distances_of_every_positive_anchor_give_its_box() -> None:
    positive, _, distances = batch_of(BOXES, [False])
    centres = anchor_centres(128, 128)
    at, stride, own = centres[positive][:, :2], centres[positive][:, 2:], distances[positive]
    assert positive.any()
    boxes = torch.cat([at - own[:, :2] * stride, at + own[:, 2:] * stride], dim=1)
    assert boxes.numpy() == pytest.approx(np.repeat(BOXES, len(boxes), axis=0), abs=1e-3)


def test_anchors_inside_an_ignored_face_are_ignored() -> None:
    positive, ignored, _ = batch_of(BOXES, [True])
    centres = anchor_centres(128, 128)
    inside = (centres[:, 0] >= 40) & (centres[:, 0] < 72) & (centres[:, 1] >= 30) & (centres[:, 1] < 70)
    assert not positive.any()
    assert ignored[inside].all()
    assert not ignored.all()


def test_a_face_within_an_ignored_one_has_positive_anchors() -> None:
    positive, ignored, _ = batch_of(np.concatenate([BOXES, [[0, 0, 128, 128]]]).astype(np.float32), [False, True])
    assert positive.any()
    assert not (positive & ignored).any()


def test_a_square_depends_only_on_seed_epoch_and_position(tmp_path: Path) -> None:
    recipe = ScrfdRecipe(size_px=96, epoch_scenes=6)
    shards = prepared(tmp_path, recipe, count=4).shards(1)
    one, two = (EpochSquares(shards, recipe, 3, epoch=1, start=start)[5 - start] for start in (0, 2))
    assert np.array_equal(one.sample.image, two.sample.image)


def test_other_epochs_draw_other_versions(tmp_path: Path) -> None:
    recipe = ScrfdRecipe(size_px=96, epoch_scenes=1)
    shards = prepared(tmp_path, recipe, count=1).shards(1)
    one, two = (EpochSquares(shards, recipe, 3, epoch=epoch)[0] for epoch in range(2))
    assert not np.array_equal(one.sample.image, two.sample.image)


def test_the_teachers_predictions_are_mirrored_with_the_image() -> None:
    recipe = ScrfdRecipe(size_px=128)
    mirror_of, has_mirror = mirrored_anchors(128)
    anchor = 2 * (16 * 3 + 5)  # of stride 8, in the fourth row and the sixth column
    shape = np.arange(14, dtype=np.float16)[None]
    predictions = SparsePredictions(np.array([anchor], np.uint16), np.array([0.5], np.float16), shape)
    sample = Sample(np.zeros((128, 128, 3), np.uint8), BOXES, np.zeros(1, bool))
    rngs = (np.random.default_rng(seed) for seed in range(8))
    versions = [drawn(PreparedSquare("labelled", sample, predictions), recipe, rng) for rng in rngs]
    columns = set()
    for version in versions:
        (row,) = version.predictions.scores[0].nonzero()[:, 0].tolist()
        columns.add(row // 2 % 16)
        is_mirrored = row != anchor
        assert row == (mirror_of[anchor] if is_mirrored else anchor)
        assert version.predictions.boxes[0, row].tolist() == ([2, 1, 0, 3] if is_mirrored else [0, 1, 2, 3])
        points = [-6, 7, -4, 5, -8, 9, -12, 13, -10, 11] if is_mirrored else list(range(4, 14))
        assert version.predictions.points[0, row].tolist() == points
        assert torch.equal(version.is_unknown[0], ~has_mirror if is_mirrored else torch.zeros_like(has_mirror))
    assert columns == {5, 11}
