"""Random samples of a finite population: strata of equal size that are drawn in rounds, and points in time."""

from __future__ import annotations

import numpy as np

from facetally.quantification.estimators import Ints
from facetally.quantification.intervals import Floats

MAX_STRATA = 8
"""Cases in a round. More strata are more alike inside, but a confidence sequence waits for the end of the round."""
MIN_STRATUM = 10
"""Cases in a stratum, so that small populations have fewer strata."""


def draw_rounds(count: int, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Cuts N sorted cases into strata and assigns each case to a round. A round has one random case of each stratum.

    Where N is no multiple of the number of strata, some strata are smaller by one. Each of them sits out one round,
    which is random too, so that every case has the same probability for each round.

    Args:
        count: N, at least 1. Neighbours should be alike.
        random: the generator.

    Returns:
        (N,) the stratum, ascending, and (N,) the round of each case; both count from 0.
    """
    strata = max(min(MAX_STRATA, count // MIN_STRATUM), 1)
    sizes = count // strata + (random.permutation(strata) < count % strata)
    rounds = int(sizes.max())
    chosen = [random.permutation(rounds)[:size] for size in sizes.tolist()]
    return np.repeat(np.arange(strata), sizes), np.concatenate(chosen)


def draw_times(total_s: float, count: int, random: np.random.Generator) -> Floats:
    """(K,) one uniformly random time in each of K equal segments of [0, total_s), in random order."""
    return np.asarray(random.permutation((np.arange(count) + random.random(count)) * (total_s / max(count, 1))))
