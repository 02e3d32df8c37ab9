"""The report is one self-contained page that shows the stored results and escapes every name."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import labelled_world
import pandas as pd
import pytest

from facetally.errors import OutputError, TruthError
from facetally.formatting import clock, percent
from facetally.gender.attributes import AGE_BANDS
from facetally.jobs.sums import report_run
from facetally.options import ClassificationOptions, RunOptions
from facetally.quantification.correction import Correction
from facetally.quantification.intervals import Interval
from facetally.reporting.page import MANY_VIDEOS, rendered
from facetally.results.ledger import Ledger, Status, VideoRow
from facetally.results.tables import FACES, TALLIES, TRACKS
from facetally.tallies.forecast import Forecast
from facetally.tallies.summary import readable_bin_s
from facetally.validation.report import write_validation
from facetally.validation.validate import ValidateOptions, validate_run

NASTY = "<script>alert('1')</script>\"><img src=x>.mp4"
PROVENANCE: dict[str, Any] = {
    "options": RunOptions(classification=ClassificationOptions(min_confidence=0.6)).as_dict(),
    "models": {"detector": {"name": "<b>net</b>", "sha256": "d" * 64, "licence": "free"}},
}


class Page(HTMLParser):
    """Tags with their attributes, the rows of all tables as text, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell &= tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data.strip()

    def row(self, first: str) -> list[str]:
        """The first row that begins with this cell."""
        return next(row for row in self.rows if row and row[0] == first)


def video(name: str, status: Status = "ok", **more: Any) -> VideoRow:
    return VideoRow(f"id-{name}", name, f"/in/{name}", status, decoded_s=90.0, coverage=0.75, **more)


def tally(*lines: tuple[str, float, str, int, float], age_band: str = "unknown", people: int = 0) -> pd.DataFrame:
    """Tallies from (video, bin start, gender, appearances, seconds), in bins of 60 s, with so many people each."""
    rows = [(f"id-{v}", v, start, start + 60, gender, age_band, n, people, s) for v, start, gender, n, s in lines]
    return pd.DataFrame(rows, columns=TALLIES.names)


NO_FORECAST = Forecast(math.nan, math.nan)
TALLY = tally(
    ("a.mp4", 0.0, "female", 3, 10.0),
    ("a.mp4", 0.0, "male", 4, 20.0),
    ("a.mp4", 60.0, "male", 1, 10.0),
    ("b.mp4", 0.0, "unknown", 2, 60.0),
)
"""Appearances 3 female, 5 male, 2 unknown; seconds 10, 30, 60."""


def page(
    rows: list[VideoRow],
    tallies: pd.DataFrame = TALLY,
    expected: Forecast = NO_FORECAST,
    corrected: dict[str, dict[str, Correction]] | None = None,
) -> Page:
    text = rendered(rows, tallies, bin_s=60.0, provenance=PROVENANCE, expected=expected, corrected=corrected or {})
    return Page(text)


def test_the_shares_are_printed_with_their_bounds() -> None:
    shown = page([video("a.mp4"), video("b.mp4")])
    assert shown.row("appearances")[:6] == ["appearances", "3", "5", "2", "37.5 %", "30.0 % / 50.0 %"]
    assert shown.row("screen time")[:6] == ["screen time", "10.0 s", "30.0 s", "1:00", "25.0 %", "10.0 % / 70.0 %"]


def test_a_mix_of_options_is_reported() -> None:
    alike = [video("a.mp4", options_digest="1"), video("b.mp4", options_digest="1")]
    assert "different sets of options" not in page(alike).text
    assert "made with 2 different sets of options" in page([*alike, video("c.mp4", options_digest="2")]).text


def test_each_video_and_each_time_has_its_line() -> None:
    shown = page([video("a.mp4"), video("b.mp4"), video("c.mp4")])
    assert shown.row("a.mp4") == ["a.mp4", "8", "37.5 %", "", "40.0 s", "25.0 %", ""]
    assert shown.row("b.mp4")[1:3] == ["2", "–"]
    assert shown.row("c.mp4")[1:3] == ["0", "–"]
    assert shown.row("0:00")[1:3] == ["9", "42.9 %"]
    assert shown.row("1:00")[1:3] == ["1", "0.0 %"]


