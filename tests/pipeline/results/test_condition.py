"""Damaged, missing, foreign and newer files of an output folder are found, each for its video alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facetally.results import tables
from facetally.results.condition import condition_of
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS, write_table


def stored(out: Path) -> Ledger:
    """Two videos without faces, a and b."""
    ledger = Ledger(out)
    for name in ("a", "b"):
        row = VideoRow(f"id-{name}", f"{name}.mp4", f"/in/{name}.mp4", "ok")
        ledger.store(row, FACES.empty_table(), TRACKS.empty_table(), provenance={})
    return ledger


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def other_type(path: Path) -> None:
    table = pq.read_table(path)
    kinds = [pa.int32() if field.type == pa.float64() else field.type for field in table.schema]
    pq.write_table(table.cast(pa.schema([f.with_type(k) for f, k in zip(table.schema, kinds, strict=True)])), path)


def other_table(path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), path)


WAYS: list[Callable[[Path], None]] = [cut, emptied, other_type, other_table, Path.unlink]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("table", ["faces", "tracks"])
@pytest.mark.parametrize("is_deep", [False, True])
def test_a_file_that_cannot_be_read_concerns_its_video_alone(
    tmp_path: Path, table: str, way: Callable[[Path], None], is_deep: bool
) -> None:
    ledger = stored(tmp_path)
    way(ledger.path(table, "id-a"))
    found = condition_of(ledger, is_deep=is_deep)
    (damage,) = found.damages.values()
    assert (damage.video, damage.is_newer, sorted(found.rows)) == ("a.mp4", False, ["id-a", "id-b"])
    assert f"{table}/id-a.parquet" in damage.what
    assert "run the same `facetally run` again" in damage.fix


@pytest.mark.parametrize("way", [cut, emptied, other_type, other_table], ids=lambda way: way.__name__)
def test_a_damaged_row_goes_by_the_name_in_the_newest_run(tmp_path: Path, way: Callable[[Path], None]) -> None:
    ledger = stored(tmp_path)
    ledger.store_names({"id-a": "a.mp4", "id-b": "b.mp4"})
    way(ledger.path("videos", "id-a"))
    found = condition_of(ledger)
    assert ([damage.video for damage in found.damages.values()], list(found.rows)) == (["a.mp4"], ["id-b"])
    (tmp_path / "run.json").write_text("{")
    assert [damage.video for damage in condition_of(ledger).damages.values()] == ["id-a"]


def test_only_a_deep_look_sees_a_file_that_is_whole_but_not_the_one_that_was_stored(tmp_path: Path) -> None:
    ledger = stored(tmp_path)
    write_table(ledger.path("faces", "id-b"), FACES.empty_table(), {"made": "later"})
    assert condition_of(ledger).damages == {}
    (damage,) = condition_of(ledger, is_deep=True).damages.values()
    assert (damage.video, "its hash differs from that in the ledger" in damage.what) == ("b.mp4", True)


def test_the_row_of_another_video_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    ledger = stored(tmp_path)
    ledger.path("videos", "id-a").write_bytes(ledger.path("videos", "id-b").read_bytes())
    assert "it is not the row of this video" in condition_of(ledger).damages["id-a"].what


@pytest.mark.parametrize("table", ["videos", "faces", "tracks"])
def test_a_table_of_a_newer_schema_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    ledger = stored(tmp_path)
    path = ledger.path(table, "id-a")
    content = pq.read_table(path)
    with monkeypatch.context() as newer:
        newer.setattr(tables, "SCHEMA_VERSION", tables.SCHEMA_VERSION + 1)
        write_table(path, content, {})
    for is_deep in (False, True):
        (damage,) = condition_of(ledger, is_deep=is_deep).damages.values()
        assert (damage.is_newer, "written by a newer facetally" in damage.what) == (True, True)


def test_results_without_hashes_are_read_instead(tmp_path: Path) -> None:
    ledger = stored(tmp_path)
    row = replace(ledger.read_row("id-a"), faces_sha256="", tracks_sha256="")
    table = pa.Table.from_pylist([vars(row)], schema=tables.VIDEOS)
    write_table(ledger.path("videos", "id-a"), table.drop_columns(["faces_sha256", "tracks_sha256"]), {})
    assert condition_of(ledger, is_deep=True).damages == {}
    cut(ledger.path("tracks", "id-a"))
    assert list(condition_of(ledger, is_deep=True).damages) == ["id-a"]
