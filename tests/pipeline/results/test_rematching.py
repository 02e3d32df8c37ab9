"""Corrections stay with their appearances when a video is processed again and its tracks get other numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import Seen, id_of, store

from facetally.results.corrections import read_corrections
from facetally.results.corrections_file import read_correction_rows
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.rematching import anchor_corrections, rematched

HEADER = "video,track,gender\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Two people side by side, then one of them alone, with a correction of the second and of the third appearance."""
    ledger = store(tmp_path, "a.mp4", Seen(0, 0, 10), Seen(1, 0, 10, x=200), Seen(2, 31, 45, x=200))
    (tmp_path / "corrections.csv").write_text(f"{HEADER}a.mp4,1,female\na.mp4,2,ignore\n")
    anchor_corrections(ledger)
    return ledger


def corrected(ledger: Ledger) -> dict[int, str]:
    """What the corrections say, by track id."""
    return {track_id: row.gender for (_, track_id), row in read_corrections(ledger.out).found.items()}


def test_rows_typed_by_hand_get_their_times_and_a_box(ledger: Ledger) -> None:
    first, second = read_correction_rows(ledger.out / "corrections.csv")
    assert first.anchor and second.anchor
    assert (first.anchor.first_s, first.anchor.last_s, first.anchor.time_s) == (0, 10, 5)
    assert first.anchor.box == (200, 0, 240, 40)
    assert second.anchor.text == "0:31-0:45"


def test_other_numbers_are_found_by_time_and_box(ledger: Ledger) -> None:
    store(ledger.out, "a.mp4", Seen(5, 0.2, 9.8, x=204), Seen(7, 0, 10), Seen(9, 31, 46, x=210))
    assert corrected(ledger) == {}  # not applied to the wrong ones before they are found
    rematch = rematched(ledger)
    assert corrected(ledger) == {5: "female", 9: "ignore"}
    assert rematch.sentences == ["2 corrections by hand moved to the new number of the same appearance"]


def test_numbers_that_changed_places_are_told_apart_by_their_boxes(ledger: Ledger) -> None:
    store(ledger.out, "a.mp4", Seen(1, 0, 10), Seen(0, 0, 10, x=200), Seen(2, 31, 45, x=200))
    assert corrected(ledger) == {2: "ignore"}
    rematched(ledger)
    assert corrected(ledger) == {0: "female", 2: "ignore"}


def test_an_unchanged_run_changes_nothing(ledger: Ledger) -> None:
    before = (ledger.out / "corrections.csv").read_bytes()
    rematch = rematched(ledger)
    assert (rematch.moved, rematch.lost, rematch.sentences) == ((), (), [])
    assert (ledger.out / "corrections.csv").read_bytes() == before


def test_what_is_not_found_is_named_kept_and_found_by_a_later_run(ledger: Ledger) -> None:
    store(ledger.out, "a.mp4", Seen(0, 0, 10), Seen(1, 0, 10, x=200))
    (sentence,) = rematched(ledger).sentences
    assert "1 correction by hand not applied" in sentence
    assert "an appearance of a.mp4 (0:31-0:45, line 3): ignore" in sentence
    assert read_corrections(ledger.out).lost[0].track_id is None
    store(ledger.out, "a.mp4", Seen(0, 0, 10), Seen(1, 0, 10, x=200), Seen(4, 30, 45, x=200))
    assert len(rematched(ledger).moved) == 1
    assert corrected(ledger) == {1: "female", 4: "ignore"}


def test_an_appearance_that_is_now_in_two_parts_keeps_its_correction_where_it_was_seen(ledger: Ledger) -> None:
    store(ledger.out, "a.mp4", Seen(1, 0, 10, x=200), Seen(2, 31, 34, x=200), Seen(3, 36, 45, x=200))
    rematched(ledger)
    assert corrected(ledger) == {1: "female", 3: "ignore"}


def test_two_corrections_do_not_go_to_one_appearance(ledger: Ledger) -> None:
    store(ledger.out, "a.mp4", Seen(0, 0, 45, x=200))
    rematch = rematched(ledger)
    assert (len(rematch.moved), len(rematch.lost)) == (1, 1)
    assert len(corrected(ledger)) == 1


