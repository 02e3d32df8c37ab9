"""Perceived gender and age of face crops: the types, and the names of genders and age bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

Gender = Literal["female", "male"]

GENDERS: tuple[Gender, ...] = ("female", "male")
"""Perceived gender, as presented. Reports and tables add "unknown" where the prediction is too uncertain."""

GENDER_WORDS: dict[str, Gender] = {
    **dict.fromkeys(("female", "f", "woman", "women", "girl"), "female"),
    **dict.fromkeys(("male", "m", "man", "men", "boy"), "male"),
}
"""What labels and folders call them, in small letters."""

AGE_BANDS = {"child": (0, 13), "teen": (13, 18), "young": (18, 35), "mid": (35, 55), "old": (55, 200)}
"""Perceived age in years, [start, stop)."""


def age_band(age_years: float) -> str:
    """The band of an age; "unknown" where it is in no band or NaN, as from a model without an age head."""
    for band, (start, stop) in AGE_BANDS.items():
        if start <= age_years < stop:
            return band
    return "unknown"


@dataclass(frozen=True)
class Attributes:
    """The predictions for N crops.

    Raises:
        ValueError: shapes differ, or a probability is outside [0, 1].
    """

    female_prob: FloatArray
    """(N,) float32 in [0, 1]; 0.5 carries no information."""
    age_years: FloatArray
    """(N,) float32, NaN from a model without an age head."""

    def __post_init__(self) -> None:
        if self.female_prob.ndim != 1 or self.female_prob.shape != self.age_years.shape:
            raise ValueError(f"expected two (N,) arrays, got {self.female_prob.shape}, {self.age_years.shape}")
        if not np.all((self.female_prob >= 0) & (self.female_prob <= 1)):
            raise ValueError("female_prob must be in [0, 1]")

    def __len__(self) -> int:
        return len(self.female_prob)

    @classmethod
    def concatenate(cls, parts: Sequence[Attributes]) -> Attributes:
        """All predictions of one or more parts, in order."""
        return cls(
            np.concatenate([part.female_prob for part in parts]), np.concatenate([part.age_years for part in parts])
        )
