"""The tables that are timed are those of a run, and the same with and without small files."""

from __future__ import annotations

from pathlib import Path

from facetally.jobs.sums import tally_run
from facetally.results.condition import condition_of
from facetally.results.ledger import Ledger
from scripts.benchmark_tables import first_videos, fitted_exponent, further_ms, make_compacted, make_run

COUNT = 40


def test_both_forms_of_a_run_are_intact_and_have_the_same_sums(tmp_path: Path) -> None:
    small = make_run(tmp_path / "small", COUNT)
    joined = Ledger(make_compacted(tmp_path / "joined", COUNT))
    for ledger in (small, joined):
        found = condition_of(ledger, is_deep=True)
        assert (len(found.rows), found.damages) == (COUNT, {})
    sums = [tally_run(ledger.out, by="video").lines for ledger in (small, joined)]
    assert sums[0].equals(sums[1])
    assert sums[0]["appearances"].iloc[-1] > COUNT


def test_the_first_videos_are_a_run_of_their_own(tmp_path: Path) -> None:
    whole = make_run(tmp_path / "whole", 9)
    ids = Ledger(first_videos(whole.out, tmp_path / "run", 4)).video_ids()
    assert [int(one.split("programme-")[1][:6]) for one in ids] == [0, 1, 2, 3]


def test_the_exponent_is_that_of_the_seconds() -> None:
    results = {f"{count} videos": {"tally": {"core_s": 2e-4 * count**1.5}} for count in (100, 1000, 10_000)}
    assert fitted_exponent((100, 1000, 10_000), results, "tally") == 1.5


def test_the_cost_of_a_further_video_is_without_the_start() -> None:
    results = {f"{count} videos": {"tally": {"core_s": 3 + 2e-4 * count}} for count in (100, 1000, 10_000)}
    assert further_ms((100, 1000, 10_000), results, "tally") == [0.2, 0.2]
