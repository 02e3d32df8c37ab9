from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

pytest.importorskip("psutil")

import click
from click.testing import CliRunner

import scripts.campaign.__main__ as campaign
from scripts.campaign.__main__ import main
from scripts.campaign.damaged_input import mutants_of
from scripts.campaign.kills import killed_ray_runs
from scripts.campaign.long_videos import live_picture
from scripts.campaign.report import earlier_parts
from scripts.campaign.runs import unbroken_run
from scripts.clip_links import linked
from scripts.long_films import Film


def test_a_short_campaign_passes_and_keeps_results_of_other_parts(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [
        str(clip.parent),
        "--kills",
        "3",
        "--s3-kills",
        "2",
        "--ray-kills",
        "0",
        "--mutants",
        "6",
        "--minutes",
        "0",
        "--live-minutes",
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
    assert results["kills over S3"]["kills"] == 2
    assert results["damaged files"]["files"] == sum(results["damaged files"]["statuses"].values()) == 6
    assert results["full disk"]["told"]
    assert results["two runs at once"]["refused"]
    assert "| kills | yes |" in (tmp_path / "r.md").read_text()
    monkeypatch.setattr(campaign, "unbroken_run", lambda *_: None)  # these parts do not need it
    again = CliRunner().invoke(main, [*words, "--part", "vanished folder"])
    assert again.exit_code == 0, again.output
    assert json.loads((tmp_path / "r.json").read_text())["parts"]["kills"] == results["kills"]
    assert "choose from: kills, damaged files" in CliRunner().invoke(main, [*words, "--part", "kill"]).output


def test_a_report_that_is_not_there_yet_has_no_earlier_parts(tmp_path: Path) -> None:
    assert earlier_parts(tmp_path / "r.json") == {}
    (tmp_path / "r.json").write_text(json.dumps({"parts": {"kills": {"passed": True}}}))
    assert earlier_parts(tmp_path / "r.json") == {"kills": {"passed": True}}


def test_clips_are_found_from_every_folder(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(films.parent)
    links = linked([Path(films.name) / "man.mp4"], tmp_path / "links")
    assert [link.read_bytes() for link in links.iterdir()] == [(films / "man.mp4").read_bytes()]


def test_a_campaign_without_a_sound_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(click.ClickException, match="the run without faults"):
        unbroken_run(tmp_path, tmp_path / "out")


def test_runs_on_ray_that_were_killed_resume_to_the_same_bytes(films: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    result = killed_ray_runs(films, tmp_path, 1, random.Random(1))
    assert (result["passed"], result["kills"], result["that differ"]) == (True, 1, 0), result


def test_the_same_seed_damages_the_same_bytes(films: Path, tmp_path: Path) -> None:
    clips = sorted(films.iterdir())
    made = [list(mutants_of(clips, tmp_path / name, 8, random.Random(1))) for name in ("a", "b")]
    assert [path.name for path in made[0]] == [path.name for path in made[1]]
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]
    originals = {clip.read_bytes() for clip in clips}
    assert not any(path.read_bytes() in originals for path in made[0])


@pytest.mark.timeout(300)
def test_the_memory_of_a_live_picture_is_flat_for_half_a_minute(films: Path, tmp_path: Path) -> None:
    result = live_picture(sorted(films.iterdir()), tmp_path, 0.5, Film(size_wh=(640, 360)))
    assert result["passed"], result
    assert result["minutes"] == 0.5
