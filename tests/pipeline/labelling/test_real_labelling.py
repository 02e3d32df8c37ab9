"""Real clips, labelled by keyboard in a real browser from the first appearance to a verdict."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from label_server import LabelServer

from facetally.jobs.runs import run_folder
from facetally.labelling.design_file import read_design
from facetally.labelling.estimates import sample_estimates
from facetally.labelling.journal import Journal
from facetally.labelling.record import Record
from facetally.labelling.sample import Sample
from facetally.results.ledger import Ledger

if TYPE_CHECKING:
    from playwright.sync_api import Page

CLIPS = (
    "kugelblitz779__AzureVideoIndexer/testvideo.mp4",
    "TencentARC__ST-LLM/example__TVshow.mp4",
    "yakhyo__facial-analysis/assets__in_video.mp4",
)
"""52 appearances."""


@pytest.fixture(scope="module")
def server(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelServer]:
    folder = tmp_path_factory.mktemp("real")
    out, moved = folder / "out", folder / "moved"
    run_folder([shared / "videos" / clip for clip in CLIPS], out)
    moved.mkdir()
    for number, clip in enumerate(CLIPS):  # with other names
        shutil.copyfile(shared / "videos" / clip, moved / f"{number}{Path(clip).suffix}")
    server = LabelServer([str(out), "-o", str(folder / "truth"), "--videos", str(moved), "--moments", "2"]).start()
    yield server
    server.kill()


@pytest.mark.real
def test_labels_by_keyboard_lead_to_the_verdict_of_the_sample(server: LabelServer, tabs: Callable[..., Page]) -> None:
    out, truth = Path(server.arguments[0]), Path(server.arguments[2])
    sample = Sample(Ledger(out), read_design(truth / "design.json"), find=False)
    page = tabs(server)
    for number, track in enumerate(sample.design.tracks[:48], 1):
        page.wait_for_selector(f"body[data-shown='track/{number - 1}']")
        page.keyboard.press("w" if sample.predictions[track.key].female_prob > 0.5 else "m")
    page.wait_for_selector("body:not([data-shown='track/47'])")  # what stands by the last label, not by one before it
    page.wait_for_selector("#verdict-word >> text=Pass")
    assert "accuracy 100.0 %" in page.inner_text("#verdict")
    page.goto("about:blank")  # so that no picture is asked for while the server ends
    assert "target 85.0 %: pass" in server.end()
    record = Record()
    record.add(Journal(truth).read_new())
    found = sample_estimates(sample.ledger, sample.design, record.labels(), 0.85)
    assert (found.standing.word, found.standing.labelled, found.standing.accuracy) == ("pass", 48, 1)
    assert len((truth / "people.csv").read_text().splitlines()) == 1 + 48
