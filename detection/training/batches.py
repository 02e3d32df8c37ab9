"""Batches of prepared squares: order, augmentation and targets, the same in every process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.data import Dataset

from facetally.detection.training.assignment import anchor_boxes, anchor_centres, assign, iou_matrix
from facetally.detection.training.augment import Sample, degrade, mirrored, relight
from facetally.detection.training.losses import AnchorTargets, TeacherPredictions
from facetally.detection.training.mirroring import mirrored_anchors, mirrored_predictions
from facetally.detection.training.prepared import SHAPE_SCORE, SHAPE_WIDTH, PreparedSquare, Shard, SparsePredictions
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import SceneKind

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
    predictions: TeacherPredictions
    """The teacher's, 0 at the anchors where its score is about zero."""
    is_unknown: torch.Tensor
    """(B, n) bool: anchors without a prediction."""


@dataclass(frozen=True)
class DrawnSquare:
    """One random version of a prepared square."""

    sample: Sample
    is_labelled: bool
    predictions: TeacherPredictions
    """Of one image."""
    is_unknown: torch.Tensor
    """(1, n) bool."""


class EpochSquares(Dataset[DrawnSquare]):
    """The augmented squares of one epoch, in order, from position `start` on."""

    def __init__(self, shards: Sequence[Shard], recipe: ScrfdRecipe, seed: int, *, epoch: int, start: int = 0) -> None:
        self._shards, self._recipe, self._seed, self._start = shards, recipe, (seed, epoch), start
        self._places = [(shard, row) for shard in shards for row in range(len(shard))]
        kinds = [kind for shard in shards for kind in shard.kinds]
        self._order = epoch_order(kinds, recipe, seed=seed, epoch=epoch)

    def __len__(self) -> int:
        return len(self._order) - self._start

    def __getitem__(self, index: int) -> DrawnSquare:
        position = self._start + index
        shard, row = self._places[self._order[position]]
        return drawn(shard.square(row), self._recipe, np.random.default_rng([*self._seed, position]))


def drawn(square: PreparedSquare, recipe: ScrfdRecipe, rng: np.random.Generator) -> DrawnSquare:
    """Draws one random version: mirrored or not, with other light, and degraded to video quality."""
    sample, predictions = square.sample, dense(square.predictions, recipe.size_px)
    is_unknown = torch.zeros_like(predictions.scores, dtype=torch.bool)
    if rng.random() < recipe.augment.mirror_prob:
        sample, predictions = mirrored(sample), mirrored_predictions(predictions, recipe.size_px)
        is_unknown = ~mirrored_anchors(recipe.size_px)[1][None]
    sample = replace(sample, image=degrade(relight(sample.image, recipe.augment, rng), recipe.augment, rng))
    return DrawnSquare(sample, square.kind != "taught", predictions, is_unknown)


def dense(predictions: SparsePredictions, size_px: int) -> TeacherPredictions:
    """The predictions at all anchors, for one image."""
    count = len(mirrored_anchors(size_px)[0])
    scores, shapes = np.zeros((1, count), np.float32), np.zeros((1, count, SHAPE_WIDTH), np.float32)
    scores[0, predictions.anchors] = predictions.scores
    shapes[0, predictions.anchors[predictions.scores >= SHAPE_SCORE]] = predictions.shapes
    boxes, points = torch.from_numpy(shapes[..., :4]), torch.from_numpy(shapes[..., 4:])
    return TeacherPredictions(torch.from_numpy(scores), boxes, points)


def epoch_order(kinds: Sequence[SceneKind], recipe: ScrfdRecipe, *, seed: int, epoch: int) -> np.ndarray:
    """(recipe.epoch_scenes,) shuffled rows of squares of these kinds, in the recipe's shares.

    Passes over each kind continue from epoch to epoch, so that all of its squares are equally frequent.
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
    """Makes batches of squares of one size."""

    def __init__(self, size_px: int) -> None:
        self._centres = anchor_centres(size_px, size_px)
        self._anchors = anchor_boxes(self._centres)

    def __call__(self, squares: Sequence[DrawnSquare]) -> SceneBatch:
        rows = [self._targets(square.sample) for square in squares]
        positive, ignored, boxes = (torch.stack(parts) for parts in zip(*rows, strict=True))
        own = [square.predictions for square in squares]
        return SceneBatch(
            torch.from_numpy(np.stack([square.sample.image for square in squares])),
            AnchorTargets(positive, ignored, boxes),
            torch.tensor([square.is_labelled for square in squares]),
            TeacherPredictions(
                *(torch.cat([getattr(part, name) for part in own]) for name in ("scores", "boxes", "points"))
            ),
            torch.cat([square.is_unknown for square in squares]),
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
