"""Drawn face crops, bright for women and dark for men, as face sets and as a corpus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.gender.data.face_sets import FaceCorpus, FaceSet, ImageArray, join_sets, pixel_digest

Values = Sequence[float] | npt.NDArray[np.float64]

MARGIN_PX = 4
OUTER_PX = 32 + 2 * MARGIN_PX


def drawn_crops(female: Values, seed: int = 0) -> ImageArray:
    """(N, 40, 40, 3) uint8: noise that is bright for women and dark for others, no two alike."""
    noise = np.random.default_rng(seed).integers(0, 60, (len(female), OUTER_PX, OUTER_PX, 3))
    bright = np.array(female) == 1
    return np.asarray(noise + 190 * bright[:, None, None, None], np.uint8)


def face_set(
    female: Values,
    age_years: float | Values = 30.0,
    *,
    person: str | Sequence[str] = "",
    own_split: str | Sequence[str] = "",
    name: str = "drawn",
    crops: ImageArray | None = None,
) -> FaceSet:
    """A set of drawn crops, or of the given ones, with these labels; a single value applies to all."""
    crops = drawn_crops(female) if crops is None else crops
    labels = pd.DataFrame(
        {
            "file": [f"{number}.png" for number in range(len(female))],
            "female": np.array(female, float),
            "age_years": age_years,
            "person": person,
            "group": "",
            "own_split": own_split,
            "digest": [pixel_digest(crop) for crop in crops],
        }
    )
    return FaceSet(name, crops, labels, MARGIN_PX)


def drawn_corpus(train_count: int = 32, selection_count: int = 12, test_count: int = 4, *, seed: int = 1) -> FaceCorpus:
    """A corpus with this many faces in each split; about half are women, aged 60, the others men, aged 20."""
    counts = {"train": train_count, "selection": selection_count, "test": test_count}
    rng = np.random.default_rng(seed)
    female = (rng.random(sum(counts.values())) < 0.5).astype(float)
    faces = face_set(female, age_years=20 + 40 * female, crops=drawn_crops(female, seed))
    corpus = join_sets([faces], seed=0)
    return FaceCorpus(corpus.sets, corpus.faces.assign(split=np.repeat(list(counts), list(counts.values()))))
