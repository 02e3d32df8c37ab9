"""The verdict on a target, and the number of labels that would settle it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from facetally.quantification.intervals import Interval, Proportion, Z


def cases_needed(share: float, target: float) -> int | None:
    """How many independent cases, right at this rate, bring Wilson's interval to one side of the target.

    Wilson's interval holds the targets that a score test does not reject: its end meets the target where
    (share - target)^2 = z^2 target (1 - target) / n.

    Returns:
        None where the share is the target: no number would do.

    Raises:
        ValueError: a target that is not between 0 and 1.
    """
    if not 0 < target < 1:
        raise ValueError(f"expected a target between 0 and 1, got {target}")
    if math.isclose(share, target, abs_tol=1e-9):
        return None
    return math.ceil(Z**2 * target * (1 - target) / (share - target) ** 2 - 1e-9)


@dataclass(frozen=True)
class Verdict:
    """The answer to "is it at least the target?"."""

    word: str
    """pass, fail, or not enough labels."""
    target: float
    share: float
    """As observed; NaN without labels."""
    interval: Interval
    further_people: int | None
    """How many more labelled people would probably settle it; 0 where it is settled, None where no number would."""

    @property
    def exit_code(self) -> int:
        return {"pass": 0, "fail": 1}.get(self.word, 3)


def verdict(result: Proportion, interval: Interval, target: float) -> Verdict:
    """Passes where the interval lies at or above the target, fails where it lies below.

    Where it does neither, the number of further people supposes that they are right as often as those labelled (without
    labels: half way between the target and all), and that they come in clusters as those do: Wilson's number for
    independent people is scaled by the design effect, the squared ratio of the interval's width to Wilson's.

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
