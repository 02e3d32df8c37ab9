"""The Parquet tables: their content, that other programs can read them, and that no incomplete file is left."""

from __future__ import annotations

import errno
import json
import math
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drawn_world import faces_at

from facetally.detection.faces import TrackedFaces
from facetally.errors import OutputError
from facetally.results import tables
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import (
    FACES,
    NOT_COUNTED,
    TALLIES,
    TRACKS,
    VIDEOS,
    faces_table,
    for_other_video,
    provenance_of,
    read_table,
    tracks_table,
    write_table,
)
from facetally.tracks.appearances import Appearance, PredictedGender
from facetally.tracks.follow import FaceRows

SCHEMAS = {"faces": FACES, "tracks": TRACKS, "videos": VIDEOS, "tallies": TALLIES}


def appearance(track_id: int, gender: PredictedGender = "female") -> Appearance:
    return Appearance(track_id, 0.2, 1.0, 1.0, 5, 40.0, 0.5, 0.9, gender, math.nan, "unknown")


def face_rows(index: int, track_ids: list[int]) -> FaceRows:
    """A frame of 0.2 s with one face for each id, each 20 px to the right of the one before."""
    boxes = np.array([[20 * i, 10, 20 * i + 16, 30] for i in range(len(track_ids))], np.float32).reshape(-1, 4)
    tracked = TrackedFaces(faces_at(boxes), np.array(track_ids, np.int64), ())
    return FaceRows(index, index / 25, 0.2, tracked, np.full(len(track_ids), 0.25, np.float32))


def write(path: Path, appearances: list[Appearance], provenance: dict[str, Any] | None = None) -> None:
    write_table(path, tracks_table("clip-1", "a.mp4", appearances), provenance or {})


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_column_is_described_and_never_null(name: str) -> None:
    for field in SCHEMAS[name]:
        assert not field.nullable, field.name
        assert len(field.metadata[b"description"]) > 5, field.name


def test_faces_have_a_row_each_and_only_kept_tracks_have_ids() -> None:
    table = faces_table("clip-1", [face_rows(0, [0, 1]), face_rows(5, []), face_rows(10, [1, -1])], kept_ids=[1])
    assert table.schema == FACES
    got = table.select(["frame_index", "time_s", "track_id", "x1", "y2"]).to_pylist()
    assert [tuple(row.values()) for row in got] == [
        (0, 0.0, -1, 0.0, 30.0),
        (0, 0.0, 1, 20.0, 30.0),
        (10, 0.4, 1, 0.0, 30.0),
        (10, 0.4, -1, 20.0, 30.0),
    ]


@pytest.mark.parametrize("rows", [[], [face_rows(0, [])]])
def test_a_video_without_faces_has_empty_tables(rows: list[FaceRows]) -> None:
    assert (faces_table("clip-1", rows, []).num_rows, faces_table("clip-1", rows, []).schema) == (0, FACES)
    assert (tracks_table("clip-1", "a.mp4", []).num_rows, tracks_table("clip-1", "a.mp4", []).schema) == (0, TRACKS)


def test_duckdb_and_pandas_open_a_table(tmp_path: Path) -> None:
    write(tmp_path / "clip-1.parquet", [appearance(2, "male"), appearance(0)])
    wanted = [("clip-1", 0, "female"), ("clip-1", 2, "male")]
    query = f"SELECT video_id, track_id, gender FROM '{tmp_path}/*.parquet'"
    assert duckdb.connect().execute(query).fetchall() == wanted
    frame = pd.read_parquet(tmp_path / "clip-1.parquet")
    assert list(frame[["video_id", "track_id", "gender"]].itertuples(index=False, name=None)) == wanted
    assert frame["age_years"].isna().all()
    assert list(frame.columns) == TRACKS.names


def test_the_file_keeps_descriptions_and_provenance(tmp_path: Path) -> None:
    provenance = {"version": "1", "options": {"every_s": 0.2}}
    write(tmp_path / "clip.parquet", [appearance(0)], provenance)
    assert provenance_of(tmp_path / "clip.parquet") == provenance
    stored = pq.read_schema(tmp_path / "clip.parquet").field("screen_time_s")
    assert stored.metadata[b"description"] == b"Seconds with the face in view"


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", [appearance(0), appearance(1)], {"x": 1, "y": 2})
    write(tmp_path / "b.parquet", [appearance(1), appearance(0)], json.loads('{"y": 2, "x": 1}'))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_full_disk_leaves_only_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.parquet"
    write(path, [appearance(0)])
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write(path, [appearance(0), appearance(1)])
    assert "run the same command" in caught.value.fix
    assert [file.name for file in tmp_path.iterdir()] == ["clip.parquet"]
    assert path.read_bytes() == before