def test_a_video_that_failed_this_time_loses_no_correction(ledger: Ledger) -> None:
    store(ledger.out, "a.mp4", status="failed")
    assert len(rematched(ledger).lost) == 2
    store(ledger.out, "a.mp4", Seen(3, 0, 10), Seen(4, 0, 10, x=200), Seen(5, 31, 45, x=200))
    rematched(ledger)
    assert corrected(ledger) == {4: "female", 5: "ignore"}


def test_a_video_that_is_no_more_in_the_run_keeps_its_rows(ledger: Ledger) -> None:
    before = (ledger.out / "corrections.csv").read_bytes()
    ledger.path("videos", id_of("a.mp4")).unlink()
    store(ledger.out, "b.mp4", Seen(0, 0, 1))
    assert len(rematched(ledger).lost) == 2
    assert (ledger.out / "corrections.csv").read_bytes() == before


def test_other_frames_are_compared_between_the_sampled_ones(ledger: Ledger) -> None:
    store(ledger.out, "a.mp4", Seen(3, 0.3, 9.3, x=200, every_s=3), Seen(4, 32, 44, x=200, every_s=4))
    rematched(ledger)
    assert corrected(ledger) == {3: "female", 4: "ignore"}


def test_a_run_without_corrections_gets_no_file(tmp_path: Path) -> None:
    ledger = store(tmp_path, "a.mp4", Seen(0, 0, 10))
    anchor_corrections(ledger)
    assert rematched(ledger).sentences == []
    assert not (tmp_path / "corrections.csv").exists()


@pytest.mark.parametrize("table", ["tracks", "faces"])
def test_a_damaged_table_stops_no_run_and_costs_no_correction(ledger: Ledger, table: str) -> None:
    store(ledger.out, "b.mp4", Seen(0, 0, 10))
    with (ledger.out / "corrections.csv").open("a") as file:
        file.write("b.mp4,0,female" + "," * 11 + "\n")
    for video in ("a.mp4", "b.mp4"):
        ledger.path(table, id_of(video)).write_bytes(b"damaged")
    anchor_corrections(ledger)
    before = (ledger.out / "corrections.csv").read_bytes()
    assert len(rematched(ledger).lost) == 3
    assert (ledger.out / "corrections.csv").read_bytes() == before


def test_a_short_name_typed_by_hand_still_means_its_video_when_another_fits_it_too(tmp_path: Path) -> None:
    ledger = store(tmp_path, "monday/a.mp4", Seen(0, 0, 10))
    (tmp_path / "corrections.csv").write_text(f"{HEADER}a.mp4,0,female\n")
    anchor_corrections(ledger)
    store(tmp_path, "tuesday/a.mp4", Seen(0, 0, 10))
    rematched(ledger)
    assert list(read_corrections(tmp_path).found) == [(id_of("monday/a.mp4"), 0)]


def test_a_correction_of_a_video_that_was_removed_says_so(ledger: Ledger) -> None:
    store(ledger.out, "b.mp4", Seen(0, 0, 10))
    ledger.remove(id_of("a.mp4"))
    (sentence,) = rematched(ledger).sentences
    assert sentence.startswith(
        "2 corrections by hand not applied, as the run does not have the video: track 1 of a.mp4"
    )
    assert [row.track_id for row in read_correction_rows(ledger.out / "corrections.csv")] == [1, 2]


def test_a_correction_of_a_video_that_was_removed_moves_to_its_copy(ledger: Ledger) -> None:
    ledger.store_copy(VideoRow(id_of("b.mp4"), "b.mp4", "/in/b.mp4"), id_of("a.mp4"))
    ledger.remove(id_of("a.mp4"))
    (sentence,) = rematched(ledger).sentences
    assert sentence.startswith("2 corrections by hand moved to another video with the same content")
    assert corrected(ledger) == {1: "female", 2: "ignore"}
    assert [row.video for row in read_corrections(ledger.out).rows] == ["b.mp4", "b.mp4"]
    assert rematched(ledger).sentences == []


def test_a_copy_with_its_own_correction_keeps_it_when_the_video_is_removed(ledger: Ledger) -> None:
    ledger.store_copy(VideoRow(id_of("b.mp4"), "b.mp4", "/in/b.mp4"), id_of("a.mp4"))
    (ledger.out / "corrections.csv").write_text(f"{HEADER}a.mp4,1,female\nb.mp4,1,unknown\n")
    ledger.remove(id_of("a.mp4"))
    (row,) = rematched(ledger).without_video
    assert (row.video, corrected(ledger)) == ("a.mp4", {1: "unknown"})
