"""The tables of a run as data frames."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from labelled_world import stored, track_row

from facetally.errors import OutputError
from facetally.results.ledger import VideoRow
from facetally.results.run_tables import Run


def test_appearances_of_older_results_get_the_name_of_their_video_and_their_times(tmp_path: Path) -> None:
    names = ("a.mp4", "b.mp4")
    ledger = stored(tmp_path, {name: [track_row(0, 0.9, 75.2) | {"video_id": f"id-{name}"}] for name in names})
    path = ledger.path("tracks", "id-a.mp4")
    pq.write_table(pq.read_table(path).drop_columns(["video", "first_time", "last_time"]), path)
    frame = Run(tmp_path).tracks().set_index("video_id")
    assert frame.loc["id-a.mp4", ["video", "first_time", "last_time"]].tolist() == ["a.mp4", "0:00", "1:15"]
    stored_name = pq.read_table(ledger.path("tracks", "id-b.mp4"))["video"].to_pylist()
    assert [frame.loc["id-b.mp4", "video"]] == stored_name


def test_a_folder_without_a_tally_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no tally") as caught:
        Run(tmp_path / "my out").tallies()
    assert caught.value.fix == f"make one: facetally tally --write '{tmp_path / 'my out'}'"


def test_videos_that_failed_before_are_among_the_failed(tmp_path: Path) -> None:
    rows = [VideoRow(name, name, name, status) for name, status in (("a", "ok"), ("b", "failed"))]  # type: ignore[arg-type]
    assert [row.video for row in Run(tmp_path, new=rows, done=rows[1:]).failed] == ["b", "b"]