def test_a_kill_between_writing_and_renaming_leaves_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "clip.parquet", [appearance(0)])
    assert list(tmp_path.glob("*.parquet")) == []


def test_a_folder_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "tracks").write_text("in the way")
    with pytest.raises(OutputError) as caught:
        write(tmp_path / "tracks" / "clip.parquet", [appearance(0)])
    assert "clip.parquet" in caught.value.what


@pytest.mark.parametrize("content", [b"", b"PAR1 half a file", b"x" * 1000])
def test_a_damaged_table_is_an_error_with_a_fix(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.parquet"
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"clip\.parquet cannot be read") as caught:
        read_table(path, TRACKS)
    assert caught.value.fix


def test_a_table_with_the_name_of_a_column_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "clip.parquet", [appearance(0)])
    content = (tmp_path / "clip.parquet").read_bytes()
    (tmp_path / "clip.parquet").write_bytes(content.replace(b"age_years", b"\x98ge_years"))
    with pytest.raises(OutputError):
        read_table(tmp_path / "clip.parquet", TRACKS)


def test_a_changed_byte_of_a_value_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.parquet"
    write(path, [appearance(0)])
    whole, content = read_table(path, TRACKS), path.read_bytes()
    first = pq.read_metadata(path).row_group(0).column(0).dictionary_page_offset
    for at in range(first, len(content) - 8 - int.from_bytes(content[-8:-4], "little")):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with suppress(OutputError):
            assert str(read_table(path, TRACKS).to_pydict()) == str(whole.to_pydict()), at


def test_a_table_with_other_columns_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.parquet"
    pq.write_table(pa.table({"video_id": ["a"], "track_id": [1]}), path)
    with pytest.raises(OutputError):
        read_table(path, TRACKS)


def test_a_table_with_columns_of_another_type_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "clip.parquet", [appearance(0)])
    table = pq.read_table(tmp_path / "clip.parquet")
    at = table.schema.get_field_index("age_years")
    pq.write_table(table.set_column(at, "age_years", pa.array(["30"])), tmp_path / "clip.parquet")
    with pytest.raises(OutputError, match="its column age_years is string, not float"):
        read_table(tmp_path / "clip.parquet", TRACKS)


def test_a_table_with_empty_cells_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "clip.parquet", [appearance(0)])
    table = pq.read_table(tmp_path / "clip.parquet")
    pq.write_table(table.set_column(1, "video", pa.array([None], pa.string())), tmp_path / "clip.parquet")
    with pytest.raises(OutputError, match="column video has empty cells"):
        read_table(tmp_path / "clip.parquet", TRACKS)


@pytest.mark.parametrize("version", [b"x", b"-1", b"", b"9" * 6000])
def test_a_schema_version_that_is_no_number_or_too_large_is_an_error(tmp_path: Path, version: bytes) -> None:
    write(tmp_path / "clip.parquet", [appearance(0)])
    table = pq.read_table(tmp_path / "clip.parquet").replace_schema_metadata({tables.SCHEMA_KEY: version})
    pq.write_table(table, tmp_path / "clip.parquet")
    with pytest.raises(OutputError, match="schema version"):
        read_table(tmp_path / "clip.parquet", TRACKS)


def test_a_damaged_tally_is_made_again_by_tally(tmp_path: Path) -> None:
    (tmp_path / "my out" / "tallies").mkdir(parents=True)
    (tmp_path / "my out" / "tallies" / "tallies.parquet").write_text("no table")
    with pytest.raises(OutputError) as caught:
        read_table(tmp_path / "my out" / "tallies" / "tallies.parquet", TALLIES)
    assert caught.value.fix == f"make it again: facetally tally --write '{tmp_path / 'my out'}'"


def test_appearances_have_the_name_of_their_video_and_times_as_players_show_them() -> None:
    later = Appearance(1, 59.96, 3725.04, 1.0, 5, 40.0, 0.5, 0.9, "male", math.nan, "unknown")
    rows = tracks_table("clip-1", "films/a.mp4", [appearance(0), later]).to_pylist()
    assert [(r["video"], r["first_time"], r["last_time"]) for r in rows] == [
        ("films/a.mp4", "0:00", "0:01"),
        ("films/a.mp4", "0:59", "1:02:05"),
    ]