def test_the_bars_are_as_long_as_the_shares() -> None:
    shown = page([video("a.mp4"), video("b.mp4")])
    bars = [a["style"] for _, a in shown.tags if a.get("class") == "bar"]
    assert bars[:2] == ["--f:30%;--k:80%", "--f:10%;--k:40%"]  # where women end, and where men end
    assert len(bars) == 10  # of two units: two in the total, two times, two videos


def test_names_are_escaped() -> None:
    rows = [video(NASTY), video("x" + NASTY, "failed", reason=NASTY, fix=NASTY)]
    shown = page(rows, tally((NASTY, 0.0, "female", 1, 2.0)))
    tags = [tag for tag, _ in shown.tags]
    assert (tags.count("script"), tags.count("img")) == (1, 0)
    assert shown.row(NASTY)[1] == "1"
    assert shown.row("x" + NASTY)[3:] == [NASTY, NASTY]
    assert "<b>net</b>" in shown.text


def test_the_page_is_self_contained() -> None:
    text = rendered([video("a.mp4")], TALLY, bin_s=60.0, provenance=PROVENANCE, expected=NO_FORECAST, corrected={})
    shown = Page(text)
    assert not re.findall(r"https?://", text)
    assert not {"link", "iframe", "img", "object"} & {tag for tag, _ in shown.tags}
    assert not [attrs for _, attrs in shown.tags if "src" in attrs]
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in shown.tags)
    assert not [name for _, attrs in shown.tags for name in attrs if name.startswith("on")]


