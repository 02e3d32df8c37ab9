"""Appearances are chosen by video, time, gender and age, and put in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled_world import Row, face_rows, stored, times, track_row

from facetally.errors import OptionError, OutputError
from facetally.inspection.appearances import Choice, choose, why_unknown
from facetally.inspection.moments import Span
from facetally.options import ClassificationOptions
from facetally.results.ledger import Ledger

OPTIONS = ClassificationOptions(min_confidence=0.75, min_face_height_px=16, min_age_years=4)


def track(track_id: int, first_s: float, seconds: float, prob: float, **values: object) -> Row:
    return track_row(track_id, prob, seconds) | {"first_s": first_s, "last_s": first_s + seconds - 0.2, **values}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """In a/film.mp4 a woman at 0-2 s, a man at 1-9 s, someone at 5-6 s; in b/film.mp4 and b/news.mp4 a woman each."""
    film = [
        track(0, 0.0, 2.0, 0.9, age_band="old"),
        track(3, 1.0, 8.0, 0.02),
        track(5, 5.0, 1.0, 0.6, gender="unknown"),
    ]
    faces = [
        row
        for number, at_s in ((0, times(0, 2)), (3, times(1, 9)), (5, times(5, 6)))
        for row in face_rows(number, at_s)
    ]
    tracks = {"a/film.mp4": film, "b/film.mp4": [track(0, 3.0, 4.0, 0.97)], "b/news.mp4": [track(1, 0.0, 3.0, 0.8)]}
    for name, rows in tracks.items():
        tracks[name] = [row | {"video_id": f"id-{name.replace('/', '_')}"} for row in rows]
    return stored(tmp_path / "out", tracks, {"a/film.mp4": faces}, failed=["c/broken.mp4"])


def ids(ledger: Ledger, **choice: object) -> list[tuple[str, int]]:
    table = choose(ledger, Choice(**choice)).table  # type: ignore[arg-type]
    return list(zip(table["video"], table["track_id"], strict=True))


def test_everyone_is_chosen_by_video_and_time(ledger: Ledger) -> None:
    everyone = [("a/film.mp4", 0), ("a/film.mp4", 3), ("a/film.mp4", 5), ("b/film.mp4", 0), ("b/news.mp4", 1)]
    assert ids(ledger) == everyone
    assert choose(ledger, Choice()).all_count == 5


def test_why_a_video_shows_nobody_is_said(ledger: Ledger) -> None:
    assert "c/broken.mp4 could not be processed" in choose(ledger, Choice("c/broken.mp4")).notes[0]
    (note,) = choose(ledger, Choice("b/news.mp4", at=Span.parsed("59:00"))).notes
    assert note.startswith("b/news.mp4 ends at 0:")
    assert choose(ledger, Choice("b/news.mp4", genders=("male",))).notes == ()


@pytest.mark.parametrize("wrong", [{"order": "age"}, {"limit": -1}])
def test_an_unknown_order_and_a_negative_limit_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        Choice(**wrong)  # type: ignore[arg-type]


def test_genders_and_ages_are_filtered_together(ledger: Ledger) -> None:
    assert ids(ledger, genders=("male", "unknown")) == [("a/film.mp4", 3), ("a/film.mp4", 5)]
    assert ids(ledger, genders=("female",), age_bands=("old",)) == [("a/film.mp4", 0)]
    assert ids(ledger, age_bands=("child",)) == []


@pytest.mark.parametrize(
    ("order", "track_ids"),
    [("longest", [3, 0, 1, 0, 5]), ("shortest", [5, 0, 1, 0, 3]), ("uncertain", [5, 1, 0, 0, 3])],
)
def test_the_order_is_by_time_on_screen_or_by_doubt(ledger: Ledger, order: str, track_ids: list[int]) -> None:
    assert [track_id for _, track_id in ids(ledger, order=order)] == track_ids


@pytest.mark.parametrize(
    ("at", "track_ids"),
    [
        ("0:00", [0]),
        ("0:01", [0, 3]),
        ("1.9", [0, 3]),
        ("2.0", [3]),
        ("0:05-0:08", [3, 5]),
        ("0:09", []),
        ("8.95", [3]),
    ],
)
def test_whoever_is_in_view_at_a_time_is_found_until_the_next_sampled_frame(
    ledger: Ledger, at: str, track_ids: list[int]
) -> None:
    found = ids(ledger, video="a/film.mp4", at=Span.parsed(at))
    assert [track_id for _, track_id in found] == track_ids


@pytest.mark.parametrize("name", ["b/news.mp4", "news.mp4", "News", "id-b_news.mp4"])
def test_a_video_is_named_by_its_name_a_part_of_it_or_its_id(ledger: Ledger, name: str) -> None:
    assert ids(ledger, video=name) == [("b/news.mp4", 1)]


def test_a_name_that_fits_several_videos_is_refused_with_their_names(ledger: Ledger) -> None:
    for name in ("film.mp4", "film"):
        with pytest.raises(OutputError, match=r"a/film\.mp4") as caught:
            ids(ledger, video=name)
        assert "write more of" in caught.value.fix
    with pytest.raises(OutputError, match="no video soap"):
        ids(ledger, video="soap")


def test_a_track_needs_its_video(ledger: Ledger) -> None:
    assert ids(ledger, video="a/film.mp4", track_id=3) == [("a/film.mp4", 3)]
    with pytest.raises(OptionError, match="in many videos") as caught:
        ids(ledger, track_id=3)
    assert f"facetally show {ledger.out} VIDEO --track 3" in caught.value.fix


def test_a_track_that_does_not_exist_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(OutputError, match="there is no track 4"):
        ids(ledger, video="a/film.mp4", track_id=4)
    assert ids(ledger, video="a/film.mp4", track_id=3, genders=("female",)) == []


def test_corrections_by_hand_are_applied_marked_and_disclosed(ledger: Ledger) -> None:
    rows = "a/film.mp4,5,female\na/film.mp4,3,not_a_face\nb/news.mp4,77,male\n"
    (ledger.out / "corrections.csv").write_text(f"video,track,gender\n{rows}")
    chosen = choose(ledger, Choice())
    assert chosen.table[["track_id", "gender", "corrected"]].to_numpy().tolist()[:2] == [
        [0, "female", False],
        [5, "female", True],
    ]
    assert chosen.all_count == 4
    disclosed, lost = chosen.notes
    assert "1 appearance corrected by hand" in disclosed and "1 appearance dropped by hand" in disclosed
    assert "77" in lost
    assert ids(ledger, order="uncertain")[-1] == ("a/film.mp4", 5)
    with pytest.raises(OutputError, match="track 3 was dropped by hand"):
        ids(ledger, video="a/film.mp4", track_id=3)


def test_unknown_genders_come_with_their_reason(ledger: Ledger) -> None:
    reasons = choose(ledger, Choice()).table["why_unknown"].tolist()
    assert reasons == ["", "", "below 75 %", "", ""]


@pytest.mark.parametrize(
    ("prob", "height_px", "age", "reason"),
    [
        (0.7, 40, 30, "below 75 %"),
        (0.5, 40, float("nan"), "below 75 %"),
        (0.99, 12.4, 30, "face 12 px high"),
        (0.01, 40, 2.1, "about 2 years old"),
        (0.6, 9, 3, "below 75 %, face 9 px high, about 3 years old"),
    ],
)
def test_all_reasons_for_an_unknown_gender_are_named(prob: float, height_px: float, age: float, reason: str) -> None:
    assert why_unknown(prob, height_px, age, options=OPTIONS) == reason


def test_a_run_without_appearances_gives_an_empty_table(tmp_path: Path) -> None:
    chosen = choose(stored(tmp_path, {"a.mp4": []}), Choice(at=Span(0, 5)))
    assert (len(chosen.table), chosen.all_count) == (0, 0)


@pytest.mark.parametrize(
    ("video", "names"),
    [
        ("b/*", ["b/film.mp4", "b/news.mp4"]),
        ("FILM*", ["a/film.mp4", "b/film.mp4"]),
        (("b/n*", "a/film"), ["a/film.mp4", "b/news.mp4"]),
    ],
)
def test_videos_are_chosen_by_globs_or_by_several_names(
    ledger: Ledger, video: str | tuple[str, ...], names: list[str]
) -> None:
    assert sorted({name for name, _ in ids(ledger, video=video)}) == names
    assert choose(ledger, Choice(video)).all_count == len(ids(ledger, video=video))


def test_a_glob_that_fits_no_video_is_refused(ledger: Ledger) -> None:
    with pytest.raises(OutputError, match=r"no video channel-two/\* 20\*"):
        ids(ledger, video="channel-two/* 20*")


@pytest.mark.parametrize("shift_s", [0.0, 0.1, 0.2, 0.25])
def test_the_shown_times_are_those_at_which_an_appearance_is_found(tmp_path: Path, shift_s: float) -> None:
    rows = [track(0, 3.0 + shift_s, 2.0, 0.9) | {"video_id": "id-a.mp4"}]
    run = stored(tmp_path / "run", {"a.mp4": rows}, {"a.mp4": face_rows(0, times(3.0 + shift_s, 5.0 + shift_s))})
    (shown,) = choose(run, Choice()).table.itertuples()
    last_second = int(shown.until_s)
    assert last_second == (5 if shift_s else 4)
    for second in range(8):
        found = ids(run, at=Span.parsed(f"0:{second:02}"))
        assert bool(found) == (3 <= second <= last_second), second


def test_a_track_dropped_by_hand_is_counted_again_by_a_command(ledger: Ledger) -> None:
    (ledger.out / "corrections.csv").write_text("video,track,gender\na/film.mp4,3,not_a_face\n")
    with pytest.raises(OutputError, match="dropped by hand") as caught:
        choose(ledger, Choice("a/film.mp4", track_id=3))
    assert caught.value.fix == f"facetally correct {ledger.out} a/film.mp4 3 --undo"
