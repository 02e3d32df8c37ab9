from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

pytest.importorskip("psutil")

from click.testing import CliRunner

from scripts.campaign import main, mutants_of


def test_a_short_campaign_passes_and_keeps_results_of_other_parts(films: Path, tmp_path: Path) -> None:
    words = [
        str(films),
        "--kills",
        "3",
        "--mutants",
        "6",
        "--minutes",
        "0",
        "--examples",
        "0",
        "--report",
        str(tmp_path / "r.json"),
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    results = json.loads((tmp_path / "r.json").read_text())["parts"]
    assert results["kills"]["kills"] >= 3
    assert results["damaged files"]["files"] == sum(results["damaged files"]["statuses"].values()) == 6
    assert results["full disk"]["told"]
    assert results["two runs at once"]["refused"]
    assert "| kills | yes |" in (tmp_path / "r.md").read_text()
    again = CliRunner().invoke(main, [*words, "--part", "full disk"])
    assert again.exit_code == 0, again.output
    assert json.loads((tmp_path / "r.json").read_text())["parts"]["kills"] == results["kills"]
    assert "choose from: kills, damaged files" in CliRunner().invoke(main, [*words, "--part", "kill"]).output


def test_the_same_seed_damages_the_same_bytes(films: Path, tmp_path: Path) -> None:
    clips = sorted(films.iterdir())
    made = [list(mutants_of(clips, tmp_path / name, 8, random.Random(1))) for name in ("a", "b")]
    assert [path.name for path in made[0]] == [path.name for path in made[1]]
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]
    originals = {clip.read_bytes() for clip in clips}
    assert not any(path.read_bytes() in originals for path in made[0])
