"""Strata of equal size that are drawn in rounds, and times in equal segments."""

from __future__ import annotations

import numpy as np

from facetally.quantification.sampling import MAX_STRATA, draw_rounds, draw_times


def test_strata_are_neighbours_of_equal_size() -> None:
    stratum, _ = draw_rounds(163, np.random.default_rng(0))
    assert (np.diff(stratum) >= 0).all()
    assert sorted(np.bincount(stratum)) == [20] * 5 + [21] * 3
    assert len(np.bincount(stratum)) == MAX_STRATA


def test_a_small_population_has_fewer_strata() -> None:
    assert [draw_rounds(count, np.random.default_rng(0))[0].max() + 1 for count in (1, 19, 20, 45)] == [1, 1, 2, 4]


def test_a_round_has_at_most_one_case_of_a_stratum() -> None:
    stratum, rounds = draw_rounds(163, np.random.default_rng(1))
    assert len(set(zip(stratum.tolist(), rounds.tolist(), strict=True))) == 163
    assert set(rounds.tolist()) == set(range(21))


def test_every_case_is_in_the_first_rounds_equally_often_even_where_strata_differ_in_size() -> None:
    random = np.random.default_rng(2)
    early = np.mean([draw_rounds(23, random)[1] < 3 for _ in range(6000)], axis=0)
    assert np.abs(early - 3 / 12).max() < 4 * np.sqrt(0.25 * 0.75 / 6000)


def test_each_segment_has_one_time_and_their_order_is_random() -> None:
    at = draw_times(100.0, 20, np.random.default_rng(3))
    assert sorted((at // 5).astype(int).tolist()) == list(range(20))
    assert not (np.diff(at) > 0).all()
