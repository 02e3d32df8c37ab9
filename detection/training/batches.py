"""Batches of scenes: order, augmentation and targets, the same in every process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from facetally.detection.training.assignment import anchor_boxes, anchor_centres, assign, iou_matrix
from facetally.detection.training.augment import Sample, augment
from facetally.detection.training.losses import AnchorTargets
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import Scene, SceneKind

IGNORED_OVERLAP = 0.3
"""Anchors that overlap an ignored face by at least this (intersection over union) are ignored."""


@dataclass(frozen=True)
class SceneBatch:
    """B square images and their targets."""

    images: torch.Tensor
    """(B, S, S, 3) uint8 BGR."""
    targets: AnchorTargets
    is_labelled: torch.Tensor
    """(B,) bool; the targets of unlabelled images have no meaning."""


class EpochScenes(Dataset[tuple[Sample, bool]]):
    """The augmented scenes of one epoch, in order."""

    def __init__(self, scenes: Sequence[Scene], recipe: ScrfdRecipe, seed: int, *, epoch: int) -> None:
        self._scenes, self._recipe, self._seed = scenes, recipe, (seed, epoch)
        self._order = epoch_order([scene.kind for scene in scenes], recipe, seed=seed, epoch=epoch)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, position: int) -> tuple[Sample, bool]:
        scene = self._scenes[self._order[position]]
        rng = np.random.default_rng([*self._seed, position])
        return augment(scene, self._recipe.size_px, options=self._recipe.augment, rng=rng), scene.is_labelled


def epoch_order(kinds: Sequence[SceneKind], recipe: ScrfdRecipe, *, seed: int, epoch: int) -> np.ndarray:
    """(recipe.epoch_scenes,) shuffled rows of scenes of these kinds, in the recipe's shares.

    Passes over each kind continue from epoch to epoch, so that all of its scenes are equally frequent.
    """
    rows = {kind: np.flatnonzero(np.asarray(kinds) == kind) for kind, _ in recipe.shares}
    present = [(kind, share) for kind, share in recipe.shares if len(rows[kind])]
    edges = np.cumsum([0.0, *(share for _, share in present)])
    ends = np.round(edges / edges[-1] * recipe.epoch_scenes).astype(int)
    parts = [
        _pass_part(rows[kind], count, seed=seed, epoch=epoch)
        for (kind, _), count in zip(present, np.diff(ends), strict=True)
    ]
    return np.random.default_rng([seed, epoch]).permutation(np.concatenate(parts))


def _pass_part(rows: np.ndarray, count: int, *, seed: int, epoch: int) -> np.ndarray:
    """(count,) rows: the epoch's part of consecutive shuffled passes over all of them."""
    start, total = epoch * count, len(rows)
    passes = range(start // total, (start + count - 1) // total + 1)
    order = np.concatenate([np.random.default_rng([seed, number]).permutation(rows) for number in passes])
    return order[start - passes[0] * total :][:count]


class Collator:
    """Makes batches of samples of one size."""

    def __init__(self, size_px: int) -> None:
        self._centres = anchor_centres(size_px, size_px)
        self._anchors = anchor_boxes(self._centres)

    def __call__(self, samples: Sequence[tuple[Sample, bool]]) -> SceneBatch:
        rows = [self._targets(sample) for sample, _ in samples]
        positive, ignored, boxes = (torch.stack(parts) for parts in zip(*rows, strict=True))
        return SceneBatch(
            torch.from_numpy(np.stack([sample.image for sample, _ in samples])),
            AnchorTargets(positive, ignored, boxes),
            torch.tensor([is_labelled for _, is_labelled in samples]),
        )

    def _targets(self, sample: Sample) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(n,) positive, (n,) ignored, (n, 4) distances in strides."""
        boxes, is_ignored = torch.from_numpy(sample.boxes), torch.from_numpy(sample.is_ignored)
        faces, ignored_faces = boxes[~is_ignored], boxes[is_ignored]
        owner = assign(self._centres, self._anchors, faces)
        positive = owner >= 0
        own = faces[owner.clamp(min=0)] if len(faces) else torch.zeros(len(owner), 4)
        at, stride = self._centres[:, :2], self._centres[:, 2:]
        distances = torch.cat([at - own[:, :2], own[:, 2:] - at], dim=1) / stride
        overlaps_ignored = (iou_matrix(self._anchors, ignored_faces) >= IGNORED_OVERLAP).any(dim=1)
        ignored = overlaps_ignored | self._inside(ignored_faces)
        return positive, ignored & ~positive, distances

    def _inside(self, boxes: torch.Tensor) -> torch.Tensor:
        """(n,) whether the anchor's cell is inside any of the boxes."""
        at = self._centres[:, None, :2]
        return ((at >= boxes[None, :, :2]) & (at < boxes[None, :, 2:])).all(dim=2).any(dim=1)
