"""Drawn face crops, bright women and dark men, as face sets and as a corpus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from facetally.gender.data.face_sets import FaceCorpus, FaceSet, join_sets, pixel_digest

MARGIN_PX = 4
OUTER_PX = 32 + 2 * MARGIN_PX


def drawn_crops(female: Sequence[float], seed: int = 0) -> np.ndarray:
    """(N, 40, 40, 3) uint8: noise that is bright for women and dark for others, no two alike."""
    noise = np.random.default_rng(seed).integers(0, 60, (len(female), OUTER_PX, OUTER_PX, 3))
    bright = np.array(female) == 1
    return (noise + 190 * bright[:, None, None, None]).astype(np.uint8)


def face_set(
    female: Sequence[float],
    age_years: float | Sequence[float] = 30.0,
    person: str | Sequence[str] = "",
    own_split: str | Sequence[str] = "",
    name: str = "drawn",
    crops: np.ndarray | None = None,
) -> FaceSet:
    """A set of drawn crops, or of those given, with these labels; one value stands for all."""
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


def drawn_corpus(train_count: int = 32, selection_count: int = 12, test_count: int = 4, seed: int = 1) -> FaceCorpus:
    """As many faces in each split; women are about half and 60 years old, men 20."""
    counts = {"train": train_count, "selection": selection_count, "test": test_count}
    random = np.random.default_rng(seed)
    female = (random.random(sum(counts.values())) < 0.5).astype(float)
    faces = face_set(female, age_years=20 + 40 * female, crops=drawn_crops(female, seed))
    corpus = join_sets([faces], seed=0)
    return FaceCorpus(corpus.sets, corpus.faces.assign(split=np.repeat(list(counts), list(counts.values()))))
