"""Summing up: groups with their differences, several runs, corrections by hand, and what is written; by hand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import labelled_world
import pyarrow as pa
import pytest
from labelled_world import face_rows, stored, times, track_row

from facetally.errors import OptionError
from facetally.jobs.sums import report_run, tally_run
from facetally.results.ledger import Ledger
from facetally.results.tables import FACES, TRACKS, read_table
from facetally.tallies.groups import GroupOptions
from facetally.tallies.summary import Summary, SummaryOptions, summed_up
from facetally.tallies.written import as_csv, as_json

WOMAN, MAN = 0.9, 0.1


def shown(track_id: int, female_prob: float, start_s: float, seconds: float) -> dict[str, Any]:
    """An appearance from a second on."""
    times_s = {"first_s": start_s, "last_s": start_s + seconds - labelled_world.EVERY_S}
    return track_row(track_id, female_prob, seconds) | times_s


def people(*probs: float) -> list[dict[str, Any]]:
    return [track_row(at, prob) for at, prob in enumerate(probs)]


def summary_of(*outs: Path, **options: Any) -> Summary:
    groups = {name: options.pop(name) for name in ("by", "videos_table", "clock") if name in options}
    return summed_up(list(outs), SummaryOptions(groups=GroupOptions(**groups), **options))


def lines(summary: Summary) -> list[tuple[str, float, float]]:
    """(group, women, men)."""
    return [(line.label, line.appearances.female, line.appearances.male) for line in summary.lines]


def table(folder: Path, **channels: str) -> Path:
    rows = [f"{name}.mp4,{channel}" for name, channel in channels.items()]
    (folder / "groups.csv").write_text("\n".join(["video,channel", *rows]), encoding="utf-8")
    return folder / "groups.csv"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Four videos: two with many women, two with few."""
    few, many = people(MAN, MAN, MAN, WOMAN), people(WOMAN, WOMAN, WOMAN, MAN)
    stored(tmp_path / "out", {"a.mp4": few, "b.mp4": few, "c.mp4": many, "d.mp4": many})
    return tmp_path / "out"


def test_two_groups_are_compared_with_each_other(out: Path, tmp_path: Path) -> None:
    path = table(tmp_path, a="A", b="A", c="B", d="B")
    summary = summary_of(out, by="channel", videos_table=path)
    assert lines(summary) == [("A", 2, 6), ("B", 6, 2)]
    (one,) = summary.differences
    assert (one.label, one.by_appearance.value, one.by_screen_time.value) == ("A − B", -0.5, -0.5)
    assert one.by_appearance.interval is not None
    assert one.by_appearance.interval.low < -0.5 < one.by_appearance.interval.high  # wide: two videos each


def test_more_groups_are_each_compared_with_the_rest(out: Path, tmp_path: Path) -> None:
    path = table(tmp_path, a="A", b="B", c="C")
    summary = summary_of(out, by="channel", videos_table=path)
    assert [line[0] for line in lines(summary)] == ["A", "B", "C", "(no channel)"]
    found = {one.first: one.by_appearance.value for one in summary.differences}
    assert found == pytest.approx({"A": 0.25 - 0.5, "B": 0.25 - 0.5, "C": 0.75 - 0.25})
    assert {one.second for one in summary.differences} == {"the rest"}


def test_screen_time_is_split_where_an_hour_ends(tmp_path: Path) -> None:
    name = "2026-03-01 1950.mp4"
    tracks = [shown(0, WOMAN, 1500.0, 2.0), shown(1, MAN, 599.0, 3.0)]
    faces = [*face_rows(0, times(1500, 1502)), *face_rows(1, times(599, 602))]
    stored(tmp_path / "out", {name: tracks}, {name: faces})
    summary = summary_of(tmp_path / "out", by="hour", clock="%Y-%m-%d %H%M")
    assert lines(summary) == [("19:00", 0, 1), ("20:00", 1, 0)]
    assert [line.screen_time_s.male for line in summary.lines] == pytest.approx([1.0, 2.0])
    assert summary.lines[1].screen_time_s.female == pytest.approx(2.0)


def test_names_that_two_runs_share_are_kept_apart_by_their_folders(out: Path, tmp_path: Path) -> None:
    stored(tmp_path / "new", {"a.mp4": people(WOMAN), "e.mp4": people(MAN)})
    summary = summary_of(out, tmp_path / "new", by="video")
    assert [line[0] for line in lines(summary)] == ["b.mp4", "c.mp4", "d.mp4", "e.mp4", "new/a.mp4", "out/a.mp4"]
    assert (summary.total.appearances.female, summary.total.appearances.male) == (9, 9)
    with pytest.raises(OptionError, match="given twice"):
        summary_of(out, tmp_path / "new" / ".." / "out")


