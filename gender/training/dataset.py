"""The faces of an epoch: their order, augmentation and weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch.utils.data import Dataset

from facetally.gender.age_metrics import band_masks
from facetally.gender.attributes import FloatArray
from facetally.gender.data.face_sets import FaceCorpus, ImageArray
from facetally.gender.gender_gaps import GAP_BANDS
from facetally.gender.training.augment import augment
from facetally.gender.training.recipes import Recipe

FaceItem = tuple[ImageArray, np.float32, np.float32, np.float32, FloatArray]


class EpochFaces(Dataset[FaceItem]):
    """The augmented faces of one epoch, in order; the same in every process.

    Items are (S, S, 3) uint8 RGB, 1 for women or 0 for men (NaN if unknown), age in years (NaN if unknown), the weight,
    and the row of `targets`, (N, 102) or (N, 0).
    """

    def __init__(
        self,
        corpus: FaceCorpus,
        recipe: Recipe,
        size_px: int,
        *,
        seed: int,
        epoch: int,
        step_count: int,
        targets: FloatArray | None = None,
    ) -> None:
        self._corpus, self._recipe, self._size_px = corpus, recipe, size_px
        self._seed = (seed, epoch)
        self._female = corpus.faces["female"].to_numpy(np.float32)
        self._age_years = corpus.faces["age_years"].to_numpy(np.float32)
        self._weight = face_weights(corpus, recipe)
        self._targets = np.zeros((len(corpus), 0), np.float32) if targets is None else targets
        self._order = epoch_order(corpus, recipe, seed=seed, epoch=epoch, count=step_count * recipe.batch_size)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, position: int) -> FaceItem:
        index = self._order[position]
        rng = np.random.default_rng([*self._seed, position])
        share = self._corpus.margin_share
        crop = augment(self._corpus.crop(index), self._size_px, share, options=self._recipe.augment, rng=rng)
        return crop, self._female[index], self._age_years[index], self._weight[index], self._targets[index]


def epoch_order(corpus: FaceCorpus, recipe: Recipe, *, seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """(count,) rows of the faces of an epoch.

    Epochs are consecutive parts of shuffled passes over all faces. Under "oversample" faces are drawn at random such
    that women and men are equally frequent; under "oversample by age" they are so within each band of age, and the
    bands are as frequent as before.
    """
    if recipe.balance in ("oversample", "oversample by age"):
        probs = _oversampling(corpus, by_age=recipe.balance == "oversample by age")
        return np.random.default_rng([seed, epoch]).choice(len(corpus), count, p=probs)
    start, total = epoch * count, len(corpus)
    passes = range(start // total, (start + count - 1) // total + 1)
    rows = np.concatenate([np.random.default_rng([seed, number]).permutation(total) for number in passes])
    return rows[start - passes[0] * total :][:count]


def face_weights(corpus: FaceCorpus, recipe: Recipe) -> npt.NDArray[np.float32]:
    """(N,) weights in the gender loss, at most 5: 1, or such that women and men have equal weight.

    Under "weights" they have it in each set, under "weights by age" in each band of age of each set.
    """
    weights = np.ones(len(corpus), np.float32)
    if recipe.balance in ("weights", "weights by age"):
        parts = corpus.faces["set"]
        if recipe.balance == "weights by age":
            parts = parts + " " + age_bands(corpus)
        shares = corpus.faces["female"].groupby(parts).transform("mean").to_numpy(np.float32)
        own = np.where(corpus.faces["female"] == 1, shares, 1 - shares)
        weights /= np.clip(2 * own, 0.2, None)
    return weights


def age_bands(corpus: FaceCorpus) -> pd.Series:
    """(N,) the name of the band in `GAP_BANDS` for each face; empty without an age."""
    names = pd.Series("", index=corpus.faces.index)
    for name, mask in band_masks(corpus.faces["age_years"].to_numpy(np.float64), GAP_BANDS).items():
        names[mask] = name
    return names


def _oversampling(corpus: FaceCorpus, *, by_age: bool) -> npt.NDArray[np.float64]:
    """(N,) probabilities that sum to 1, half of it on women; by age, half of the share of each band.

    A band with one gender only keeps its share; a face without a gender is as likely as in a plain draw.
    """
    female = corpus.faces["female"]
    bands = age_bands(corpus) if by_age else pd.Series("", index=female.index)
    share = bands.groupby(bands).transform("size") / len(bands)
    genders = female.groupby(bands).transform("nunique")
    counts = female.groupby([bands, female]).transform("size")
    probs = (share / genders / counts).where(female.notna(), 1 / len(female)).to_numpy(np.float64)
    return np.asarray(probs / probs.sum())
