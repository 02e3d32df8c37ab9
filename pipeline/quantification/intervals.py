"""How sure we are: intervals for ratios, the verdict on a target, and the number of labels that would settle it.

Faces of one track are nearly copies, and people of one source share light and make-up: the unit here is a person, and
people come in clusters (their sources or videos). What is drawn again in the bootstrap is the cluster.

In simulated corpora of 40 sources with 2 to 10 people each, the 95 % intervals cover the truth in 93 to 97 % of cases.
They cover less where all hangs on the errors of a few sources: 92 % at accuracies of 0.93 to 0.95 with an intra-class
correlation of 0.5, and 88 to 93 % at the same correlation with 20 sources, or with a sixth of all people in one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

LEVEL = 0.95
"""Of confidence, in all intervals."""
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
RESAMPLES = 2000
MIN_FREEDOM = 5

Floats = npt.NDArray[np.float64]
Amounts = npt.NDArray[np.int64] | Floats


@dataclass(frozen=True)
class Interval:
    """Where a figure lies."""

    low: float
    high: float


OF_A_SHARE = Interval(0.0, 1.0)
OF_A_DIFFERENCE = Interval(-1.0, 1.0)


@dataclass(frozen=True)
class Proportion:
    """So many of so many: counts are kept, ratios follow.

    Raises:
        ValueError: fewer than none, or more than all.
    """

    right: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.count:
            raise ValueError(f"expected 0 <= right <= count, got {self.right} of {self.count}")

    @property
    def share(self) -> float:
        """In [0, 1]; NaN of nothing."""
        return self.right / self.count if self.count else math.nan

    def interval(self) -> Interval:
        """By Wilson, for independent cases."""
        return wilson_interval(self.right, self.count)


def wilson_interval(right: float, count: float, quantile: float = Z) -> Interval:
    """The score interval of a proportion of independent cases; anywhere where there are none.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if count <= 0:
        return OF_A_SHARE
    share, extra = right / count, quantile**2 / count
    middle = share + extra / 2
    half = math.sqrt(extra * (share * (1 - share) + extra / 4))
    return Interval(max((middle - half) / (1 + extra), 0.0), min((middle + half) / (1 + extra), 1.0))


def cluster_resamples(cluster_count: int, resamples: int = RESAMPLES, seed: int | np.random.Generator = 0) -> Floats:
    """(R, C) how often each of C clusters is drawn in each of R bootstrap samples of C clusters."""
    random = np.random.default_rng(seed)
    return random.multinomial(cluster_count, np.full(cluster_count, 1 / cluster_count), size=resamples).astype(float)


def expanded_percentiles(
    values: Floats, cluster_count: int, freedom: float | None = None, bounds: Interval = OF_A_DIFFERENCE
) -> Interval:
    """The percentile interval of bootstrap values, widened for few clusters.

    The plain one is too narrow: it takes the normal's quantile for Student's, and the spread of C draws for that of
    C - 1. The percentiles are moved out to make up for both.

    Args:
        values: (R,) the statistic in each resample; NaN where it is not defined, which is left out.
        cluster_count: C.
        freedom: Student's degrees of freedom; C - 1 unless given.
        bounds: where the statistic can lie at all, the answer for a single cluster.

    Source: T. Hesterberg, "What teachers should know about the bootstrap", The American Statistician 2015, section 5.3.
    """
    if cluster_count < 2 or np.isnan(values).all():
        return bounds
    quantile = stdtrit(freedom or cluster_count - 1, (1 + LEVEL) / 2)
    tail = ndtr(-math.sqrt(cluster_count / (cluster_count - 1)) * quantile)
    low, high = np.nanquantile(values, [tail, 1 - tail], method="weibull")
    return Interval(float(low), float(high))


