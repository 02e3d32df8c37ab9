from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from labelled_world import corpus, track_outcome

from facetally.truth.files import write_truth
from scripts.choose_thresholds import chosen_screen_time_s, main


def test_the_chosen_screen_time_loses_at_most_one_person_in_a_hundred() -> None:
    lasting = [track_outcome("female", 0.9, f"s{i}", seconds=0.8) for i in range(99)]
    brief = track_outcome("female", 0.9, "brief", seconds=0.5)
    assert chosen_screen_time_s([*lasting, brief]) == 0.7
    assert chosen_screen_time_s([*lasting, brief, track_outcome("male", 0.1, "b", seconds=0.6)]) == 0.5
    assert chosen_screen_time_s([*lasting, track_outcome("nobody", 0.9, "c", seconds=0.4)]) == 0.7


def test_both_thresholds_are_printed_beside_their_defaults(tmp_path: Path) -> None:
    people = {f"s{i:02}/a.mp4": [("female", 0.9, 2.0), ("male", 0.6 if i % 4 else 0.2, 1.0)] for i in range(48)}
    ledger, truth = corpus(tmp_path / "out", people)
    write_truth(truth, tmp_path / "truth")
    done = CliRunner().invoke(main, [str(ledger.out), "--truth", str(tmp_path / "truth")], catch_exceptions=False)
    assert "min_confidence: 0.61; the default is" in done.output
    assert "min_screen_time_s: 1.0; the default is" in done.output
