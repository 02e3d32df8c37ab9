from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from drawn_faces import drawn_corpus

from facetally.gender.attributes import FloatArray, Gender
from facetally.gender.data.face_sets import middle
from facetally.gender.model.card import ModelCard
from facetally.gender.training.distillation import (
    BATCH_FACES,
    MIN_OTHER_PROB,
    TARGET_COLUMNS,
    distillation_targets,
)

CORPUS = drawn_corpus(BATCH_FACES + 6, 0, 0)


def teacher(card: ModelCard, size_px: int, class_names: tuple[Gender, Gender] = ("male", "female")) -> Any:
    """Its log-odds of "female" are the first pixel's red / 100, and its age in years is that pixel's green / 10."""

    def output(crops: np.ndarray) -> FloatArray:
        assert crops.shape[1:] == (size_px, size_px, 3)
        red, green = crops[:, 0, 0, 0].astype(np.float32), crops[:, 0, 0, 1]
        prediction = np.zeros((len(crops), TARGET_COLUMNS.column_count), np.float32)
        prediction[:, class_names.index("female")] = red / 100
        prediction[np.arange(len(crops)), 2 + green // 10] = 50
        return prediction

    return SimpleNamespace(
        card=replace(card, crop={"size_px": size_px}, outputs={"age": "distribution"}, class_names=class_names),
        output=output,
    )


def test_the_mean_is_over_teachers_and_mirror_images(card: ModelCard) -> None:
    sides = (32, 16)
    targets = distillation_targets([teacher(card, side) for side in sides], CORPUS, lambda *_: None)
    assert targets.shape == (len(CORPUS), 102) and targets.dtype == np.float32
    for index in (0, BATCH_FACES, len(CORPUS) - 1):
        crops = [middle(CORPUS.crop(index), side, CORPUS.margin_share) for side in sides]
        corners = np.array([crop[0, column] for crop in crops for column in (0, -1)], float)
        assert targets[index, 0] == pytest.approx(1 / (1 + np.exp(-corners[:, 0].mean() / 100)), abs=1e-5)
        years = np.bincount((corners[:, 1] // 10).astype(int), minlength=101) / 4
        assert targets[index, 1:] == pytest.approx(years, abs=1e-5)


def test_each_teachers_own_class_order_is_used(card: ModelCard) -> None:
    orders: tuple[tuple[Gender, Gender], ...] = (("male", "female"), ("female", "male"))
    one, other = (distillation_targets([teacher(card, 32, names)], CORPUS, lambda *_: None) for names in orders)
    assert np.array_equal(one, other)


def test_one_more_teacher_counts_as_much_as_each_other_and_says_which_faces_are_taught(card: ModelCard) -> None:
    others = np.full(len(CORPUS), np.nan, np.float32)
    others[[1, 5]] = 0.8, 1.0
    own = distillation_targets([teacher(card, 32)] * 2, CORPUS, lambda *_: None)
    targets = distillation_targets([teacher(card, 32)] * 2, CORPUS, lambda *_: None, others)
    assert np.flatnonzero(~np.isnan(targets).all(axis=1)).tolist() == [1, 5]
    assert np.array_equal(targets[[1, 5], 1:], own[[1, 5], 1:])
    for index, prob in ((1, 0.8), (5, 1 - MIN_OTHER_PROB)):
        odds = 2 * math.log(own[index, 0] / (1 - own[index, 0])) + math.log(prob / (1 - prob))
        assert targets[index, 0] == pytest.approx(1 / (1 + math.exp(-odds / 3)), abs=1e-5)


def test_progress_ends_with_all_faces(card: ModelCard) -> None:
    calls: list[tuple[int, int]] = []
    distillation_targets([teacher(card, 32)], CORPUS, lambda *counts: calls.append(counts))
    assert calls == [(BATCH_FACES, len(CORPUS)), (len(CORPUS), len(CORPUS))]
