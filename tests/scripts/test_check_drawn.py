"""The check of drawn copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_world import CODEC, engines, filmed, one_person

from facetally import draw
from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.cli.progress import LineProgress
from facetally.inputs import find_videos
from facetally.options import RunOptions
from facetally.results.ledger import Ledger
from scripts.check_drawn import compared, copies_in

pytestmark = pytest.mark.skipif(CODEC != "libx264", reason="this build of PyAV has no H.264 encoder")


def test_videos_that_differ_only_in_their_suffix_are_compared_with_their_own_copies(tmp_path: Path) -> None:
    videos, out = tmp_path / "videos", tmp_path / "out"
    videos.mkdir()
    films = {"film.mov": one_person(), "film.mp4": one_person("blue")}
    for name, film in films.items():
        filmed(videos / name, film)
    plan = plan_run(find_videos([str(videos)]), Ledger(out), RunOptions().digest({}))
    run_videos(plan, Ledger(out), engines(), options=RunOptions(), progress=LineProgress())
    draw(out, tmp_path / "drawn")
    copies = copies_in(tmp_path / "drawn")
    assert {name: path.name for name, path in copies.items()} == {"film.mov": "film.mp4", "film.mp4": "film_2.mp4"}
    assert all(not compared(videos / name, copies[name], name).problems for name in films)