def test_folders_of_the_same_name_are_kept_apart_by_more_of_their_path(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        stored(tmp_path / folder / "out", {"a.mp4": people(WOMAN)})
    summary = summary_of(tmp_path / "x" / "out", tmp_path / "y" / "out", by="video")
    assert [line[0] for line in lines(summary)] == ["x/out/a.mp4", "y/out/a.mp4"]


def test_corrections_by_hand_count_and_are_disclosed(out: Path) -> None:
    (out / "corrections.csv").write_text("video,track,gender\na.mp4,0,female\nb.mp4,0,not_a_face\n")
    summary = summary_of(out)
    assert (summary.total.appearances.female, summary.total.appearances.male) == (9, 6)
    by_hand = "1 appearance corrected by hand and 1 appearance dropped by hand"
    assert summary.disclosure == by_hand
    assert list(csv.DictReader(io.StringIO(as_csv(summary))))[-1]["note"] == by_hand
    assert json.loads(as_json(summary))["corrections_by_hand"] == by_hand
    assert by_hand in report_run(out).read_text(encoding="utf-8")


def test_the_csv_has_a_line_for_each_group_and_the_total(out: Path, tmp_path: Path) -> None:
    summary = summary_of(out, by="channel", videos_table=table(tmp_path, a="=A", b="=A", c="B", d="B"))
    rows = list(csv.DictReader(io.StringIO(as_csv(summary))))
    assert [row["group"] for row in rows] == ["'=A", "B", "all"]  # a spreadsheet runs no text
    first = {name: rows[0][name] for name in ("appearances", "women", "men", "women_by_appearance", "women_s")}
    assert first == {"appearances": "8", "women": "2", "men": "6", "women_by_appearance": "0.25", "women_s": "4.0"}
    assert (rows[0]["is_hidden"], rows[-1]["women_by_screen_time"]) == ("false", "0.5")
    assert "people" not in rows[0]


def test_hidden_cells_are_empty_in_all_forms(out: Path, tmp_path: Path) -> None:
    summary = summary_of(out, by="channel", videos_table=table(tmp_path, a="A", b="A", c="B", d="B"), min_cell=3)
    rows = list(csv.DictReader(io.StringIO(as_csv(summary))))
    assert [(row["appearances"], row["women"], row["women_by_appearance"]) for row in rows[:2]] == [("", "", "")] * 2
    assert rows[-1]["women"] == "8"
    content = json.loads(as_json(summary))
    assert content["groups"][0]["women"] is None
    assert content["differences"] == []  # would tell the shares
    assert "no small one can be computed" in content["hidden"]
    sums = tally_run(out, by="channel", videos_table=tmp_path / "groups.csv", min_cell=3)
    assert sums.table.empty
    assert sums.lines["women"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize(("min_cell", "said"), [(3, "totals are complete"), (100, "some totals are hidden too")])
def test_whether_totals_are_complete_is_said_as_it_is(out: Path, tmp_path: Path, min_cell: int, said: str) -> None:
    groups = table(tmp_path, a="A", b="A", c="B", d="B")
    assert tally_run(out, by="channel", videos_table=groups, min_cell=min_cell).hidden.endswith(said)


def test_where_all_sums_of_groups_are_hidden_the_columns_are_numbers(out: Path, tmp_path: Path) -> None:
    groups = table(tmp_path, a="A", b="A", c="B", d="B")
    kinds = tally_run(out, by="channel", videos_table=groups, min_cell=100).lines.dtypes
    assert set(kinds[1:-1].map(str)) <= {"float64", "int64"}


@pytest.mark.parametrize("wrong", [{"min_cell": -1}, {"min_confidence": 3}, {"min_confidence": 0.2}])
def test_arguments_out_of_range_are_refused(out: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        tally_run(out, **wrong)


def test_a_correction_that_is_not_applied_is_named_with_its_run(out: Path, tmp_path: Path) -> None:
    stored(tmp_path / "other", {"a.mp4": people(MAN)})
    (tmp_path / "other" / "corrections.csv").write_text("video,track,gender\na.mp4,9,female\n")
    notes = summary_of(out, tmp_path / "other").notes
    assert any(note.startswith(f"{tmp_path / 'other'}: 1 correction is not applied") for note in notes)


def test_the_json_says_how_it_was_made(out: Path) -> None:
    made = json.loads(as_json(summary_of(out, min_confidence=0.8)))["made"]
    assert made["folders"] == [str(out)]
    assert made["settings"]["min_confidence"] == 0.8
    assert made["tables_made_by"] == ["1"]


def test_only_a_request_replaces_the_stored_tally(out: Path) -> None:
    assert tally_run(out, bin="1s", by="video", min_cell=2).path is None
    assert not (out / "tallies").exists()
    assert tally_run(out, write=True).path == out / "tallies" / "tallies.parquet"
    with pytest.raises(OptionError, match="holds all cells of one run"):
        tally_run(out, min_cell=2, write=True)


def test_the_same_video_in_two_runs_is_named(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        ledger = stored(tmp_path / folder, {"a.mp4": people(WOMAN)})
        row = replace(next(ledger.rows()), content_sha256="5")
        stored_again(ledger, row.video_id, row)
    notes = summary_of(tmp_path / "x", tmp_path / "y").notes
    assert notes == ["1 video with the same content in several folders: counted in each"]


def stored_again(ledger: Ledger, video_id: str, row: Any) -> None:
    faces, tracks = (read_table(ledger.path(t, video_id), s) for t, s in (("faces", FACES), ("tracks", TRACKS)))
    ledger.store(row, faces, tracks, provenance=ledger.provenance(video_id))


@pytest.mark.parametrize("counts_people", [False, True])
def test_a_sum_over_other_options_says_so_and_where_people_are_missing(tmp_path: Path, counts_people: bool) -> None:
    ledger = stored(tmp_path / "out", {"a.mp4": people(WOMAN, MAN), "b.mp4": people(MAN)})
    rows = {row.video: row for row in ledger.rows()}
    for name, digest in (("a.mp4", "one"), ("b.mp4", "other")):
        row = replace(rows[name], options_digest=digest)
        tracks = read_table(ledger.path("tracks", row.video_id), TRACKS)
        if counts_people and name == "a.mp4":
            numbers = pa.array(range(len(tracks)), pa.int64())
            tracks = tracks.set_column(tracks.schema.get_field_index("person_in_video"), "person_in_video", numbers)
        ledger.store(row, FACES.empty_table(), tracks, provenance=ledger.provenance(row.video_id))
    note = summary_of(tmp_path / "out").mixed_note
    assert note.startswith("the results were made with 2 different sets of options or weights; the sums mix them")
    assert ("people are counted only in videos that were processed with --people" in note) == counts_people
