"""Confidence sequences: the stake against two other formulas and in all possible orders, and the interval."""

from __future__ import annotations

from itertools import pairwise, permutations, product

import numpy as np
import pytest
from scipy.special import gammaln

from facetally.quantification import sampling_sequence
from facetally.quantification.intervals import Floats
from facetally.quantification.sampling_sequence import (
    ALTERNATIVES,
    NEEDED,
    Rounds,
    accuracy_interval,
    is_above,
    log_stakes,
)

ONE = np.array([1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1])
"""Cases of rounds of one; 1: correct."""


def singly(correct: np.ndarray, total: int) -> Rounds:
    return Rounds(correct, 1 - correct, 1, total)


@pytest.mark.parametrize(
    ("total", "share", "bet", "stake"),
    [(64, 0.85, 0.5, 0.9146942662718356), (64, 0.6, 1.2, 36.60563117969083), (20, 0.85, 0.5, 0.9303098184091072)],
)
def test_the_stake_of_a_fixed_bet_is_that_of_confseq(
    monkeypatch: pytest.MonkeyPatch, total: int, share: float, bet: float, stake: float
) -> None:
    """The expected values are from `betting_mart` of confseq 0.0.11, by the authors of the method."""

    def fixed(mean: Floats, *_: object) -> tuple[Floats, Floats]:
        return mean[..., None], np.full((*mean.shape, ALTERNATIVES), bet)

    monkeypatch.setattr(sampling_sequence, "_bets", fixed)
    assert np.exp(log_stakes(singly(ONE, total), np.array([share]))[-1, 0]) == pytest.approx(stake)


def test_the_stake_is_the_mean_likelihood_ratio_of_hypergeometric_draws() -> None:
    total, share, right, wrong = 2000, 0.5, int(ONE.sum()), int((1 - ONE).sum())

    def log_ways(correct: Floats) -> Floats:
        """Ordered ways to draw the cases from this many correct ones."""
        incorrect = total - correct
        ways = gammaln(correct + 1) - gammaln(correct - right + 1)
        return np.asarray(ways + gammaln(incorrect + 1) - gammaln(incorrect - wrong + 1))

    accuracies = share + (1 - share) * (np.arange(ALTERNATIVES) + 0.5) / ALTERNATIVES
    expected = np.exp(log_ways(total * accuracies) - log_ways(np.array(total * share))).mean()
    assert np.exp(log_stakes(singly(ONE, total), np.array([share]))[-1, 0]) == pytest.approx(expected)


@pytest.mark.parametrize(
    "strata", [*product(["cci", "cin"], ["cci", "cin", "iin", "ccc"]), ("iin", "ccc")], ids="+".join
)
def test_in_no_population_does_the_stake_grow_on_average(strata: tuple[str, str]) -> None:
    """Two strata of three cases (correct, incorrect, neither), in all 36 orders in which rounds can draw them."""
    cases = "".join(strata)
    accuracy = cases.count("c") / (cases.count("c") + cases.count("i"))
    orders = list(product(*(permutations(stratum) for stratum in strata)))
    counts = [
        [[sum(x == word for x in pair) for pair in zip(*order, strict=True)] for order in orders] for word in "ci"
    ]
    stakes = [
        np.exp(log_stakes(Rounds(np.array(c), np.array(i), 2, 3), np.array([accuracy]))[:, 0])
        for c, i in zip(*counts, strict=True)
    ]
    assert (np.mean(stakes, axis=0) <= 1 + 1e-9).all()


def test_what_cannot_be_undone_any_more_is_certain() -> None:
    rounds = singly(np.array([1, 1, 1, 1, 1]), 8)
    assert np.isinf(log_stakes(rounds, np.array([0.6])))[-1, 0]  # 5 of 8 are correct, whatever comes
    assert not np.isinf(log_stakes(rounds, np.array([0.63])))[-1, 0]


def test_the_interval_narrows_from_everything_to_the_share_itself() -> None:
    random = np.random.default_rng(0)
    correct = (random.random((40, 8)) < 0.9).sum(axis=1)
    intervals = [accuracy_interval(Rounds(correct[:n], 8 - correct[:n], 8, 40)) for n in range(41)]
    assert (intervals[0].low, intervals[0].high) == (0, 1)
    assert intervals[40].low == intervals[40].high == correct.sum() / 320
    for wide, narrow in pairwise(intervals):
        assert wide.low <= narrow.low <= narrow.high <= wide.high


def test_cases_that_are_neither_give_no_evidence() -> None:
    plain = Rounds(np.array([1, 1, 1]), np.array([0, 0, 0]), 1, 1000)
    with_others = Rounds(np.array([1, 0, 1, 0, 1]), np.zeros(5, int), 1, 1000)
    assert log_stakes(with_others, np.array([0.8]))[-1, 0] == pytest.approx(
        log_stakes(plain, np.array([0.8]))[-1, 0], abs=0.01
    )


def test_an_end_of_the_interval_can_fall_on_the_target() -> None:
    correct = np.full(12, 8)
    assert accuracy_interval(Rounds(correct, 8 - correct, 8, 500), extra=0.85).low >= 0.85
    assert is_above(Rounds(correct, 8 - correct, 8, 500), np.array([0.85]))[-1, 0]


def test_the_truth_is_left_out_at_some_look_in_at_most_a_fortieth_of_populations() -> None:
    random, population = np.random.default_rng(5), np.repeat([1, 0], [360, 40])
    missed = sum(
        bool((log_stakes(_drawn(random.permutation(population)), np.array([0.9])) >= NEEDED)[:-1].any())
        for _ in range(1000)
    )
    assert missed <= 25 + 2 * np.sqrt(25)


def _drawn(correct: np.ndarray) -> Rounds:
    by_round = correct.reshape(-1, 8).sum(axis=1)
    return Rounds(by_round, 8 - by_round, 8, len(by_round))


def test_more_rounds_than_there_are_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at most 2 rounds"):
        singly(np.array([1, 1, 1]), 2)
    with pytest.raises(ValueError, match="a round has 2 cases"):
        Rounds(np.array([2]), np.array([1]), 2, 5)
