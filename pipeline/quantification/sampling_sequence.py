"""A confidence sequence for accuracy: an interval that holds at every look, so that one may stop whenever one likes.

Cases are correct, incorrect, or neither. For a share m of correct cases among the correct and incorrect ones, let a
case be worth 1, 0 or m. The mean worth of the population is above m exactly if the accuracy is above m. Bet on that:
with c the mean worth of the cases not drawn yet, if the accuracy were m, each case multiplies the stake by
1 + bet * (worth - c). If the accuracy is at most m, the stake does not grow on average, and by Ville's inequality it
reaches 40 with probability 1/40 at most, over all looks together. The interval leaves out each m whose stake has
reached 40; bets that the accuracy is below m give the other end.

A round has one case of each stratum, strata have equal sizes, and the bet is fixed before the round. Given the past,
the cases of a round are drawn independently, with means m_1 ... m_B that average to c at most. The expected product of
their factors is the product of 1 + bet * (m_b - c), which is at most 1 by the inequality of arithmetic and geometric
means. All randomness is in the draw: outcomes may depend on each other in any way.

Bets: against an accuracy a, the bet (a - m) / (m (1 - m)) makes the stake grow fastest. Without replacement, a - m
grows as the rest shrinks; the stake is then the likelihood ratio of two hypergeometric draws. As the accuracy is not
known, the stake is divided evenly between `ALTERNATIVES` values of a.

Source: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024 (section 5
without replacement), and "Confidence sequences for sampling without replacement", NeurIPS 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from facetally.quantification.estimators import Bools, Ints
from facetally.quantification.intervals import LEVEL, OF_A_SHARE, Floats, Interval

ALTERNATIVES = 24
NEEDED = float(np.log(2 / (1 - LEVEL)))
"""The logarithm of the stake at which a value is left out: half of the error probability on each side."""
GRID = 40
"""Steps in each of two passes that find the ends of the interval."""


@dataclass(frozen=True)
class Rounds:
    """The outcomes of the first R rounds.

    Raises:
        ValueError: more cases than the rounds have, or more rounds than there are.
    """

    correct: Ints | Floats
    """(R,) cases in each round; fractions are allowed, for forecasts."""
    incorrect: Ints | Floats
    """(R,)."""
    size: int
    """Cases in a round: the number of strata. A stratum without a case in a round counts as a case that is neither."""
    total: int
    """Rounds in the whole population."""

    def __post_init__(self) -> None:
        if self.correct.shape != self.incorrect.shape or len(self.correct) > self.total:
            raise ValueError(f"expected at most {self.total} rounds, got {self.correct.shape}, {self.incorrect.shape}")
        if np.any(self.correct + self.incorrect > self.size + 1e-9):
            raise ValueError(f"a round has {self.size} cases")

    @property
    def accuracy(self) -> float:
        """Of the cases drawn; NaN without any."""
        count = float((self.correct + self.incorrect).sum())
        return float(self.correct.sum()) / count if count else float("nan")


def accuracy_interval(rounds: Rounds, extra: float | None = None) -> Interval:
    """The interval of the population's accuracy.

    It never widens as rounds are added, unless later rounds contradict the earlier ones so much that no accuracy is
    left, which happens in one sample of 20 at most; it then spans what is left from both sides.

    Args:
        rounds: the outcomes so far.
        extra: a value that is tested itself, so that an end of the interval can fall on it exactly: the target.
    """
    if not len(rounds.correct) or not (rounds.correct + rounds.incorrect).sum():
        return OF_A_SHARE
    if len(rounds.correct) == rounds.total:
        return Interval(rounds.accuracy, rounds.accuracy)
    mirrored = Rounds(rounds.incorrect, rounds.correct, rounds.size, rounds.total)
    low = _low_end(rounds, extra)
    high = 1 - _low_end(mirrored, None if extra is None else 1 - extra)
    return Interval(min(low, high), max(low, high))


def is_above(rounds: Rounds, shares: Floats) -> Bools:
    """(R, G) whether the first 1 ... R rounds show that the accuracy is above each of (G,) shares in (0, 1)."""
    reached = log_stakes(rounds, shares) >= NEEDED
    return np.asarray(np.logical_or.accumulate(reached, axis=0))


def log_stakes(rounds: Rounds, shares: Floats, means: Floats | None = None) -> Floats:
    """(R, G) the logarithm of the stake after each round, from bets that the accuracy is above each of (G,) shares.

    Infinite where the accuracy is above the share even if all cases to come are incorrect.

    Args:
        rounds: the outcomes.
        shares: what cases that are neither correct nor incorrect are worth.
        means: (G,) bet that the mean worth of the population is above these instead, where it is only a part of one.
    """
    means = shares if means is None else means
    drawn = rounds.size * np.arange(len(rounds.correct) + 1)[:, None]
    right = np.append(0, np.cumsum(rounds.correct))[:, None]
    neither = drawn - right - np.append(0, np.cumsum(rounds.incorrect))[:, None]
    cases = rounds.size * rounds.total
    rest = means * cases - shares * neither - right  # (R + 1, G) the worth of all cases to come by the hypothesis
    left = np.maximum(cases - drawn, 1)
    mean, bets = _bets(rest[:-1] / left[:-1], means, cases / left[:-1])
    growth = (
        _growth(rounds.correct, bets * (1 - mean))
        + _growth(rounds.incorrect, -bets * mean)
        + _growth(rounds.size - rounds.correct - rounds.incorrect, bets * (shares[:, None] - mean))
    )
    with np.errstate(invalid="ignore"):
        stakes = logsumexp(np.cumsum(growth, axis=0), axis=2) - np.log(ALTERNATIVES)
    is_certain = np.logical_or.accumulate(rest[1:] < -1e-9, axis=0)
    return np.where(is_certain, np.inf, np.nan_to_num(stakes, nan=-np.inf, posinf=np.inf, neginf=-np.inf))


def _growth(count: Ints | Floats, gain: Floats) -> Floats:
    """(R, G, A) what (R,) cases add to the logarithm of the stake, if each multiplies it by 1 + gain (R, G, A)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(count[:, None, None] > 0, count[:, None, None] * np.log1p(gain), 0.0)


def _bets(mean: Floats, means: Floats, growth: Floats) -> tuple[Floats, Floats]:
    """(R, G, 1) the mean within reach of a bet, and (R, G, A) the bets, such that no factor can be negative."""
    mean = np.clip(mean, 1e-9, 1.0)[..., None]
    alternatives = (np.arange(ALTERNATIVES) + 0.5) / ALTERNATIVES
    gain = growth[..., None] * (1 - means[:, None]) * alternatives
    return mean, np.minimum(gain / np.maximum(mean * (1 - mean), 1e-9), 1 / mean)


def _low_end(rounds: Rounds, extra: float | None) -> float:
    """The largest share such that all tested shares up to it are left out; tested on a grid, then on a finer one."""
    low, high = 0.0, 1.0
    for _ in range(2):
        tested = np.linspace(low, high, GRID + 1)[1:-1]
        if extra is not None and low < extra < high:
            tested = np.union1d(tested, [extra])
        left_out = is_above(rounds, tested)[-1]
        first_kept = len(tested) if left_out.all() else int(left_out.argmin())
        edges = np.concatenate([[low], tested, [high]])
        low, high = float(edges[first_kept]), float(edges[first_kept + 1])
    return low
