"""The tables of a run as tallies use them: videos that count, corrected by hand, a few hundred at a time."""

from __future__ import annotations

from pathlib import Path

import labelled_world
import pandas as pd
import pytest

from facetally.errors import OutputError
from facetally.options import ClassificationOptions, RunOptions
from facetally.results import many_files, tables_of_run
from facetally.results.ledger import ROW_COLUMNS, Ledger
from facetally.results.tables_of_run import TablesOfRun

ROWS = [labelled_world.track_row(0, 0.9), labelled_world.track_row(1, 0.1), labelled_world.track_row(2, 0.7)]


def run(out: Path, *names: str, options: RunOptions | None = None) -> Ledger:
    """A run with two women and a man in each video."""
    return labelled_world.stored(out, dict.fromkeys(names, ROWS), options=options)


def correct(ledger: Ledger, *lines: str) -> None:
    (ledger.out / "corrections.csv").write_text("\n".join(["video,track,gender", *lines]))


def genders(ledger: Ledger, min_confidence: float | None = None) -> list[str]:
    parts = TablesOfRun(ledger).tracks(min_confidence=min_confidence)
    return [gender for part in parts for gender in part["gender"]]


@pytest.mark.parametrize("min_changed", [1, 100], ids=["copied", "read one by one"])
def test_the_rows_are_those_of_the_ledger(tmp_path: Path, min_changed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_files, "MIN_CHANGED", min_changed)
    ledger = run(tmp_path, "b.mp4", "a.mp4")
    expected = [[getattr(row, name) for name in ROW_COLUMNS] for row in ledger.rows()]
    for _ in range(2):
        assert [[getattr(row, name) for name in ROW_COLUMNS] for row in TablesOfRun(ledger).rows] == expected


def test_a_damaged_row_is_an_error_also_beside_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_files, "MIN_CHANGED", 1)
    ledger = run(tmp_path, "a.mp4", "b.mp4")
    assert len(TablesOfRun(ledger).rows) == 2
    ledger.path("videos", "id-b.mp4").write_bytes(b"half")
    with pytest.raises(OutputError, match=r"id-b.mp4.parquet cannot be read"):
        _ = TablesOfRun(ledger).rows


def test_tracks_come_a_few_videos_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_of_run, "CHUNK_VIDEOS", 2)
    parts = list(TablesOfRun(run(tmp_path, "a.mp4", "b.mp4", "c.mp4")).tracks())
    assert [sorted(set(part["video_id"])) for part in parts] == [["id-a.mp4", "id-b.mp4"], ["id-c.mp4"]]


def test_a_truncated_file_of_faces_is_an_error(tmp_path: Path) -> None:
    ledger = run(tmp_path, "a.mp4")
    path = ledger.path("faces", "id-a.mp4")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(OutputError, match="its end is missing"):
        list(TablesOfRun(ledger).tracks())


def test_each_video_is_decided_again_by_its_own_options(tmp_path: Path) -> None:
    run(tmp_path, "a.mp4", options=RunOptions(classification=ClassificationOptions(min_face_height_px=100)))
    ledger = run(tmp_path, "b.mp4")
    assert genders(ledger, min_confidence=0.8) == ["unknown"] * 3 + ["female", "male", "unknown"]


def test_a_gender_corrected_by_hand_stays_whatever_the_threshold(tmp_path: Path) -> None:
    ledger = run(tmp_path, "a.mp4")
    correct(ledger, "a.mp4,1,female", "a.mp4,2,not_a_face")
    assert genders(ledger) == ["female", "female"]
    assert genders(ledger, min_confidence=0.95) == ["unknown", "female"]
    assert TablesOfRun(ledger).disclosure == "1 appearance corrected by hand and 1 appearance dropped by hand"


def test_the_machine_alone_is_read_without_corrections(tmp_path: Path) -> None:
    ledger = run(tmp_path, "a.mp4")
    correct(ledger, "a.mp4,2,not_a_face")
    assert len(pd.concat(TablesOfRun(ledger, is_corrected=False).tracks())) == 3


def test_progress_is_told_of_every_file_that_is_read(tmp_path: Path) -> None:
    counts: list[int] = []
    tables = TablesOfRun(run(tmp_path, "a.mp4", "b.mp4"), counts.append)
    assert len(pd.concat(tables.tracks())) == 6
    assert sum(counts) == 4  # a row and the tracks of each