def test_the_copy_of_a_table_has_another_id_and_another_name() -> None:
    tracks = for_other_video(tracks_table("clip-1", "a.mp4", [appearance(0)]), "clip-2", "b.mp4")
    assert (tracks.schema, tracks["video_id"].to_pylist(), tracks["video"].to_pylist()) == (
        TRACKS,
        ["clip-2"],
        ["b.mp4"],
    )
    faces = for_other_video(faces_table("clip-1", [face_rows(0, [0])], [0]), "clip-2", "b.mp4")
    assert (faces.schema, faces["video_id"].to_pylist()) == (FACES, ["clip-2"])


def test_a_table_of_a_newer_schema_is_refused_with_a_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(tables, "SCHEMA_VERSION", tables.SCHEMA_VERSION + 1)
        write(tmp_path / "clip.parquet", [appearance(0)])
    with pytest.raises(OutputError, match=r"written by a newer facetally: its tables have schema version 3") as caught:
        read_table(tmp_path / "clip.parquet", TRACKS)
    assert caught.value.fix == "pip install --upgrade facetally"


def test_a_table_of_0_1_without_a_schema_version_is_read(tmp_path: Path) -> None:
    write(tmp_path / "clip.parquet", [appearance(0)])
    table = pq.read_table(tmp_path / "clip.parquet")
    metadata = {key: value for key, value in table.schema.metadata.items() if key != tables.SCHEMA_KEY}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "old.parquet")
    assert read_table(tmp_path / "old.parquet", TRACKS).num_rows == 1


def test_faces_of_joined_tracks_have_the_id_of_the_first() -> None:
    rows = [face_rows(0, [0, 1]), face_rows(5, [2, 1]), face_rows(10, [3])]
    table = faces_table("clip-1", rows, kept_ids=[0], joined={2: 0, 3: 0})
    assert table["track_id"].to_pylist() == [0, -1, 0, -1, 0]


def test_appearances_have_the_number_of_their_person_only_if_people_were_counted() -> None:
    both = [appearance(0), appearance(4)]
    assert tracks_table("clip-1", "a.mp4", both)["person_in_video"].to_pylist() == [NOT_COUNTED] * 2 == [-1, -1]
    assert tracks_table("clip-1", "a.mp4", both, {0: 0, 4: 0, 9: 1})["person_in_video"].to_pylist() == [0, 0]


@pytest.mark.parametrize("name", ["tracks", "tallies"])
def test_a_table_from_before_people_were_counted_is_read_as_one_without(tmp_path: Path, name: str) -> None:
    schema = SCHEMAS[name]
    old = pa.schema([field for field in schema if field.name not in tables.ADDED])
    assert len(old) == len(schema) - (4 if name == "tracks" else 2)
    row = {field.name: "a" if field.type == pa.string() else 1 for field in old}
    pq.write_table(pa.Table.from_pylist([row, row], schema=old), tmp_path / "old.parquet")
    table = read_table(tmp_path / "old.parquet", schema)
    assert table.schema.names == schema.names
    column, value = ("person_in_video", -1) if name == "tracks" else ("people", 0)
    assert table[column].to_pylist() == [value] * 2


def test_a_table_without_the_columns_that_were_added_since_is_read_with_their_defaults(tmp_path: Path) -> None:
    row = {field.name: "a" if field.type == pa.string() else 1 for field in VIDEOS if field.name not in tables.ADDED}
    schema = pa.schema([field for field in VIDEOS if field.name not in tables.ADDED])
    pq.write_table(pa.Table.from_pylist([row], schema=schema), tmp_path / "old.parquet")
    table = read_table(tmp_path / "old.parquet", VIDEOS)
    assert table.schema.names == VIDEOS.names
    (read,) = table.to_pylist()
    assert (read["clock_jump_count"], read["note"], read["displayed_width_px"], read["codec"]) == (0, "", 0, "a")


def test_times_of_shot_cuts_are_read_as_they_were_stored(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for number, cuts_s in enumerate([(), (1.4, 2.8)]):
        row = VideoRow(f"id{number}", f"{number}.mp4", "/in", "ok", cuts_s=cuts_s)
        ledger.store(row, FACES.empty_table(), TRACKS.empty_table(), provenance={})
        assert ledger.read_row(f"id{number}").cuts_s == cuts_s


def test_a_list_with_an_empty_value_is_damaged(tmp_path: Path) -> None:
    row = {field.name: "a" if field.type == pa.string() else 1 for field in VIDEOS} | {"cuts_s": [1.0, None]}
    pq.write_table(pa.Table.from_pylist([row], schema=VIDEOS), tmp_path / "a.parquet")
    with pytest.raises(OutputError, match="column cuts_s has empty cells"):
        read_table(tmp_path / "a.parquet", VIDEOS)
