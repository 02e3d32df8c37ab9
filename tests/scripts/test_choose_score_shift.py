from __future__ import annotations

import math
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from labelled_world import corpus

from facetally.truth.files import write_truth
from scripts.choose_score_shift import Finds, chosen_shift, main, split


def test_another_person_found_outweighs_less_than_five_tracks_on_nobody() -> None:
    assert chosen_shift({0.0: Finds(80, 5), 0.2: Finds(83, 15), 0.4: Finds(84, 25)}) == 0.2
    assert chosen_shift({0.4: Finds(80, 5), 0.2: Finds(80, 5), -0.3: Finds(80, 5)}) == 0.2


@pytest.mark.parametrize("run", ["out", "=out", "much=out"])
def test_a_run_without_a_shift_is_refused(run: str) -> None:
    with pytest.raises(click.BadParameter, match="SHIFT=OUT"):
        split(run)


def test_runs_are_compared_on_both_halves(tmp_path: Path) -> None:
    def run(name: str, found_every: int) -> str:
        people = {f"s{i}/a.mp4": [("male", math.nan if i % found_every else 0.1, 2.0)] for i in range(8)}
        ledger, truth = corpus(tmp_path / name, people)
        write_truth(truth, tmp_path / f"truth_{name}")
        return str(ledger.out)

    runs = ["--run", f"0={run('unmoved', 4)}", "--run", f"0.3={run('moved', 1)}"]
    done = CliRunner().invoke(main, [*runs, "--truth", str(tmp_path / "truth_moved")], catch_exceptions=False)
    rows = {words[1]: words for words in map(str.split, done.output.splitlines()) if len(words) > 2}
    assert "*" in rows["0.3"]
    assert "*" not in rows["0.0"]
    assert rows["0.3"].count("4") == 2
