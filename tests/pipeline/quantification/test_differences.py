"""Differences between groups: their intervals cover the truth as often as they say, also where videos are in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from facetally.quantification.differences import VideoCounts, difference


def counts(women: Sequence[float], known: Sequence[float], cases: float | None = None) -> VideoCounts:
    return VideoCounts(np.array(women, float), np.array(known, float), sum(known) if cases is None else cases)


def test_the_difference_is_that_of_the_shares() -> None:
    first, second = counts([3, 2, 0, 0], [4, 6, 0, 0]), counts([0, 0, 1, 1], [0, 0, 5, 5])
    found = difference(first, second)
    assert found.value == pytest.approx(0.5 - 0.2)
    assert found.interval is not None
    assert -1 <= found.interval.low < 0.3 < found.interval.high <= 1


def test_one_video_says_nothing_about_others() -> None:
    assert difference(counts([3, 0, 0], [4, 0, 0]), counts([0, 1, 1], [0, 5, 5])).interval is None
    assert np.isnan(difference(counts([0, 0], [0, 0]), counts([1, 1], [5, 5])).value)


def test_groups_in_which_all_videos_agree_still_have_an_interval() -> None:
    first, second = counts([5] * 6 + [0] * 6, [5] * 6 + [0] * 6), counts([0] * 12, [0] * 6 + [5] * 6)
    found = difference(first, second).interval
    assert found is not None
    assert 0.7 < found.low < 0.98
    assert found.high == 1.0


def test_the_unit_of_the_amounts_does_not_matter() -> None:
    women, known = [30.0, 5.0, 0.0, 9.0], [60.0, 45.0, 20.0, 30.0]
    both = [counts([factor * w for w in women], [factor * k for k in known], 12) for factor in (1.0, 1000.0)]
    first, second = (one.interval() for one in both)
    assert first is not None
    assert second is not None
    assert (first.low, first.high) == pytest.approx((second.low, second.high))


def test_videos_in_both_groups_make_the_difference_more_certain() -> None:
    """The same films by hour: what is special about a film cancels out."""
    random = np.random.default_rng(0)
    share, known = random.uniform(0, 1, 40), np.full(40, 20.0)
    early, late = (np.round(known * np.clip(share + random.normal(0, 0.05, 40), 0, 1)) for _ in range(2))
    paired = difference(VideoCounts(early, known, known.sum()), VideoCounts(late, known, known.sum())).interval
    none = np.zeros(40)
    apart = [
        VideoCounts(np.concatenate(women), np.concatenate(of), known.sum())
        for women, of in (((early, none), (known, none)), ((none, late), (none, known)))
    ]
    unpaired = difference(*apart).interval
    assert paired is not None
    assert unpaired is not None
    assert paired.high - paired.low < (unpaired.high - unpaired.low) / 2


def drawn(random: np.random.Generator, videos: int, share: float, alike: float) -> tuple[list[float], list[float]]:
    """Women and people of known gender of videos whose shares vary; `alike` is the intra-class correlation."""
    total = (1 - alike) / alike
    known = random.integers(1, 12, videos)
    women = random.binomial(known, random.beta(share * total, (1 - share) * total, videos))
    return [*map(float, women)], [*map(float, known)]


@pytest.mark.parametrize(
    ("videos", "shares"),
    [((10, 10), (0.2, 0.5)), ((30, 30), (0.4, 0.3)), ((10, 100), (0.4, 0.3)), ((20, 20), (0.05, 0.5))],
)
def test_intervals_cover_the_true_difference_in_about_95_percent(
    videos: tuple[int, int], shares: tuple[float, float]
) -> None:
    random, covered, trials = np.random.default_rng(1), 0, 400
    for _ in range(trials):
        (w1, k1), (w2, k2) = (drawn(random, count, share, 0.2) for count, share in zip(videos, shares, strict=True))
        rest, first = [0.0] * len(w1), [0.0] * len(w2)
        found = difference(counts(w1 + first, k1 + first), counts(rest + w2, rest + k2)).interval
        assert found is not None
        covered += found.low <= shares[0] - shares[1] <= found.high
    assert 0.92 <= covered / trials <= 0.985
