from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
from drawn_faces import MARGIN_PX, drawn_corpus, drawn_crops, face_set

from facetally.gender.data.face_sets import FaceCorpus, join_sets
from facetally.gender.training.augment import AugmentOptions
from facetally.gender.training.dataset import EpochFaces, epoch_order, face_weights
from facetally.gender.training.recipes import RECIPES, Balance

STILL = AugmentOptions(
    mirror_prob=0, max_turn_degrees=0, max_shift=0, zoom=(1, 1), max_brightness=0, max_contrast=0, max_saturation=0
)
RECIPE = replace(RECIPES["genderage"], balance="none", batch_size=4)
INNER = slice(MARGIN_PX, -MARGIN_PX)


def corpus_of(female: list[float], age_years: float | list[float] = 30.0) -> FaceCorpus:
    return join_sets([face_set(female, age_years)], seed=0)


@pytest.mark.parametrize("count", [3, 10, 7, 25])
def test_every_face_comes_once_per_pass_whatever_the_length_of_an_epoch(count: int) -> None:
    corpus = corpus_of([0.0] * 10)
    rows = np.concatenate([epoch_order(corpus, RECIPE, seed=1, epoch=epoch, count=count) for epoch in range(10)])
    assert len(rows) == 10 * count
    passes = rows.reshape(count, 10)
    assert all(sorted(each) == list(range(10)) for each in passes)
    assert len({tuple(each) for each in passes}) == count  # each in its own order


def test_the_order_depends_on_the_seed() -> None:
    corpus = corpus_of([0.0] * 50)
    first = epoch_order(corpus, RECIPE, seed=1, epoch=2, count=30)
    assert np.array_equal(first, epoch_order(corpus, RECIPE, seed=1, epoch=2, count=30))
    assert not np.array_equal(first, epoch_order(corpus, RECIPE, seed=2, epoch=2, count=30))


def test_oversampling_shows_as_many_women_as_men() -> None:
    corpus = corpus_of([1.0] * 20 + [0.0] * 180)
    recipe = replace(RECIPE, balance="oversample")
    rows = epoch_order(corpus, recipe, seed=0, epoch=0, count=2000)
    women_count = corpus.faces["female"].to_numpy()[rows].sum()
    assert abs(women_count - 1000) < 68  # three standard deviations
    assert len(set(rows)) > 190
    assert not np.array_equal(rows, epoch_order(corpus, recipe, seed=0, epoch=1, count=2000))
    plain = epoch_order(corpus, RECIPE, seed=0, epoch=0, count=2000)
    assert corpus.faces["female"].to_numpy()[plain].sum() == 200


def test_women_and_men_of_each_set_have_equal_total_weight() -> None:
    few = face_set([1, 0, 0, 0], name="few")
    even = face_set([1, 0], name="even", crops=drawn_crops([1, 0], seed=5))
    weights = face_weights(join_sets([few, even], seed=0), replace(RECIPE, balance="weights"))
    assert weights.tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3, 1, 1])  # 2 of the total 4 for each gender


def test_weights_are_at_most_five() -> None:
    weights = face_weights(corpus_of([1.0] + [0.0] * 99), replace(RECIPE, balance="weights"))
    assert weights[0] == 5
    assert weights[1:] == pytest.approx(100 / (2 * 99))


def test_by_age_women_and_men_of_each_band_of_a_set_have_equal_total_weight() -> None:
    corpus = corpus_of([1, 1, 1, 0, 1, 0, 0, 0], [20, 25, 30, 35, 60, 65, 70, 75])
    weights = face_weights(corpus, replace(RECIPE, balance="weights by age"))
    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2, 2, 2 / 3, 2 / 3, 2 / 3])
    assert face_weights(corpus, replace(RECIPE, balance="weights")).tolist() == [1] * 8  # four of each in the set


def test_faces_without_an_age_are_balanced_among_themselves() -> None:
    corpus = corpus_of([1, 0, 0, 1, 1, 0], [float("nan")] * 3 + [30] * 3)
    weights = face_weights(corpus, replace(RECIPE, balance="weights by age"))
    assert weights.tolist() == pytest.approx([1.5, 0.75, 0.75, 0.75, 0.75, 1.5])


def test_oversampling_by_age_shows_as_many_women_as_men_in_each_band_and_keeps_the_bands() -> None:
    corpus = corpus_of([1.0] * 90 + [0.0] * 10 + [1.0] * 5 + [0.0] * 95, [25.0] * 100 + [70.0] * 100)
    rows = epoch_order(corpus, replace(RECIPE, balance="oversample by age"), seed=0, epoch=0, count=4000)
    drawn = corpus.faces.iloc[rows].groupby(["age_years", "female"]).size()
    assert drawn.between(1000 - 82, 1000 + 82).all()  # three standard deviations
    assert len(drawn) == 4


