"""The output folder as a store of results: a row exists only for complete ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facetally.errors import OutputError
from facetally.formatting import command
from facetally.results import ledger as ledger_module
from facetally.results.ledger import Ledger, Status, VideoRow, renamed_in_command
from facetally.results.tables import FACES, TRACKS, write_table

DONE = VideoRow("clip-1", "clip.mp4", "/in/clip.mp4", "ok", content_sha256="a" * 64, options_digest="b" * 16, fps=25.0)


def stored(out: Path, *rows: VideoRow) -> Ledger:
    ledger = Ledger(out)
    for row in rows:
        ledger.store(row, FACES.empty_table(), TRACKS.empty_table(), provenance={"run": row.video_id})
    return ledger


def test_a_row_is_read_back_as_it_was_stored(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    row = ledger.store(DONE, FACES.empty_table(), TRACKS.empty_table(), provenance={})
    assert ledger.row("clip-1") == row
    for table, digest in (("faces", row.faces_sha256), ("tracks", row.tracks_sha256)):
        assert hashlib.sha256(ledger.path(table, "clip-1").read_bytes()).hexdigest() == digest
    assert replace(row, faces_sha256="", tracks_sha256="") == DONE
    assert ledger.row("clip-2") is None
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.parquet")) == [
        "faces/clip-1.parquet",
        "tracks/clip-1.parquet",
        "videos/clip-1.parquet",
    ]


@pytest.mark.parametrize(
    ("changed", "is_done"),
    [
        ({}, True),
        ({"path": "/elsewhere/clip.mp4"}, True),
        ({"content_sha256": "c" * 64}, False),
        ({"options_digest": "c" * 16}, False),
    ],
)
def test_done_means_the_same_content_options_and_weights(changed: dict[str, Any], is_done: bool) -> None:
    assert DONE.is_done_for(replace(DONE, **changed)) is is_done


@pytest.mark.parametrize("status", ["ok", "partial", "failed"])
def test_a_video_is_done_whatever_its_status_as_long_as_its_file_is_the_same(status: Status) -> None:
    row = replace(DONE, status=status)
    assert row.is_done_for(row)
    assert not row.is_done_for(replace(row, content_sha256="c" * 64))


def test_a_file_that_cannot_be_read_is_done_as_long_as_the_reason_is_the_same() -> None:
    row = replace(DONE, status="failed", content_sha256="", reason="no permission")
    assert row.is_done_for(row)
    assert not row.is_done_for(replace(row, reason="disk error"))
    assert not row.is_done_for(replace(row, content_sha256="a" * 64))


@pytest.mark.parametrize("kept_bytes", [0, 100])
def test_a_damaged_row_counts_as_missing(tmp_path: Path, kept_bytes: int) -> None:
    ledger = stored(tmp_path, DONE)
    path = ledger.path("videos", "clip-1")
    path.write_bytes(path.read_bytes()[:kept_bytes])
    assert ledger.row("clip-1") is None
    with pytest.raises(OutputError):
        list(ledger.rows())


@pytest.mark.parametrize("table", ["faces", "tracks", "videos"])
def test_there_is_no_row_for_files_that_were_not_all_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    ledger = stored(tmp_path, DONE)

    def failing(path: Path, *rest: Any) -> str:
        if path.parent.name == table:
            raise OutputError("full", fix="free space")
        return write_table(path, *rest)

    monkeypatch.setattr(ledger_module, "write_table", failing)
    with pytest.raises(OutputError):
        stored(tmp_path, DONE)
    assert ledger.row("clip-1") is None


def test_an_output_folder_with_a_file_in_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("a file in the place of the folder")
    with pytest.raises(OutputError):
        stored(tmp_path, DONE)


def test_excluded_videos_have_no_row_that_counts(tmp_path: Path) -> None:
    rows = [replace(DONE, video_id=f"x-{name}", video=name) for name in ("a.mp4", "b.mp4", "c.mp4")]
    ledger = stored(tmp_path, *rows)
    ledger.store_names({"x-a.mp4": "a.mp4"}, exclude=["b*"], excluded={"x-c.mp4": "other.mp4"})
    assert [row.video for row in ledger.rows()] == ["a.mp4"]
    assert ledger.read_row("x-b.mp4").video == "b.mp4"
    ledger.store_names({"x-a.mp4": "a.mp4"}, exclude=["*"])
    with pytest.raises(OutputError, match=r"all 3 videos of .* are excluded") as caught:
        list(ledger.rows())
    assert "--include-all" in caught.value.fix


def test_a_removed_video_leaves_no_file(tmp_path: Path) -> None:
    ledger = stored(tmp_path, DONE, replace(DONE, video_id="clip-2"))
    ledger.remove("clip-1")
    ledger.remove("clip-1")  # nothing to do
    assert sorted(path.name for path in tmp_path.rglob("*.parquet")) == ["clip-2.parquet"] * 3


def test_the_reason_and_the_fix_of_a_copy_name_the_copy(tmp_path: Path) -> None:
    old, new = "/in/it's old.mp4", "/in/new $1.mp4"
    reason, fix = f"{old} is empty", f"look at {old}; then {command('ffmpeg', '-i', old, 'b.mp4')}"
    row = replace(DONE, path=old, status="failed", reason=reason, fix=fix)
    copy = stored(tmp_path, row).store_copy(replace(DONE, video_id="clip-2", video="new $1.mp4", path=new), "clip-1")
    assert (copy.reason, copy.same_as) == (f"{new} is empty", "clip.mp4")
    assert copy.fix == f"look at {new}; then ffmpeg -i '{new}' b.mp4"


@pytest.mark.parametrize(
    ("old", "new"), [("/a.mp4", "/b.mp4"), ("/a b.mp4", "/c.mp4"), ("/a.mp4", "/c d.mp4"), ("/a b.mp4", "/c 'd.mp4")]
)
def test_a_path_in_a_command_is_replaced_as_the_shell_reads_it(old: str, new: str) -> None:
    renamed = renamed_in_command(f"play it: {command('mpv', old)}", old, new)
    assert renamed == f"play it: {command('mpv', new)}"


def test_rows_are_sorted_by_name(tmp_path: Path) -> None:
    rows = [replace(DONE, video_id=f"x-{i}", video=name) for i, name in enumerate(["b.mp4", "c.mp4", "a.mp4"])]
    assert [row.video for row in stored(tmp_path, *rows).rows()] == ["a.mp4", "b.mp4", "c.mp4"]


def test_provenance_is_that_of_the_newest_row(tmp_path: Path) -> None:
    ledger = stored(tmp_path, DONE, replace(DONE, video_id="clip-0"))
    os.utime(ledger.path("videos", "clip-1"), (2e9, 2e9))
    assert ledger.provenance() == {"run": "clip-1"}


@pytest.mark.parametrize("asked", [lambda ledger: list(ledger.rows()), lambda ledger: ledger.provenance()])
def test_a_folder_without_results_is_an_error_that_states_how_to_make_some(
    tmp_path: Path, asked: Callable[[Ledger], object]
) -> None:
    with pytest.raises(OutputError, match="holds no results") as caught:
        asked(Ledger(tmp_path / "nothing"))
    assert f"facetally run VIDEOS -o {tmp_path / 'nothing'}" in caught.value.fix
