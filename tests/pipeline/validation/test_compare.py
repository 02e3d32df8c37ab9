"""Two runs compared over the same labels: the same people, and the same resampled sources for both."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from labelled_world import corpus, stored

from facetally.errors import OutputError, TruthError
from facetally.quantification.intervals import bootstrapped
from facetally.results.ledger import Ledger
from facetally.truth.labels import Truth
from facetally.validation.compare import compare_runs

Predictions = dict[str, list[tuple[str, float, float]]]


def predictions(*by_source: tuple[float, ...]) -> Predictions:
    """A video of each source with women of these probabilities."""
    return {f"s{i}/a.mp4": [("female", prob, 0.2) for prob in probs] for i, probs in enumerate(by_source)}


def both(folder: Path, first: Predictions, second: Predictions) -> tuple[Ledger, Ledger, Truth]:
    """Two runs and the labels of the first."""
    ledger, truth = corpus(folder / "first", first)
    return ledger, corpus(folder / "second", second)[0], truth


def test_both_runs_are_counted_over_the_same_people(tmp_path: Path) -> None:
    first = predictions((0.9, 0.2, math.nan), (0.9, 0.9, 0.9))
    second = predictions((0.9, 0.9, 0.9), (0.2, 0.9, 0.9))
    figures = compare_runs(*both(tmp_path, first, second))
    assert [(figures[run]["right"], figures[run]["count"]) for run in ("first", "second")] == [(4, 6), (5, 6)]
    assert (figures["only_first_right"], figures["only_second_right"]) == (1, 2)
    assert figures["difference"]["points"] == 16.6667


def test_people_who_changed_are_named(tmp_path: Path) -> None:
    figures = compare_runs(*both(tmp_path, predictions((0.9, 0.3), (math.nan,)), predictions((0.9, 0.9), (0.9,))))
    assert figures["changed"] == [
        {
            **{"video": "s0/a.mp4", "person": "p1", "true": "female", "first": "unknown", "second": "female"},
            **{"first_female_prob": 0.3, "second_female_prob": 0.9},
        },
        {
            **{"video": "s1/a.mp4", "person": "p0", "true": "female", "first": "missed", "second": "female"},
            **{"first_female_prob": None, "second_female_prob": 0.9},
        },
    ]


def test_the_interval_resamples_the_same_sources_for_both(tmp_path: Path) -> None:
    first = predictions((0.2, 0.2, 0.9), (0.9, 0.2), (0.9,), (0.2, 0.9), (0.9, 0.9), (0.2,))
    second = predictions((0.9, 0.2, 0.9), (0.9, 0.9), (0.2,), (0.9, 0.9), (0.9, 0.9), (0.2,))
    gains, counts = np.array([1, 1, -1, 1, 0, 0]), np.array([3, 2, 1, 2, 2, 1])
    interval = bootstrapped(lambda weights: (weights @ gains) / (weights @ counts), 6)
    difference = compare_runs(*both(tmp_path, first, second))["difference"]
    assert difference == {"points": 18.1818, "low": round(100 * interval.low, 4), "high": round(100 * interval.high, 4)}
    assert -100 < difference["low"] < 18 < difference["high"]


def test_swapped_runs_differ_by_the_opposite(tmp_path: Path) -> None:
    first, second, truth = both(
        tmp_path, predictions((0.2,), (0.9, 0.2), (0.9,)), predictions((0.9,), (0.9, 0.9), (0.2,))
    )
    forward, backward = (
        compare_runs(first, second, truth)["difference"],
        compare_runs(second, first, truth)["difference"],
    )
    opposite = {"points": -forward["points"], "low": -forward["high"], "high": -forward["low"]}
    assert backward == pytest.approx(opposite)


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    ledger, truth = corpus(tmp_path, predictions(*[(0.9, 0.2)] * 8))
    figures = compare_runs(ledger, ledger, truth)
    assert (figures["difference"]["points"], figures["changed"]) == (0.0, [])
    assert figures["difference"]["low"] < 0 < figures["difference"]["high"]  # eight sources leave an interval


def test_one_source_leaves_the_widest_interval(tmp_path: Path) -> None:
    difference = compare_runs(*both(tmp_path, predictions((0.2, 0.9)), predictions((0.9, 0.9))))["difference"]
    assert difference == {"points": 50.0, "low": -100.0, "high": 100.0}


def test_only_people_in_both_runs_count(tmp_path: Path) -> None:
    first, second = predictions((0.9,), (0.9, 0.9), (0.9,)), predictions((0.2,), (0.9, 0.9))
    one, other, truth = both(tmp_path, first, second)
    for figures in (compare_runs(one, other, truth), compare_runs(other, one, truth)):
        assert (figures["first"]["count"], figures["second"]["count"]) == (3, 3)


def test_unsure_people_do_not_count(tmp_path: Path) -> None:
    videos = {"a.mp4": [("unsure", 0.9, 0.2), ("male", 0.1, 0.2)]}
    assert compare_runs(*both(tmp_path, videos, videos))["first"]["count"] == 1


def test_names_may_be_longer_in_one_run(tmp_path: Path) -> None:
    ledger, truth = corpus(tmp_path / "first", predictions((0.9,)))
    other, _ = corpus(tmp_path / "second", {"clips/s0/a.mp4": [("female", 0.2, 0.2)]})
    figures = compare_runs(ledger, other, truth)
    assert (figures["only_first_right"], figures["first"]["count"]) == (1, 1)


def test_no_labelled_person_in_both_is_an_error(tmp_path: Path) -> None:
    videos = {"a.mp4": [("unsure", 0.9, 0.2)]}
    with pytest.raises(TruthError, match="no labelled man or woman is in both runs") as caught:
        compare_runs(*both(tmp_path, videos, videos))
    assert caught.value.fix == "compare runs over the same videos"


def test_a_video_that_failed_in_one_run_is_missed_there(tmp_path: Path) -> None:
    ledger, truth = corpus(tmp_path / "first", predictions((0.9,), (0.9,)))
    other = stored(tmp_path / "second", {}, failed=["s0/a.mp4", "s1/a.mp4"])
    assert compare_runs(ledger, other, truth)["difference"]["points"] == -100.0


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    ledger, truth = corpus(tmp_path / "first", predictions((0.9,)))
    with pytest.raises(OutputError, match="holds no results"):
        compare_runs(ledger, Ledger(tmp_path / "none"), truth)
