"""A confidence sequence for the accuracy of a population that grew while it was sampled.

Each part of the population, a phase, is sampled in rounds of its own. Suppose that the mean worths of the phases (see
`sampling_sequence`) were m_1 ... m_K. Bets against each of them give a stake in each phase; all phases are drawn
independently, so the product of the stakes does not grow on average either. The accuracy is at most m only if the mean
worths, weighted by the sizes of the phases, have a mean of m at most. The smallest product over all m_1 ... m_K that do
is therefore a stake against m, and the interval leaves out each m for which it has reached 40. When the population grew
may depend on the labels given so far, as may the phase of each round.

The smallest product is searched on a grid of mean worths. Stakes fall as the mean worth rises: between two points of
the grid the lower stake is taken, so that the interval is at most a step of the grid too wide, and never too narrow.

Source: J. Spertus and P. Stark, "Sweeter than SUITE: supermartingale stratified union-intersection tests of elections",
E-Vote-ID 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facetally.quantification.estimators import Bools, Ints
from facetally.quantification.intervals import OF_A_SHARE, Floats, Interval
from facetally.quantification.sampling_sequence import NEEDED, Rounds, accuracy_interval, is_above, log_stakes

STEPS = 120
"""Of the grid."""
HALVINGS = 10
"""Of the range in which an end of the interval lies: to a thousandth."""
KEPT = 1 / 25
"""The part of each stake that is not bet, so that bets lost against a mean worth near 1 do not spoil the product."""
MOST = 1e12
"""For infinite logarithms, so that what is certain in one phase is certain in all."""


@dataclass(frozen=True)
class PhasedRounds:
    """The outcomes of the first rounds of each phase.

    Raises:
        ValueError: the path does not fit the phases.
    """

    phases: tuple[Rounds, ...]
    """K of them."""
    path: Ints
    """(T, K) the rounds of each phase that were complete at each look, ascending. One phase: 1 ... R."""

    def __post_init__(self) -> None:
        if self.path.ndim != 2 or self.path.shape[1] != len(self.phases):
            raise ValueError(f"expected a column for each of {len(self.phases)} phases, got {self.path.shape}")
        if np.any(self.path < 0) or np.any(self.path > [len(phase.correct) for phase in self.phases]):
            raise ValueError("expected numbers of rounds that there are")

    @property
    def counted(self) -> float:
        """Cases that are correct or incorrect."""
        return float(sum((phase.correct + phase.incorrect).sum() for phase in self.phases))

    @property
    def mirrored(self) -> PhasedRounds:
        """Correct and incorrect cases exchanged."""
        swapped = tuple(Rounds(one.incorrect, one.correct, one.size, one.total) for one in self.phases)
        return PhasedRounds(swapped, self.path)

    @property
    def is_complete(self) -> bool:
        """Whether every case of the population is known."""
        return all(len(phase.correct) == phase.total for phase in self.phases)

    def interval(self, extra: float) -> Interval:
        """The interval of the population's accuracy; `extra` is tested itself, as in `accuracy_interval`."""
        if len(self.phases) == 1:
            return accuracy_interval(self.phases[0], extra)
        if not self.counted:
            return OF_A_SHARE
        if self.is_complete:
            share = float(sum(phase.correct.sum() for phase in self.phases)) / self.counted
            return Interval(share, share)
        mirrored = self.mirrored
        low = _low_end(lambda share: bool(self.shows_above(share)[-1]), extra)
        high = 1 - _low_end(lambda share: bool(mirrored.shows_above(share)[-1]), 1 - extra)
        return Interval(min(low, high), max(low, high))

    def shows_above(self, share: float) -> Bools:
        """(T,) whether at each look it is shown that the accuracy is above a share in (0, 1)."""
        if len(self.phases) == 1:
            return is_above(self.phases[0], np.array([share]))[:, 0][self.path[:, 0] - 1]
        if not len(self.path):
            return np.zeros(0, bool)
        return np.asarray(np.maximum.accumulate(self._log_stakes(share)) >= NEEDED)

    def _log_stakes(self, share: float) -> Floats:
        """(T,) the logarithm of the smallest product of stakes."""
        grid = np.linspace(0, 1, STEPS + 1)
        weights = np.array([phase.size * phase.total for phase in self.phases], np.float64)
        joined, weight = self._of_phase(0, share, grid), float(weights[0])
        for index in range(1, len(self.phases)):
            means = grid if index + 1 < len(self.phases) else np.array([share])
            joined = _joined(joined, weight, self._of_phase(index, share, grid), float(weights[index]), means)
            weight += float(weights[index])
        return np.asarray(joined[:, 0])

    def _of_phase(self, index: int, share: float, grid: Floats) -> Floats:
        """(T, S + 1) the logarithm of a phase's stake against each mean worth, of which a part is never bet."""
        stakes = np.minimum(log_stakes(self.phases[index], np.full(len(grid), share), grid), MOST)
        kept = np.logaddexp(np.log(1 - KEPT) + stakes, np.log(KEPT))
        started = np.vstack([np.zeros((1, len(grid))), kept])
        return np.asarray(started[self.path[:, index]])


def _joined(first: Floats, weight: float, second: Floats, other: float, means: Floats) -> Floats:
    """(T, M) the smallest sum for each mean worth of two parts together.

    Args:
        first: (T, S + 1) of one part, by its mean worth.
        weight: its size.
        second, other: of the other part.
        means: (M,) of both together.
    """
    steps = second.shape[1] - 1
    below = np.maximum(np.arange(steps + 1) - 1, 0) / steps  # the lower end of the step, for which `first` must be more
    columns = []
    for mean in means.tolist():
        left = ((weight + other) * mean - other * below) / weight
        is_possible = left >= 0
        place = np.clip(np.ceil(left * steps - 1e-9), 0, steps).astype(np.int64)
        columns.append((first[:, place[is_possible]] + second[:, is_possible]).min(axis=1))
    return np.stack(columns, axis=1)


def _low_end(is_left_out: Callable[[float], bool], extra: float) -> float:
    """The largest share that is left out, if all smaller ones are; `extra` is on the right side of it exactly."""
    low, high = (extra, 1.0) if is_left_out(extra) else (0.0, extra)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_left_out(middle) else (low, middle)
    return low
