"""Tables of probabilities of gender for the images of a data set, by a network that cannot run here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from facetally.gender.attributes import FloatArray

COLUMNS = ("file", "female_prob")


def read_soft_labels(path: Path) -> pd.Series:
    """The probability of "female", in [0, 1], by the name of the image in its set.

    Raises:
        ValueError: the table has no such columns, names an image twice, or has another value.
        OSError: it cannot be read.
    """
    table = pd.read_csv(path)
    if missing := [name for name in COLUMNS if name not in table]:
        raise ValueError(f"{path} has no column {' or '.join(missing)}; its columns are {', '.join(table)}")
    prob = pd.to_numeric(table.set_index(table["file"].astype(str))["female_prob"], errors="coerce")
    if (wrong := ~prob.between(0, 1)).any():
        raise ValueError(f"{path}: female_prob of {prob.index[wrong][0]} is not a probability from 0 to 1")
    if prob.index.has_duplicates:
        raise ValueError(f"{path} names {prob.index[prob.index.duplicated()][0]} twice")
    return prob


def soft_labels_of(faces: pd.DataFrame, tables: Mapping[str, pd.Series]) -> FloatArray:
    """(N,) the probability of "female" for each face from the table of its set; NaN where there is none.

    Args:
        faces: N rows with the columns set and file, as in `FaceCorpus`.
        tables: of `read_soft_labels`, by the name of the set.
    """
    prob = pd.Series(np.nan, index=faces.index)
    for name, table in tables.items():
        own = faces["set"] == name
        prob[own] = faces.loc[own, "file"].map(table)
    return np.asarray(prob, np.float32)