def test_the_policy_allows_the_page_s_own_script_alone() -> None:
    text = rendered([video("a.mp4")], TALLY, bin_s=60.0, provenance=PROVENANCE, expected=NO_FORECAST, corrected={})
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (a["content"] for _, a in Page(text).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def many(count: int) -> str:
    """The page of so many videos with one woman each."""
    names = [f"{at}.mp4" for at in range(count)]
    tallies = tally(*((name, 0.0, "female", 1, 2.0) for name in names))
    rows = [video(name) for name in names]
    return rendered(rows, tallies, bin_s=60.0, provenance=PROVENANCE, expected=NO_FORECAST, corrected={})


def test_many_videos_are_folded_and_readable_without_the_script() -> None:
    few, text = many(MANY_VIDEOS - 1), many(MANY_VIDEOS)
    assert f"<summary>{MANY_VIDEOS} videos</summary>" in text
    assert Page(text).row("29.mp4")[1] == "1"
    assert "videos</summary>" not in few
    assert Page(few).row("28.mp4")[1] == "1"


def test_small_cells_are_hidden_in_every_table_of_the_page() -> None:
    cells = tally(
        *(("a.mp4", 0.0, "female", 2, 10.0), ("a.mp4", 0.0, "male", 9, 20.0)),
        *(("b.mp4", 0.0, "female", 8, 10.0), ("b.mp4", 60.0, "female", 9, 30.0), ("b.mp4", 60.0, "male", 9, 30.0)),
    )
    rows = [video("a.mp4"), video("b.mp4")]
    text = rendered(rows, cells, bin_s=60.0, provenance=PROVENANCE, expected=NO_FORECAST, corrected={}, min_cell=5)
    shown = Page(text)
    assert shown.row("a.mp4") == ["a.mp4", "hidden", "hidden", "", "hidden", "hidden", ""]
    assert shown.row("b.mp4")[1:3] == ["hidden", "hidden"]
    assert shown.row("0:00")[1:3] == ["19", "52.6 %"]
    assert shown.row("appearances")[1:4] == ["19", "18", "0"]
    assert "Small cells are hidden" in shown.text


def test_groups_that_divide_videos_and_hidden_cells_leave_no_table_by_video(tmp_path: Path) -> None:
    name = "2026-03-01 1950.mp4"
    ledger = labelled_world.stored(tmp_path, {name: [labelled_world.track_row(0, 0.9)]})
    all_shown, hidden = (
        Page(report_run(ledger.out, by="hour", clock="%Y-%m-%d %H%M", min_cell=n).read_text(encoding="utf-8"))
        for n in (0, 3)
    )
    assert all_shown.row(name)
    assert not [row for row in hidden.rows if name in row]
    assert "no table by video" in hidden.text


def test_what_could_not_be_read_is_listed_with_reason_and_fix() -> None:
    rows = [
        video("a.mp4"),
        video("half.mp4", "partial", reason="3 of 4 s", fix="copy it again"),
        video("bad.mp4", "failed", reason="no video", fix="play it"),
    ]
    shown = page(rows)
    assert [row for row in shown.rows if row[1:2] in (["partial"], ["failed"])] == [
        ["half.mp4", "partial", "75.0 %", "3 of 4 s", "copy it again"],
        ["bad.mp4", "failed", "75.0 %", "no video", "play it"],
    ]
    assert "in 2 of 3 videos" in shown.text


def test_ages_are_shown_only_where_there_are_any() -> None:
    assert "Perceived age" not in page([video("a.mp4")]).text
    shown = page([video("a.mp4")], tally(("a.mp4", 0.0, "female", 3, 10.0), age_band="young"))
    assert shown.row("young")[1:3] == ["3", "100.0 %"]


def test_ages_are_listed_from_the_youngest_to_the_oldest() -> None:
    bands = ["old", "mid", "unknown", "child", "young", "teen"]
    tallies = pd.concat([tally(("a.mp4", 0.0, "female", 1, 1.0), age_band=band) for band in bands])
    shown = page([video("a.mp4")], tallies)
    listed = [row[0] for row in shown.rows if row[0] in bands and row[1:2] == ["1"]]
    assert listed == ["child", "teen", "young", "mid", "old"] == list(AGE_BANDS)


def test_people_are_shown_only_where_they_were_counted() -> None:
    lines = ("a.mp4", 0.0, "female", 3, 10.0), ("a.mp4", 0.0, "male", 4, 20.0), ("b.mp4", 0.0, "male", 2, 60.0)
    counted, not_counted = (page([video("a.mp4"), video("b.mp4")], tally(*lines, people=n)) for n in (2, 0))
    assert counted.row("people")[:6] == ["people", "2", "4", "0", "33.3 %", "33.3 % / 33.3 %"]
    assert counted.row("a.mp4")[-2:] == ["4", "50.0 %"]
    assert counted.row("b.mp4")[-2:] == ["2", "0.0 %"]
    assert "The same person in two videos counts twice" in counted.text
    assert not [row for row in not_counted.rows if "people" in row]
    assert not_counted.row("a.mp4") == counted.row("a.mp4")[:-2]
    assert "The same person" not in not_counted.text


def test_a_run_without_people_still_has_a_page() -> None:
    shown = page([video("a.mp4")], TALLIES.empty_table().to_pandas())
    assert shown.row("appearances")[:6] == ["appearances", "0", "0", "0", "–", "– / –"]


def test_without_labels_the_expected_accuracy_is_shown_with_its_source() -> None:
    shown = page([video("a.mp4")], expected=Forecast(small_share=0.62, accuracy=0.88, source="our figures"))
    assert "62 % of the appearances have faces under 30 px: expect about 88 % of all to be classified" in shown.text
    assert "classified correctly, by our figures. Accuracy is lower" in shown.text
    assert "facetally truth template" in shown.text
    assert "expect about" not in page([video("a.mp4")]).text


def test_corrected_shares_stand_beside_the_raw_ones() -> None:
    by_method = {
        "raw": Correction(0.4, Interval(0.3, 0.5)),
        "adjusted_count": Correction(0.5, None),
        "em": Correction(math.nan, None, "<b>too alike</b>"),
    }
    expected = Forecast(small_share=0.62, accuracy=0.88)
    shown = page([video("a.mp4")], TALLY, expected, {"appearances": by_method, "screen_time_s": by_method})
    assert shown.row("women") == ["women", "by appearance", "95 % interval", "by screen time", "95 % interval"]
    assert shown.row("as counted") == ["as counted", *["40.0 %", "30.0 % – 50.0 %"] * 2]
    assert shown.row("adjusted count") == ["adjusted count", *["50.0 %", "–"] * 2]  # all from one source
    assert shown.row("EM") == ["EM", *["refused: <b>too alike</b>"] * 2]
    assert "expect about" not in shown.text


def test_a_report_takes_a_threshold_and_a_calibration(tmp_path: Path) -> None:
    people = [("female", 0.9, 1.0), ("female", 0.7, 1.0), ("male", 0.1, 1.0)] * 2
    ledger, truth = labelled_world.corpus(tmp_path / "out", {f"s{i}/a.mp4": people for i in range(3)})
    plain = Page(report_run(ledger.out).read_text(encoding="utf-8"))
    assert plain.row("appearances")[1:4] == ["12", "6", "0"]
    assert "0 % of the appearances have faces under 30 px: expect about 93 %" in plain.text
    assert "by the published accuracy of another classifier" in plain.text
    write_validation(validate_run(ledger, truth, ValidateOptions()), tmp_path / "check")
    shown = Page(
        report_run(ledger.out, min_confidence=0.75, calibration=tmp_path / "check").read_text(encoding="utf-8")
    )
    assert shown.row("appearances")[1:4] == ["6", "6", "6"]
    assert "A prediction under 75.0 % confidence" in shown.text
    assert shown.row("adjusted count")[1::2] == ["66.7 %", "66.7 %"]


def test_a_calibration_of_other_weights_is_refused(tmp_path: Path) -> None:
    ledger, truth = labelled_world.corpus(tmp_path / "out", {"a.mp4": [("female", 0.9, 1.0)]})
    write_validation(validate_run(ledger, truth, ValidateOptions()), tmp_path / "check")
    other = Ledger(tmp_path / "other")
    other.store(video("a.mp4"), FACES.empty_table(), TRACKS.empty_table(), provenance=PROVENANCE)
    with pytest.raises(TruthError, match="other weights"):
        report_run(other.out, calibration=tmp_path / "check")
    assert not (tmp_path / "other" / "report.html").exists()


def test_the_page_states_how_it_was_made() -> None:
    shown = page([video("a.mp4")])
    assert shown.row("detector") == ["detector", "<b>net</b>", "d" * 64, "free"]
    assert "every 0.2 s" in shown.text
    assert "A prediction under 60.0 % confidence" in shown.text


def test_the_report_is_written_beside_the_tables_or_to_the_given_path(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "out")
    ledger.store(video("a.mp4"), FACES.empty_table(), TRACKS.empty_table(), provenance=PROVENANCE)
    assert report_run(ledger.out) == tmp_path / "out" / "report.html"
    elsewhere = report_run(ledger.out, tmp_path / "new" / "page.html")
    pages = (path.read_text(encoding="utf-8") for path in (elsewhere, tmp_path / "out" / "report.html"))
    first, second = (re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", page) for page in pages)
    assert first == second
    assert [path.name for path in elsewhere.parent.iterdir()] == ["page.html"]


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.store(video("a.mp4"), FACES.empty_table(), TRACKS.empty_table(), provenance=PROVENANCE)
    with pytest.raises(OutputError, match="cannot write") as caught:
        report_run(ledger.out, tmp_path / "videos" / "id-a.mp4.parquet" / "report.html")
    assert "-o" in caught.value.fix


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (5.44, "5.4 s"),
        (59.94, "59.9 s"),
        (60, "1:00"),
        (125.4, "2:05"),
        (3599.6, "1:00:00"),
        (3725.4, "1:02:05"),
    ],
)
def test_the_clock_has_the_usual_format(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(("share", "text"), [(0.4567, "45.7 %"), (0, "0.0 %"), (1, "100.0 %"), (math.nan, "–")])
def test_percent_has_one_decimal(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("longest_s", "bin_s"), [(0, 10), (300, 10), (301, 30), (5400, 300), (27000, 900), (1e6, 14400)]
)
def test_time_bins_are_few_enough_to_read(longest_s: float, bin_s: float) -> None:
    assert readable_bin_s(longest_s) == bin_s
