"""Exports, opened with the programs' own readers: the same rows in every format, corrected and described."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from openpyxl.utils.escape import unescape
from small_runs import Seen, id_of, store

from facetally.exports import xlsx_file
from facetally.exports.columns import EXPORTED_TRACKS
from facetally.exports.run_tables import TABLES, RunTables
from facetally.jobs.export import Exported, export_run
from facetally.results.corrections import Corrections
from facetally.results.ledger import Ledger

HOSTILE = "=HYPERLINK('http://x')/-a.mp4"
Rows = list[dict[str, Any]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three appearances in a video with a name like a formula, two of them corrected; and a failed video."""
    store(tmp_path / "out", HOSTILE, Seen(0, 0, 10), Seen(1, 31.5, 45, x=200), Seen(2, 3700, 3705))
    store(tmp_path / "out", "failed.mp4", status="failed")
    rows = f'video,track,gender,who\n"\'{HOSTILE}",1,female,@anna\n"\'{HOSTILE}",2,ignore,\nfailed.mp4,0,male,\n'
    (tmp_path / "out" / "corrections.csv").write_text(rows)
    return tmp_path / "out"


def csv_tables(out: Path) -> dict[str, Rows]:
    export_run(out, "csv", out.parent / "csv", tables=["all"])
    frames = {path.stem: pd.read_csv(path, keep_default_na=False) for path in (out.parent / "csv").glob("*.csv")}
    return {name: frame.astype(object).to_dict("records") for name, frame in frames.items()}


def xlsx_tables(out: Path) -> dict[str, Rows]:
    export_run(out, "xlsx", out.parent / "run.xlsx", tables=["all"])
    book = openpyxl.load_workbook(out.parent / "run.xlsx")
    tables = {}
    for name in book.sheetnames:
        header, *rows = book[name].iter_rows(values_only=True)
        tables[name] = [dict(zip(map(str, header), ("" if v is None else v for v in row), strict=True)) for row in rows]
    return tables