@pytest.mark.parametrize("balance", ["oversample", "oversample by age"])
def test_oversampling_draws_faces_without_a_gender_as_often_as_before(balance: Balance) -> None:
    corpus = corpus_of([1.0] * 20 + [0.0] * 60 + [float("nan")] * 20)
    rows = epoch_order(corpus, replace(RECIPE, balance=balance), seed=0, epoch=0, count=6000)
    counts = corpus.faces["female"].iloc[rows].value_counts(dropna=False)
    assert counts[1.0] == pytest.approx(2500, abs=120)  # 1 / 2 of 1.2 in all
    assert counts[0.0] == pytest.approx(2500, abs=120)


@pytest.mark.parametrize("balance", ["oversample by age", "weights by age"])
def test_a_band_of_one_gender_is_not_left_out(balance: Balance) -> None:
    corpus = corpus_of([0.0] * 30 + [1.0, 0.0] * 15, [5.0] * 30 + [40.0] * 30)
    recipe = replace(RECIPE, balance=balance)
    rows = epoch_order(corpus, recipe, seed=0, epoch=0, count=600)
    assert (corpus.faces["age_years"].iloc[rows] == 5).sum() == pytest.approx(300, abs=45)
    assert face_weights(corpus, recipe).min() > 0


@pytest.mark.parametrize(
    ("balance", "woman", "man"),
    [
        ("none", 1, 1),
        ("oversample", 1, 1),
        ("oversample by age", 1, 1),
        ("weights", 0.75, 1.5),
        ("weights by age", 0.75, 1.5),
    ],
)
def test_only_the_balance_by_weights_changes_weights(balance: Balance, woman: float, man: float) -> None:
    weights = face_weights(corpus_of([1.0, 1.0, 0.0]), replace(RECIPE, balance=balance))
    assert weights.tolist() == pytest.approx([woman, woman, man])
    assert weights.dtype == np.float32


def test_the_items_of_an_epoch_are_crops_and_labels_in_its_order() -> None:
    corpus = corpus_of([1.0, 0.0, float("nan"), 0.0], [60, 20, 1, float("nan")])
    recipe = replace(RECIPE, augment=STILL, balance="weights")
    faces = EpochFaces(corpus, recipe, 32, seed=1, epoch=0, step_count=1)
    assert len(faces) == 4
    for position, row in enumerate(epoch_order(corpus, recipe, seed=1, epoch=0, count=4)):
        crop, female, age_years, weight, targets = faces[position]
        assert not len(targets)
        assert np.array_equal(crop, corpus.crop(row)[INNER, INNER])
        expected = corpus.faces[["female", "age_years"]].iloc[row].tolist()
        assert [female, age_years] == pytest.approx(expected, nan_ok=True)
        assert weight == pytest.approx(1.5 if row == 0 else 0.75)  # one of three is a woman


def test_an_item_has_the_distillation_targets_of_its_face() -> None:
    corpus, targets = corpus_of([1.0, 0.0, 0.0]), np.arange(6, dtype=np.float32).reshape(3, 2)
    faces = EpochFaces(corpus, RECIPE, 32, seed=1, epoch=0, step_count=1, targets=targets)
    item_targets = np.stack([faces[position][4] for position in range(4)])
    assert np.array_equal(item_targets, targets[epoch_order(corpus, RECIPE, seed=1, epoch=0, count=4)])


def test_an_item_is_always_the_same_within_an_epoch_and_differs_between_epochs() -> None:
    corpus = drawn_corpus(8, 1, 0).split("train")
    faces = EpochFaces(corpus, RECIPE, 32, seed=1, epoch=0, step_count=2)
    again = EpochFaces(corpus, RECIPE, 32, seed=1, epoch=0, step_count=2)
    late = faces[5][0]
    assert np.array_equal(again[5][0], late)
    assert np.array_equal(faces[5][0], late)
    one = corpus.only(np.arange(8) == 0)
    draws = [EpochFaces(one, RECIPE, 32, seed=1, epoch=e, step_count=1)[0][0].tobytes() for e in range(3)]
    assert len(set(draws)) == 3


def test_a_face_that_comes_twice_in_an_epoch_is_augmented_differently() -> None:
    one = corpus_of([1.0])
    faces = EpochFaces(one, RECIPE, 32, seed=1, epoch=0, step_count=1)
    assert len({faces[position][0].tobytes() for position in range(4)}) == 4


def test_over_many_epochs_every_face_comes_equally_often() -> None:
    corpus = corpus_of([0.0] * 6)
    recipe = replace(RECIPE, augment=STILL)
    seen = Counter(
        crop.tobytes()
        for epoch in range(3)
        for crop, *_ in map(EpochFaces(corpus, recipe, 32, seed=0, epoch=epoch, step_count=1).__getitem__, range(4))
    )
    assert sorted(seen.values()) == [2] * 6
