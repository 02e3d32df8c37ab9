"""Corrected shares of groups: they are those of the groups' videos as a run of their own."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from labelled_world import CLASSIFIER, stored, track_outcome, track_row

from facetally.cli.main import main
from facetally.formatting import percent
from facetally.jobs.sums import report_run, tally_run
from facetally.quantification.run_shares import as_figures, run_corrections
from facetally.results.ledger import Ledger
from facetally.tallies.corrected import has_whole_videos, quotes
from facetally.tallies.groups import GroupOptions
from facetally.tallies.summary import Summary, SummaryOptions, summed_up
from facetally.tallies.written import as_csv, as_json
from facetally.validation.outcomes import labelled_tracks

CLOCK = "%Y-%m-%d %H%M"
NAME = "women_by_appearance_corrected"


def calibration(folder: Path, women: int = 10) -> Path:
    """10 or fewer women of whom two are predicted male, and 10 men of whom one is predicted female."""
    labelled = labelled_tracks(
        track_outcome(gender, 0.9 if number < predicted_female else 0.2, f"s{number % 5}", seconds=2.0)
        for gender, predicted_female, count in (("female", 8, women), ("male", 1, 10))
        for number in range(count)
    )
    figures = as_figures(labelled, {"classifier": {"sha256": CLASSIFIER}})
    (folder / "report.json").write_text(json.dumps({"calibration": figures}))
    return folder / "report.json"


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three videos in each of two folders, on two days, with a classifier that errs; few resamples, to be fast."""
    monkeypatch.setattr("facetally.quantification.correction.RESAMPLES", 50)
    rows = {
        f"{folder}/2026-03-0{day} 19{minute}.mp4": [
            track_row(at, 0.9 if at < women else 0.2, 2.0 + at) for at in range(10)
        ]
        for folder, women in (("a", 7), ("b", 3))
        for day, minute in ((1, 10), (1, 50), (2, 10))
    }
    calibration(tmp_path)
    stored(tmp_path / "out", rows)
    return tmp_path / "out"


def summary_of(out: Path, by: str, **options: Any) -> Summary:
    groups = GroupOptions(by, clock=CLOCK)
    return summed_up([out], SummaryOptions(groups=groups, calibration=out.parent / "report.json", **options))


def facetally(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize(("by", "in_name"), [("folder", "{}/"), ("date", "{}"), ("video", "{}")])
def test_a_group_has_the_correction_of_its_videos_alone(out: Path, by: str, in_name: str) -> None:
    summary, ledger = summary_of(out, by), Ledger(out)
    assert len(summary.lines) == {"folder": 2, "date": 2, "video": 6}[by]
    for line, found in zip(summary.lines, summary.quotes, strict=False):
        rows = [row for row in ledger.rows() if in_name.format(line.label) in row.video]
        assert found == quotes(run_corrections(ledger, rows, out.parent / "report.json"))
        assert {quote.method for quote in found.values()} == {"em"}
        assert all((quote.correction.interval is None) == (by == "video") for quote in found.values())


def test_the_csv_has_the_corrected_share_its_interval_and_method(out: Path) -> None:
    summary = summary_of(out, "folder")
    first, _, total = csv.DictReader(io.StringIO(as_csv(summary)))
    correction = summary.quotes[0]["appearances"].correction
    assert correction.interval is not None
    figures = {"": correction.share, "_low": correction.interval.low, "_high": correction.interval.high}
    assert {end: float(first[NAME + end]) for end in figures} == pytest.approx(figures, abs=5e-5)
    assert first[f"{NAME}_method"] == total["women_by_screen_time_corrected_method"] == "EM"
    assert float(total[NAME]) == pytest.approx(summary.corrections["appearances"]["em"].share, abs=5e-5)


def test_json_and_lines_have_them_and_other_tallies_do_not(out: Path) -> None:
    content = json.loads(as_json(summary_of(out, "folder")))
    shares = [one[NAME] for one in (*content["groups"], content["total"])]
    sums = tally_run(out, by="folder", calibration=out.parent / "report.json")
    assert sums.lines[NAME].round(4).tolist() == shares
    assert NAME not in tally_run(out, by="folder").lines


def test_the_table_names_the_figure_to_quote(out: Path) -> None:
    report = out.parent / "report.json"
    grouped = facetally("tally", out, "--by", "folder", "--calibration", report)
    assert "share of women to quote, corrected (EM), with 95 % interval" in " ".join(grouped.stdout.split())
    assert summary_of(out, "folder").quotes[0]["appearances"].text in grouped.stdout
    whole = facetally("tally", out, "--calibration", report)
    correction = summary_of(out, "all").corrections["appearances"]["em"]
    assert f"To quote, by appearance: {percent(correction.share)} women (95 % interval" in whole.stdout


def test_groups_that_cut_through_videos_say_that_the_correction_is_of_all(out: Path) -> None:
    rows = [{**track_row(at, 0.9), "first_s": 600.0 * at, "last_s": 600.0 * at + 1} for at in range(5)]
    stored(out, {"c/2026-03-01 1930.mp4": rows})
    summary = summary_of(out, "hour")
    assert [bool(one) for one in summary.quotes] == [False, False, True]
    assert summary.notes == ["the corrected shares are of all videos together: groups by hour cut through videos"]
    result = facetally("tally", out, "--by", "hour", "--clock", CLOCK, "--calibration", out.parent / "report.json")
    assert "To quote, all videos, by appearance" in result.stdout
    assert "groups by hour cut through videos" in result.stderr


def test_a_group_with_hidden_cells_has_no_corrected_share(out: Path) -> None:
    summary = summary_of(out, "folder", min_cell=10)
    assert summary.quotes[:2] == [{}, {}]
    assert summary.quotes[2]
    first = next(csv.DictReader(io.StringIO(as_csv(summary))))
    assert (first[NAME], first[f"{NAME}_low"], first[f"{NAME}_method"]) == ("", "", "")


def test_labels_that_are_too_few_are_named(out: Path) -> None:
    report = calibration(out.parent, women=3)
    result = facetally("tally", out, "--by", "folder", "--calibration", report)
    assert "Refused: EM: needs labels of at least 5 women and 5 men" in result.stderr
    assert summary_of(out, "folder").quotes == [{}, {}, {}]


def test_a_share_without_an_interval_says_why(out: Path) -> None:
    assert "a corrected share has no interval where its videos, or the labels, come from one source only" in (
        summary_of(out, "video").notes
    )
    assert summary_of(out, "folder").notes == []


def test_the_report_has_the_corrected_shares_of_groups(out: Path) -> None:
    page = out.parent / "page.html"
    for min_cell, is_shown in ((0, True), (10, False)):
        report_run(out, page, by="folder", calibration=out.parent / "report.json", min_cell=min_cell)
        text = page.read_text(encoding="utf-8")
        assert (f"<td>{summary_of(out, 'folder').quotes[0]['appearances'].text}</td>" in text) is is_shown
        assert "To quote for all videos, by appearance: <b>" in text


def test_videos_in_two_groups_are_seen() -> None:
    cells = pd.DataFrame({"video": ["a", "a", "b"], "group": ["x", "x", "y"]})
    assert has_whole_videos(cells)
    assert not has_whole_videos(cells.assign(group=["x", "y", "y"]))