def bootstrapped(
    statistic: Callable[[Floats], Floats], cluster_count: int, seed: int = 0, bounds: Interval = OF_A_DIFFERENCE
) -> Interval:
    """The interval of any figure that is computed from clusters: a balanced accuracy, a share, a paired difference.

    For a difference between two runs on the same people, the statistic takes the same weights for both.

    Args:
        statistic: from weights (R, C), how often each cluster counts, to the figure (R,) for each row of them.
        cluster_count: C.
        seed: of the resampling.
        bounds: where the figure can lie at all, `OF_A_SHARE` or `OF_A_DIFFERENCE`.

    Returns:
        The bounds where nothing can be said: a single cluster, or one without which the figure is not defined. Where
        all clusters agree, resampling sees no spread; what none of C clusters shows may still be so in some others, and
        the interval reaches as far as Wilson's for 0 of C.
    """
    if cluster_count < 2:
        return bounds
    with np.errstate(divide="ignore", invalid="ignore"):
        left_out = _left_out(statistic, cluster_count)
        values = statistic(cluster_resamples(cluster_count, seed=seed))
    if not np.isfinite(left_out).all():
        return bounds
    if np.ptp(left_out) < 1e-12:
        margin = wilson_interval(0, cluster_count).high
        return Interval(max(left_out[0] - margin, bounds.low), min(left_out[0] + margin, bounds.high))
    return expanded_percentiles(values, cluster_count, _freedom(left_out), bounds)


def clustered_interval(right: Amounts, count: Amounts, seed: int = 0) -> Interval:
    """The interval of sum(right) / sum(count) where cases come in C clusters.

    The cluster bootstrap gives the spread, and Wilson's interval of as many independent cases as would spread so (the
    effective sample size) gives the ends. Its own percentiles would end too high where few are wrong: they cover 87 %
    where these cover 93 % (40 sources of 2 to 10 people, accuracy 0.95, intra-class correlation 0.5), and shrink to
    nothing where nobody is wrong.

    Args:
        right, count: (C,) by cluster; clusters without cases are left out.
        seed: of the resampling.

    Returns:
        Anywhere for a single cluster: it says nothing of others.

    Source: C. Franco, R. J. A. Little, T. A. Louis and E. V. Slud, "Comparative study of confidence intervals for
    proportions in complex sample surveys", Journal of Survey Statistics and Methodology 2019.
    """
    right, count = right[count > 0], count[count > 0]
    clusters, cases = len(count), float(count.sum())
    if clusters < 2:
        return OF_A_SHARE

    def ratio(weights: Floats) -> Floats:
        return (weights @ right) / (weights @ count)

    share = float(right.sum()) / cases
    spread = clusters / (clusters - 1) * float(ratio(cluster_resamples(clusters, seed=seed)).var())
    if spread > 1e-12:
        cases = min(share * (1 - share) / spread, 2 * cases)  # clusters that agree still better do so by chance
    quantile = float(stdtrit(_freedom(_left_out(ratio, clusters)), (1 + LEVEL) / 2))
    return wilson_interval(share * cases, cases, quantile)


def _left_out(statistic: Callable[[Floats], Floats], cluster_count: int) -> Floats:
    """(C,) the statistic without each cluster; in chunks, as weights (C, C) would be large."""
    starts = range(0, cluster_count, RESAMPLES)
    chunks = (np.eye(min(RESAMPLES, cluster_count - start), cluster_count, k=start) for start in starts)
    return np.concatenate([statistic(1 - chunk) for chunk in chunks])


def _freedom(left_out: Floats) -> float:
    """Student's degrees of freedom for the figure's spread, from the figure without each of the clusters.

    A spread that hangs on a few clusters is known less well than C - 1 says. By Satterthwaite (Biometrics 1946): twice
    the spread squared over its own variance, which the fourth moment of what each cluster adds gives. Not fewer than
    `MIN_FREEDOM`: of a handful of errors the fourth moment knows little, and one error must not say less than two.
    """
    squares = (left_out - left_out.mean()) ** 2
    most = len(left_out) - 1.0
    variance = squares.var() * len(squares)
    if variance <= 1e-12 * squares.sum() ** 2:
        return most
    return float(min(max(2 * squares.sum() ** 2 / variance, MIN_FREEDOM), most))
