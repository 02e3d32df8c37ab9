"""Correcting one appearance: what is stored, what is said, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import Seen, id_of, store

from facetally.errors import OptionError, OutputError
from facetally.jobs.corrections import correct_track, corrections_of
from facetally.results.corrections import read_corrections
from facetally.results.ledger import Ledger, VideoRow


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A run with two men of middle age in sub/a.mp4."""
    return store(tmp_path / "out", "sub/a.mp4", Seen(0, 0, 10), Seen(3, 31, 45, x=200)).out


def test_a_correction_says_what_it_changes_and_is_counted(out: Path) -> None:
    change = correct_track(out, "a.mp4", 3, gender="woman", who="anna")
    assert str(change) == "0:31-0:45 in sub/a.mp4: male, mid -> female, mid"
    (row,) = read_corrections(out).found.values()
    assert (row.video, row.track_id, row.gender, row.who) == ("sub/a.mp4", 3, "female", "anna")
    assert row.when and row.anchor and row.anchor.box == (200, 0, 240, 40)


def test_a_folder_that_cannot_be_locked_is_an_error_in_words(out: Path) -> None:
    (out / ".lock").unlink(missing_ok=True)
    (out / ".lock").mkdir()
    with pytest.raises(OutputError, match="cannot write to"):
        correct_track(out, "a.mp4", 3, gender="woman")


def test_an_appearance_that_is_no_face_is_said_not_to_count(out: Path) -> None:
    change = correct_track(out, id_of("sub/a.mp4"), 0, gender="not_a_face")
    assert str(change) == "0:00-0:10 in sub/a.mp4: male, mid -> not_a_face (not counted)"


def test_a_second_correction_adds_to_the_first_and_remembers_it(out: Path) -> None:
    correct_track(out, "a.mp4", 0, gender="female", who="anna")
    change = correct_track(out, "a.mp4", 0, age_band="61", who="ben")
    assert str(change).endswith("female, mid -> female, old")
    (row,) = read_corrections(out).rows
    assert (row.gender, row.age_band, row.who) == ("female", "old", "ben")
    assert row.before.startswith("female (anna, 20")


def test_a_correction_within_one_second_names_one_time(tmp_path: Path) -> None:
    out = store(tmp_path / "out", "a.mp4", Seen(0, 31.2, 31.8)).out
    assert str(correct_track(out, "a.mp4", 0, gender="female")).startswith("0:31 in a.mp4: ")


def test_a_correction_that_is_undone_leaves_the_prediction_and_the_other_rows(out: Path) -> None:
    correct_track(out, "a.mp4", 0, gender="female")
    correct_track(out, "a.mp4", 3, gender="ignore")
    change = correct_track(out, "a.mp4", 3, undo=True)
    assert str(change) == "0:31-0:45 in sub/a.mp4: ignore (not counted) -> male, mid"
    assert [row.track_id for row in read_corrections(out).rows] == [0]


def test_a_correction_that_confirms_the_prediction_is_stored(out: Path) -> None:
    assert str(correct_track(out, "a.mp4", 0, gender="male")).endswith("stays male, mid")
    assert read_corrections(out).disclosure() == "1 appearance corrected by hand"


def test_a_correction_of_a_copy_is_that_of_the_video(out: Path) -> None:
    Ledger(out).store_copy(VideoRow(id_of("copy.mp4"), "copy.mp4", "/in/copy.mp4"), id_of("sub/a.mp4"))
    first = correct_track(out, "a.mp4", 0, gender="female")
    assert str(first).endswith("in sub/a.mp4: male, mid -> female, mid; also in copy.mp4 (same content)")
    second = correct_track(out, "copy.mp4", 0, age_band="old")
    assert str(second).endswith("in copy.mp4: female, mid -> female, old; also in sub/a.mp4 (same content)")
    assert [row.meaning for row in read_corrections(out).rows] == ["female, old"]
    undone = correct_track(out, "a.mp4", 0, undo=True)
    assert str(undone).endswith("in sub/a.mp4: female, old -> male, mid; also in copy.mp4 (same content)")
    assert not read_corrections(out)


def test_rows_typed_by_hand_stay_and_get_what_finds_them_again(out: Path) -> None:
    (out / "corrections.csv").write_text("video;track;gender\nsub/a.mp4;0;f\nlost.mp4;1;m\n")
    correct_track(out, "a.mp4", 3, gender="female")
    first, lost, new = read_corrections(out).rows
    assert first.anchor and first.anchor.text == "0:00-0:10"
    assert (lost.video, lost.anchor) == ("lost.mp4", None)
    assert new.track_id == 3


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        (("b.mp4", 0), "has no video b.mp4; similar: sub/a.mp4", "facetally tally"),
        (("?", 0), "has no video ?; it has sub/a.mp4", "facetally tally"),
        (("a.mp4", 7), "a.mp4 has no appearance 7; it has 0 (0:00-0:10 male), 3 (0:31-0:45 male)", "facetally show"),
    ],
)
def test_a_video_or_track_that_does_not_exist_is_named_with_those_that_do(
    out: Path, arguments: tuple[str, int], message: str, fix: str
) -> None:
    with pytest.raises(OutputError) as caught:
        correct_track(out, *arguments, gender="female")
    assert message in caught.value.what
    assert fix in caught.value.fix
    assert not (out / "corrections.csv").exists()


@pytest.mark.parametrize(
    "wrong",
    [{"gender": "femal"}, {"age_band": "ancient"}, {}, {"undo": True, "gender": "male"}],
)
def test_unknown_words_and_empty_corrections_are_refused(out: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(OptionError):
        correct_track(out, "a.mp4", 0, **wrong)  # type: ignore[arg-type]


def test_undoing_what_was_never_corrected_is_an_error(out: Path) -> None:
    with pytest.raises(OutputError, match="is not corrected"):
        correct_track(out, "a.mp4", 0, undo=True)


def test_nothing_is_corrected_while_a_run_writes(out: Path) -> None:
    with Ledger(out).locked(), pytest.raises(OutputError, match="a run is writing") as caught:
        correct_track(out, "a.mp4", 0, gender="female")
    assert "facetally status" in caught.value.fix


def test_the_list_shows_what_the_machine_said_and_what_counts(out: Path) -> None:
    correct_track(out, "a.mp4", 3, gender="female")
    with (out / "corrections.csv").open("a") as file:
        file.write("gone.mp4,1,male,,,,,,,,,,,\n")
    known, lost = corrections_of(out)
    assert (known.predicted, known.corrected, known.is_found) == ("male, mid", "female, mid", True)
    assert (lost.predicted, lost.corrected, lost.is_found) == ("", "male", False)
