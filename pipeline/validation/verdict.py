"""The verdict on a target accuracy, and the number of labels that would decide it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from facetally.quantification.intervals import Interval, Proportion, Z


def cases_needed(share: float, target: float) -> int | None:
    """How many independent cases with this share bring Wilson's interval to one side of the target.

    Wilson's interval contains the targets that a score test does not reject: its end meets the target where
    (share - target)^2 = z^2 target (1 - target) / n.

    Returns:
        None where the share equals the target: no number is enough.

    Raises:
        ValueError: a target that is not between 0 and 1.
    """
    if not 0 < target < 1:
        raise ValueError(f"expected a target between 0 and 1, got {target}")
    if math.isclose(share, target, abs_tol=1e-9):
        return None
    return math.ceil(Z**2 * target * (1 - target) / (share - target) ** 2 - 1e-9)


VerdictWord = Literal["pass", "fail", "not enough labels"]


@dataclass(frozen=True)
class Verdict:
    """Whether the accuracy is at least the target."""

    word: VerdictWord
    target: float
    share: float
    """As observed; NaN without labels."""
    interval: Interval
    further_people: int | None
    """How many more labelled people would probably decide it; 0 where it is decided, None where no number would."""

    @property
    def exit_code(self) -> int:
        return {"pass": 0, "fail": 1}.get(self.word, 3)


def verdict(result: Proportion, interval: Interval, target: float) -> Verdict:
    """Passes where the interval lies at or above the target, fails where it lies below.

    Otherwise it gives the number of further people needed, assuming the same accuracy as so far (without labels: half
    way between the target and 1) and the same clustering: Wilson's number for independent people is scaled by the
    design effect, the squared ratio of the interval's width to Wilson's.

    Raises:
        ValueError: a target that is not between 0 and 1.
    """
    needed = cases_needed(result.share if result.count else (1 + target) / 2, target)
    if result.count and interval.low >= target:
        return Verdict("pass", target, result.share, interval, 0)
    if result.count and interval.high < target:
        return Verdict("fail", target, result.share, interval, 0)
    if needed is None:
        return Verdict("not enough labels", target, result.share, interval, None)
    independent = result.interval()
    design_effect = ((interval.high - interval.low) / (independent.high - independent.low)) ** 2
    further = math.ceil(needed * max(design_effect, 1.0)) - result.count
    return Verdict("not enough labels", target, result.share, interval, max(further, 1))
