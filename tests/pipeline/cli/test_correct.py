"""facetally correct: what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_runs import Seen, store

from facetally.cli.main import main


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return store(tmp_path / "out", "a.mp4", Seen(0, 31, 45)).out


def correct(out: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["correct", str(out), *words])


def test_what_was_changed_is_printed_and_how_to_count_it(out: Path) -> None:
    result = correct(out, "a.mp4", "0", "--gender", "female", "--who", "anna")
    assert result.stdout == "0:31-0:45 in a.mp4: male, mid -> female, mid\n"
    assert f"facetally tally {out} --write" in result.stderr


def test_the_list_has_a_line_for_each_correction(out: Path) -> None:
    assert correct(out, "--list").stdout == "No corrections.\n"
    correct(out, "a.mp4", "0", "--gender", "poster", "--who", "[red]anna")
    (out / "corrections.csv").open("a").write("gone.mp4,1,male,,,,,,,,,,,\n")
    first, second = (line for line in correct(out, "--list").stdout.splitlines() if ".mp4" in line)
    assert all(text in first for text in ("0:31-0:45", "male, mid", "ignore (not counted)", "[red]anna"))
    assert "not applied" in second


def test_without_a_track_the_fix_is_a_command(out: Path) -> None:
    result = correct(out, "a.mp4", "--gender", "female")
    assert result.exit_code == 1
    assert f"facetally correct {out} --list" in result.stderr


def test_a_part_of_a_name_is_enough_where_one_video_fits(out: Path) -> None:
    store(out, "b/noon.mp4", Seen(0, 31, 45))
    assert correct(out, "NOON", "0", "--gender", "female").stdout.startswith("0:31-0:45 in b/noon.mp4: ")
    refused = correct(out, "mp4", "0", "--gender", "female")
    assert refused.exit_code == 1
    assert "mp4 is in the names of 2 videos: a.mp4, b/noon.mp4" in refused.stderr
