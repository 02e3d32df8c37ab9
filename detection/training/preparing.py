"""Prepares training squares: cuts clean squares from images, and lets a teacher predict each of them once.

The teacher sees every square undamaged and once more mirrored; in training, the student sees damaged versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from facetally.detection.training.augment import Sample, square_part
from facetally.detection.training.losses import TeacherPredictions
from facetally.detection.training.mirroring import averaged
from facetally.detection.training.prepared import SHAPE_SCORE, PreparedSquare, SparsePredictions, write_shard
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import ImageArray, Scene, SceneKind
from facetally.detection.training.teacher import Teacher

MIN_SCORE = 0.01
"""Predictions with a lower score are not stored: they count as 0."""
SHARD_SQUARES = 512
TOGETHER = 8
"""Squares of which the teacher predicts a batch."""
PER_PASS: dict[SceneKind, int] = {"labelled": 4, "taught": 1, "faceless": 1}
"""Squares of each image in one pass over all: fewest images have labels, and half of the training is with them."""
THUMBNAIL_PX = 16
SAME_PICTURE = 0.97
"""Correlation of thumbnails from which on two images are taken for the same."""


class TestPictures:
    """Thumbnails of the images that must not be trained on."""

    __test__ = False

    def __init__(self, images: Iterator[ImageArray]) -> None:
        self._thumbnails = np.stack([np.zeros(THUMBNAIL_PX**2, np.float32), *map(_thumbnail, images)])

    def have(self, image: ImageArray) -> bool:
        """Whether an image is one of them, at any size and compression."""
        return bool((self._thumbnails @ _thumbnail(image)).max() >= SAME_PICTURE)


def prepare(
    scenes: Sequence[tuple[SceneKind, Callable[[], Scene]]],
    folder: Path,
    recipe: ScrfdRecipe,
    *,
    seed: int,
    passes: int,
    teacher: Teacher | None = None,
    excluded: TestPictures | None = None,
    shard_squares: int = SHARD_SQUARES,
) -> Iterator[tuple[int, int]]:
    """Writes shards of squares, and yields (shards written, shards in all) after each; skips those that exist.

    A shard is determined by its number, so that an interrupted preparation continues. Images that cannot be decoded,
    and squares of unlabelled images in which the teacher finds no face, are left out: shards differ in size.

    Args:
        scenes: the kind of each image, and a function that reads it.
        folder: created if it does not exist.
        recipe: the size of the squares and how they are drawn.
        seed: of order and squares.
        passes: how often each image is cut.
        teacher: predicts all squares except those of faceless images; None: labels only.
        excluded: images to leave out.
        shard_squares: squares of a shard before any is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for row, (kind, _) in enumerate(scenes) for _ in range(PER_PASS[kind])]
    order = np.concatenate([np.random.default_rng([seed, number]).permutation(rows) for number in range(passes)])
    parts = [order[start : start + shard_squares] for start in range(0, len(order), shard_squares)]
    for number, part in enumerate(parts):
        if not (folder / f"{number:04}.npz").exists():
            samples = _samples([scenes[row] for row in part], recipe, seed=(seed, number), excluded=excluded)
            squares = list(_with_predictions(samples, teacher, recipe))
            write_shard(folder, number, squares)
        yield number + 1, len(parts)


def _samples(
    scenes: Sequence[tuple[SceneKind, Callable[[], Scene]]],
    recipe: ScrfdRecipe,
    *,
    seed: tuple[int, int],
    excluded: TestPictures | None,
) -> Iterator[tuple[SceneKind, Sample]]:
    for position, (kind, read) in enumerate(scenes):
        scene, rng = read(), np.random.default_rng([*seed, position])
        try:
            image = scene.image_bgr()
        except ValueError:
            continue
        if not (excluded and excluded.have(image)):
            yield kind, square_part(scene, recipe.size_px, options=recipe.augment, rng=rng, image=image)


def _with_predictions(
    samples: Iterator[tuple[SceneKind, Sample]], teacher: Teacher | None, recipe: ScrfdRecipe
) -> Iterator[PreparedSquare]:
    while batch := list(islice(samples, TOGETHER)):
        asked = [sample for kind, sample in batch if kind != "faceless"]
        found = iter(predicted(teacher, np.stack([sample.image for sample in asked])) if teacher and asked else [])
        for kind, sample in batch:
            predictions = next(found, SparsePredictions.empty()) if kind != "faceless" else SparsePredictions.empty()
            best = predictions.scores.max(initial=0)
            if kind != "taught" or best >= recipe.loss.teacher_score:
                yield PreparedSquare(kind, sample, predictions)


def predicted(teacher: Teacher, images: ImageArray) -> list[SparsePredictions]:
    """The teacher's predictions for (B, S, S, 3) uint8 BGR, the mean of the images' and their mirror images'."""
    both = [teacher.predictions(torch.from_numpy(np.ascontiguousarray(part))) for part in (images, images[:, :, ::-1])]
    return sparse(averaged(both[0], both[1], images.shape[1]))


def sparse(predictions: TeacherPredictions) -> list[SparsePredictions]:
    """The predictions for each image, without those whose score is about zero."""
    all_scores = predictions.scores.numpy().astype(np.float16)
    all_shapes = torch.cat([predictions.boxes, predictions.points], dim=2).numpy().astype(np.float16)
    found = []
    for scores, shapes in zip(all_scores, all_shapes, strict=True):
        anchors = np.flatnonzero(scores >= MIN_SCORE)
        found.append(SparsePredictions(anchors.astype(np.uint16), scores[anchors], shapes[scores >= SHAPE_SCORE]))
    return found


def _thumbnail(image: ImageArray) -> npt.NDArray[np.float32]:
    """(256,) grey values with mean 0 and length 1; all 0 for an image of one colour."""
    grey = cv2.cvtColor(cv2.resize(image, (THUMBNAIL_PX,) * 2, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    values = grey.astype(np.float32).flatten() - np.float32(grey.mean())
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), np.float32)
