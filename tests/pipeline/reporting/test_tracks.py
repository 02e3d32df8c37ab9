"""What a page shows of single appearances: timelines, sizes, qualities; nothing of it tells what is hidden."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from labelled_world import stored, track_row

from facetally.jobs.sums import report_run, summary_options, summed_up_runs
from facetally.options import RunOptions
from facetally.reporting import tracks as module
from facetally.reporting.page import rendered
from facetally.reporting.tracks import QualityBin, TrackPictures, track_pictures
from facetally.results.ledger import Ledger
from facetally.results.tables import FACES, TALLIES, TRACKS, read_table
from facetally.tallies.forecast import Forecast

TABLES = {"faces": FACES, "tracks": TRACKS}
HEIGHTS_PX = (10.0, 10.0, 30.0, 200.0, 200.0, 200.0)


def pictures(out: Path, **options: Any) -> TrackPictures:
    return track_pictures(summed_up_runs(out, summary_options(**options)))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three videos, of 12, 6 and 0 s of screen time."""
    rows = [track_row(at, 0.9, 2.0) | {"face_height_px": height} for at, height in enumerate(HEIGHTS_PX)]
    return stored(tmp_path / "out", {"long.mp4": rows, "short.mp4": rows[:3], "empty.mp4": []}).out


def test_videos_with_appearances_have_a_timeline_the_most_seen_first(out: Path) -> None:
    found = pictures(out)
    assert [(one.row.video, len(one.bars)) for one in found.timelines] == [("long.mp4", 6), ("short.mp4", 3)]
    assert found.without_timeline == 0
    bar = found.timelines[0].bars[0]
    assert (bar.gender, bar.track) == ("female", 0)


def test_shot_cuts_are_drawn_in_the_timeline_of_their_video_and_counted_in_words(out: Path) -> None:
    ledger = Ledger(out)
    row = next(row for row in ledger.rows() if row.video == "long.mp4")
    tables = (read_table(ledger.path(name, row.video_id), schema) for name, schema in TABLES.items())
    ledger.store(replace(row, cuts_s=(2.0, 6.0)), *tables, provenance=ledger.provenance(row.video_id))
    assert [one.cuts_s for one in pictures(out).timelines] == [(2.0, 6.0), ()]
    page = report_run(out).read_text(encoding="utf-8")
    assert "Thin lines are shot cuts." in page
    assert ("shot cuts 2." in page, "shot cuts 0." in page) == (True, True)


@pytest.mark.parametrize(("name", "value"), [("MAX_TIMELINES", 1), ("MAX_BARS", 8), ("MAX_BARS", 1)])
def test_timelines_are_limited_and_those_left_out_are_counted(
    out: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    monkeypatch.setattr(module, name, value)
    found = pictures(out)
    assert [one.row.video for one in found.timelines] == ["long.mp4"]
    assert found.without_timeline == 1
    assert "The 1 videos" not in report_run(out).read_text(encoding="utf-8")
    assert "1 of 2 videos" in report_run(out).read_text(encoding="utf-8")


def test_face_heights_are_counted_with_the_accuracy_to_expect(out: Path) -> None:
    sizes = {one.label: one for one in pictures(out).sizes}
    assert {label: one.appearances for label, one in sizes.items()} == {
        **{"0–15": 4, "16–23": 0, "24–39": 2},
        **{"40–79": 0, "80–159": 0, "160+": 3},
    }
    accuracies = [one.accuracy or 0.0 for one in sizes.values()]
    assert accuracies == sorted(accuracies)


def test_small_sizes_are_hidden_with_another_one_so_that_they_cannot_be_computed(out: Path) -> None:
    found = pictures(out, min_cell=3)
    assert [one.appearances for one in found.sizes] == [4, 0, None, 0, 0, None]
    assert found.timelines == ()
    assert found.without_timeline == 0


def test_where_the_total_is_hidden_nothing_of_single_appearances_is_shown(out: Path) -> None:
    assert pictures(out, min_cell=50) == TrackPictures(size_source=pictures(out).size_source)


def test_no_chart_shows_what_a_table_hides(out: Path) -> None:
    text = report_run(out, min_cell=50).read_text(encoding="utf-8")
    charts = " ".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "hidden" in charts
    assert not re.search(r"\b9\b(?! %)", re.sub(r"<[^>]*>", " ", charts))  # nine appearances
    assert "<h2>Timelines</h2>" not in text
    assert "single appearances are not shown" in text.lower()


def test_qualities_have_a_table() -> None:
    qualities = (QualityBin(0.0, 0.5, 12), QualityBin(0.5, 1.0, None))
    text = rendered(
        [],
        TALLIES.empty_table().to_pandas(),
        bin_s=60.0,
        provenance={"options": RunOptions().as_dict(), "models": {}},
        expected=Forecast(0.1, 0.9),
        corrected={},
        tracks=TrackPictures(qualities=qualities),
    )
    assert "<td>0.0 – 0.5</td><td>12</td>" in text
    assert "<td>0.5 – 1.0</td><td>hidden</td>" in text