def sqlite_tables(out: Path) -> dict[str, Rows]:
    export_run(out, "sqlite", out.parent / "run.sqlite", tables=["all"])
    with closing(sqlite3.connect(out.parent / "run.sqlite")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        frames = {name: pd.read_sql(f'SELECT * FROM "{name}"', database) for name in names}
    return {name: frame.astype(object).where(frame.notna(), "").to_dict("records") for name, frame in frames.items()}


READERS: list[Callable[[Path], dict[str, Rows]]] = [csv_tables, xlsx_tables, sqlite_tables]
all_formats = pytest.mark.parametrize("read", READERS, ids=["csv", "xlsx", "sqlite"])


@all_formats
def test_tracks_are_corrected_and_marked(out: Path, read: Callable[[Path], dict[str, Rows]]) -> None:
    first, second = read(out)["tracks"]
    assert (first["gender"], first["predicted_gender"], first["corrected_by_hand"]) == ("male", "male", 0)
    assert (second["gender"], second["predicted_gender"], second["corrected_by_hand"]) == ("female", "male", 1)
    assert (second["first_s"], second["first_time"], second["last_time"]) == (31.5, "0:31", "0:45")


@all_formats
def test_faces_of_dropped_appearances_are_left_out(out: Path, read: Callable[[Path], dict[str, Rows]]) -> None:
    faces = read(out)["faces"]
    assert {face["track_id"] for face in faces} == {0, 1}
    assert (faces[-1]["time_s"], faces[-1]["time"], faces[-1]["x1"], faces[-1]["score"]) == (45, "0:45", 200, 0.9)


@all_formats
def test_videos_state_how_many_appearances_were_corrected_and_dropped(
    out: Path, read: Callable[[Path], dict[str, Rows]]
) -> None:
    hostile, failed = read(out)["videos"]
    assert (hostile["track_count"], hostile["corrected_count"], hostile["dropped_count"]) == (3, 1, 1)
    assert (failed["status"], failed["corrected_count"]) == ("failed", 0)


@all_formats
def test_the_corrections_are_a_table_of_their_own_with_those_that_do_not_count(
    out: Path, read: Callable[[Path], dict[str, Rows]]
) -> None:
    rows = read(out)["corrections"]
    assert [(row["gender"], row["applied"]) for row in rows] == [("female", 1), ("ignore", 1), ("male", 0)]
    assert rows[0]["video_id"] == id_of(HOSTILE)


@all_formats
def test_every_column_of_every_table_is_described(out: Path, read: Callable[[Path], dict[str, Rows]]) -> None:
    tables = read(out)
    described = {(row["table"], row["column"]) for row in tables["columns"] if row["type"] and row["description"]}
    assert set(TABLES) <= tables.keys()
    for name in TABLES:
        assert {(name, column) for column in tables[name][0]} <= described, name


@pytest.mark.parametrize("read", READERS[1:], ids=["xlsx", "sqlite"])
def test_names_like_formulas_are_plain_text(out: Path, read: Callable[[Path], dict[str, Rows]]) -> None:
    tables = read(out)
    assert [row["video"] for row in tables["tracks"]] == [HOSTILE, HOSTILE]
    assert tables["corrections"][0]["corrected_by"] == "@anna"


def test_no_cell_of_a_workbook_is_a_formula_or_a_link(out: Path) -> None:
    xlsx_tables(out)
    book = openpyxl.load_workbook(out.parent / "run.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert not any(cell.hyperlink for cell in cells)


def test_csv_cells_that_begin_like_a_formula_have_an_apostrophe(out: Path) -> None:
    csv_tables(out)
    for path in (out.parent / "csv").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            texts = [cell for row in csv.reader(file) for cell in row if not cell.replace(".", "").strip("-").isdigit()]
        assert not [text for text in texts if text.startswith(("=", "+", "-", "@"))], path
    assert f"'{HOSTILE}" in (out.parent / "csv" / "tracks.csv").read_text()


def test_a_value_that_is_not_known_is_empty(out: Path) -> None:
    store(out, "plain.mp4", Seen(0, 0, 1, age_years=float("nan")))
    assert [row["age_years"] for row in csv_tables(out)["tracks"]] == ["40", "40", ""]
    assert [row["age_years"] for row in xlsx_tables(out)["tracks"]] == [40, 40, ""]
    assert [row["age_years"] for row in sqlite_tables(out)["tracks"]] == [40, 40, ""]


def test_text_that_looks_like_an_escape_of_excel_stays_itself(out: Path) -> None:
    store(out, "_x0041_.mp4", Seen(0, 0, 1))
    (_, row, _) = xlsx_tables(out)["videos"]
    assert row["video"] == "_x005F_x0041_.mp4"  # as it stands in the file: Excel takes _x005F_ for an underscore
    assert unescape(row["video"]) == "_x0041_.mp4"


def test_every_export_discloses_what_was_done_by_hand(out: Path) -> None:
    exported = export_run(out, path=out.parent / "csv")
    assert exported.notes[0] == "1 appearance corrected by hand and 1 appearance dropped by hand"
    assert "track 0 of failed.mp4 (line 4)" in exported.notes[1]
    readme = " ".join((out.parent / "csv" / "README.txt").read_text().split())
    assert all(note in readme for note in exported.notes)
    assert any(exported.notes[0] in str(row) for row in xlsx_tables(out)["about"])
    assert any(exported.notes[0] in row["value"] for row in sqlite_tables(out)["about"])


def test_the_largest_table_is_left_out_unless_asked_for(out: Path) -> None:
    assert list(export_run(out, path=out.parent / "a").rows) == ["videos", "tracks", "tallies", "corrections"]
    assert export_run(out, path=out.parent / "b", tables=["faces"]).rows == {"faces": 49}


def test_a_table_that_is_too_long_for_a_sheet_is_refused_before_anything_is_written(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_file, "MAX_ROWS", 49)
    with pytest.raises(Exception, match="faces has 60 rows, and a sheet of Excel holds 48") as caught:
        export_run(out, path=out.parent / "run.xlsx", tables=["faces"])
    assert "--format csv" in str(vars(caught.value)["fix"])
    assert not (out.parent / "run.xlsx").exists()


def test_a_video_of_an_older_version_gets_its_name_and_clock_times(out: Path) -> None:
    (track, _) = csv_tables(out)["tracks"]
    assert track["video"] == f"'{HOSTILE}"
    assert set(track) == set(EXPORTED_TRACKS.names)


def test_an_export_of_a_run_without_corrections_says_nothing_of_them(tmp_path: Path) -> None:
    store(tmp_path / "out", "a.mp4", Seen(0, 0, 10))
    exported: Exported = export_run(tmp_path / "out", tables=["tracks", "corrections"])
    assert (exported.notes, exported.rows) == ((), {"tracks": 1, "corrections": 0})
    assert exported.files[0] == tmp_path / "out" / "export" / "tracks.csv"


def test_times_of_shot_cuts_are_text(out: Path) -> None:
    row = Ledger(out).read_row(id_of(HOSTILE))
    (row_table,) = (
        RunTables(Ledger(out), [replace(row, cuts_s=(1.4, 1002.83333))], Corrections(), pd.DataFrame)
        .table("videos")
        .batches()
    )
    assert row_table["cuts_s"].to_pylist() == ["1.4 1002.833"]
