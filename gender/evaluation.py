"""How good answers are, against labels: counts first, ratios as properties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class GenderEvaluation:
    """The confusion counts of perceived gender: rows truth, columns answer."""

    male_as_male: int
    male_as_female: int
    female_as_male: int
    female_as_female: int

    @classmethod
    def of(cls, is_female: npt.NDArray[np.bool_], said_female: npt.NDArray[np.bool_]) -> GenderEvaluation:
        """Counts (N,) truths against (N,) answers.

        Raises:
            ValueError: shapes differ.
        """
        if is_female.shape != said_female.shape:
            raise ValueError(f"truth {is_female.shape} and answers {said_female.shape} differ in shape")
        return cls(
            male_as_male=int((~is_female & ~said_female).sum()),
            male_as_female=int((~is_female & said_female).sum()),
            female_as_male=int((is_female & ~said_female).sum()),
            female_as_female=int((is_female & said_female).sum()),
        )

    @property
    def count(self) -> int:
        return self.male_count + self.female_count

    @property
    def male_count(self) -> int:
        return self.male_as_male + self.male_as_female

    @property
    def female_count(self) -> int:
        return self.female_as_male + self.female_as_female

    @property
    def accuracy(self) -> float:
        return (self.male_as_male + self.female_as_female) / max(self.count, 1)

    @property
    def male_recall(self) -> float:
        return self.male_as_male / max(self.male_count, 1)

    @property
    def female_recall(self) -> float:
        return self.female_as_female / max(self.female_count, 1)

    @property
    def balance(self) -> float:
        """The M:F ratio of the answers, divided by that of the truth: 1 is unbiased."""
        said_male, said_female = (
            self.male_as_male + self.female_as_male,
            self.male_as_female + self.female_as_female,
        )
        return (said_male / max(said_female, 1)) / (max(self.male_count, 1) / max(self.female_count, 1))

    def as_dict(self) -> dict[str, Any]:
        """Counts and ratios, for JSON."""
        ratios = ("accuracy", "male_recall", "female_recall", "balance")
        return {**vars(self), "count": self.count} | {name: round(getattr(self, name), 5) for name in ratios}
