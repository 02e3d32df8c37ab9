from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from drawn_scenes import drawn_scenes

from facetally.detection.training.assignment import anchor_centres
from facetally.detection.training.augment import Sample
from facetally.detection.training.batches import Collator, EpochScenes, epoch_order
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import SceneKind

BOXES = np.array([[40.0, 30, 72, 70]], np.float32)


def batch_of(boxes: np.ndarray, ignored: list[bool]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    sample = Sample(np.zeros((128, 128, 3), np.uint8), boxes, np.array(ignored, bool))
    targets = Collator(128)([(sample, True)]).targets
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


def test_a_sample_depends_only_on_seed_epoch_and_position() -> None:
    recipe = ScrfdRecipe(size_px=96, epoch_scenes=6)
    one, two = (EpochScenes(drawn_scenes(4), recipe, seed=3, epoch=1)[5][0] for _ in range(2))
    assert np.array_equal(one.image, two.image)


def test_other_epochs_draw_other_versions() -> None:
    recipe = ScrfdRecipe(size_px=96, epoch_scenes=1)
    scenes = drawn_scenes(1)
    one, two = (EpochScenes(scenes, recipe, seed=3, epoch=epoch)[0][0] for epoch in range(2))
    assert not np.array_equal(one.image, two.image)
