"""Tallies computed by hand: appearances count where they begin, screen time where it passes."""

from __future__ import annotations

import math
from pathlib import Path

import labelled_world
import pandas as pd
import pyarrow as pa
import pytest

from facetally.errors import OptionError, OutputError
from facetally.gender.attributes import AGE_BANDS
from facetally.options import ClassificationOptions, RunOptions
from facetally.results.ledger import Ledger, Status, VideoRow
from facetally.results.tables import FACES, NOT_COUNTED, TALLIES, TRACKS, provenance_of, read_table
from facetally.results.tables_of_run import with_min_confidence
from facetally.tallies.aggregator import (
    first_appearances,
    parse_bin,
    tally_tracks,
    tally_videos,
    write_tallies,
)
from facetally.tallies.shares import Amounts, Shares, grouped

EVERY_S = 0.2


def tracks_of(*people: tuple[int, float, float, str]) -> pd.DataFrame:
    """Rows of tracks/ from (track id, first second, seconds, gender)."""
    return pd.DataFrame(
        [
            {"video_id": "v", "track_id": i, "first_s": start, "last_s": start + seconds - EVERY_S}
            | {"screen_time_s": seconds, "face_count": round(seconds / EVERY_S), "face_height_px": 40.0}
            | {"quality": 0.5, "female_prob": 0.5, "gender": gender, "age_years": 30.0, "age_band": "young"}
            | {"person_in_video": NOT_COUNTED, "video": "v", "first_time": "", "last_time": ""}
            for i, start, seconds, gender in people
        ],
        columns=TRACKS.names,
    )


def faces_of(*people: tuple[int, float, float, str]) -> pd.DataFrame:
    """Rows of faces/ every 0.2 s for the same people."""
    rows = [
        {"video_id": "v", "frame_index": 5 * step, "time_s": start + step * EVERY_S, "duration_s": EVERY_S}
        | {"track_id": i, "x1": 0.0, "y1": 0.0, "x2": 40.0, "y2": 40.0, "score": 0.9, "quality": 0.5}
        for i, start, seconds, _ in people
        for step in range(round(seconds / EVERY_S))
    ]
    return pd.DataFrame(rows, columns=FACES.names)


def tally_video(faces: pd.DataFrame, tracks: pd.DataFrame, bin_s: float) -> pd.DataFrame:
    """One video's tally."""
    return tally_tracks(tracks, lambda _: faces, bin_s).drop(columns="video_id")


def tallied(*people: tuple[int, float, float, str], bin_s: float = 10.0) -> list[tuple[float, str, int, float]]:
    """(bin start, gender, appearances, screen time) of a video."""
    tally = tally_video(faces_of(*people), tracks_of(*people), bin_s)
    columns = ["bin_start_s", "gender", "appearances", "screen_time_s"]
    return [(start, gender, n, round(s, 6)) for start, gender, n, s in tally[columns].itertuples(index=False)]


def stored(out: Path, *videos: tuple[str, Status, list[tuple[int, float, float, str]]]) -> Ledger:
    """An output folder from (name, status, people)."""
    ledger = Ledger(out)
    for name, status, people in videos:
        row = VideoRow(f"id-{name}", name, f"/in/{name}", status, decoded_s=30.0, coverage=1.0)
        faces = pa.Table.from_pandas(faces_of(*people), schema=FACES, preserve_index=False)
        tracks = pa.Table.from_pandas(tracks_of(*people), schema=TRACKS, preserve_index=False)
        ledger.store(row, faces, tracks, provenance={"n": 1})
    return ledger


def test_an_appearance_counts_where_it_begins_and_its_time_where_it_passes() -> None:
    assert tallied((0, 8.0, 5.0, "female"), (1, 12.0, 1.0, "male")) == [
        (0.0, "female", 1, 2.0),
        (10.0, "female", 0, 3.0),
        (10.0, "male", 1, 1.0),
    ]


def test_a_person_away_for_a_whole_bin_leaves_it_empty() -> None:
    people = (0, 8.0, 1.0, "female"), (1, 28.0, 1.0, "female")
    assert tallied(*people) == [(0.0, "female", 1, 1.0), (20.0, "female", 1, 1.0)]


def test_bins_begin_at_their_start_and_end_before_their_stop() -> None:
    people = [(0, 0.0, 0.4, "male"), (1, 10.0, 0.4, "male")]
    tally = tally_video(faces_of(*people), tracks_of(*people), 10.0)
    assert list(zip(tally["bin_start_s"], tally["bin_stop_s"], strict=True)) == [(0, 10), (10, 20)]
    assert tally["appearances"].tolist() == [1, 1]


def test_faces_without_a_track_do_not_count() -> None:
    people = [(0, 0.0, 1.0, "female"), (-1, 0.0, 3.0, "male")]
    tally = tally_video(faces_of(*people), tracks_of(people[0]), 10.0)
    assert tally[["gender", "appearances"]].values.tolist() == [["female", 1]]
    assert tally["screen_time_s"].tolist() == pytest.approx([1.0])


def test_age_bands_are_sorted_by_age() -> None:
    bands = ["old", "unknown", "mid", "child", "young", "teen"]
    people = [(i, 0.0, 1.0, "female") for i in range(len(bands))]
    tally = tally_video(faces_of(*people), tracks_of(*people).assign(age_band=bands), 10.0)
    by_age = [*AGE_BANDS, "unknown"]
    assert by_age == ["child", "teen", "young", "mid", "old", "unknown"]
    assert tally["age_band"].tolist() == by_age
    assert [line.label for line in grouped(tally.iloc[::-1], "age_band")] == by_age


def test_every_bin_length_gives_the_same_sums() -> None:
    people = (0, 0.0, 7.0, "female"), (1, 3.0, 9.0, "male"), (2, 11.0, 2.0, "female")
    for bin_s in (0.5, 4.0, 3600.0):
        tally = tally_video(faces_of(*people), tracks_of(*people), bin_s)
        assert (Amounts.of(tally, "appearances"), tally["appearances"].sum()) == (Amounts(2, 1, 0), 3)
        assert Amounts.of(tally, "screen_time_s").female == pytest.approx(9.0)


def test_videos_are_summed_apart_and_failed_ones_left_out(tmp_path: Path) -> None:
    someone = [(0, 0.0, 2.0, "female")]
    ledger = stored(
        tmp_path, ("a.mp4", "ok", someone), ("b.mp4", "partial", someone), ("c.mp4", "failed", []), ("d.mp4", "ok", [])
    )
    tallies = tally_videos(ledger, ledger.rows(), 900.0)
    assert tallies.columns.tolist() == TALLIES.names
    assert tallies[["video_id", "video", "appearances"]].values.tolist() == [
        ["id-a.mp4", "a.mp4", 1],
        ["id-b.mp4", "b.mp4", 1],
    ]
    by_video = [(line.label, line.appearances.female) for line in grouped(tallies, "video")]
    assert by_video == [("a.mp4", 1), ("b.mp4", 1)]


def counted(*people: tuple[int, float, float, str], persons: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of faces/ and tracks/ in a run that counted people."""
    return faces_of(*people), tracks_of(*people).assign(person_in_video=persons)


def test_a_person_counts_once_where_they_first_appear() -> None:
    people = (0, 1.0, 2.0, "female"), (1, 4.0, 2.0, "male"), (2, 12.0, 3.0, "female"), (3, 25.0, 1.0, "male")
    tally = tally_video(*counted(*people, persons=[0, 1, 0, 2]), 10.0)
    rows = tally[["bin_start_s", "gender", "appearances", "people"]].values.tolist()
    assert rows == [[0, "female", 1, 1], [0, "male", 1, 1], [10, "female", 1, 0], [20, "male", 1, 1]]
    shares = Shares.of("all", tally)
    assert (shares.appearances, shares.people) == (Amounts(2, 2, 0), Amounts(1, 2, 0))


def test_a_person_has_the_gender_of_their_longest_appearance_of_known_gender() -> None:
    people = (0, 1.0, 2.0, "female"), (1, 12.0, 4.0, "male"), (2, 22.0, 9.0, "unknown"), (3, 40.0, 1.0, "unknown")
    _, tracks = counted(*people, persons=[0, 0, 0, 1])
    first = first_appearances(tracks)
    assert first.reset_index()[["person_in_video", "gender", "first_s"]].values.tolist() == [
        [0, "male", 1.0],
        [1, "unknown", 40.0],
    ]


def test_the_same_number_in_two_videos_is_two_people(tmp_path: Path) -> None:
    rows = [labelled_world.track_row(0, 0.9) | {"person_in_video": 0}]
    ledger = labelled_world.stored(tmp_path, {"a.mp4": rows, "b.mp4": rows})
    tallies = tally_videos(ledger, ledger.rows(), 900.0)
    assert Amounts.of(tallies, "people") == Amounts(2, 0, 0)
    assert [line.people.female for line in grouped(tallies, "video")] == [1, 1]


def test_where_people_were_not_counted_there_are_none() -> None:
    people = (0, 0.0, 2.0, "female"), (1, 3.0, 2.0, "male")
    tally = tally_video(faces_of(*people), tracks_of(*people), 10.0)
    assert (tally["appearances"].sum(), tally["people"].tolist()) == (2, [0, 0])
    assert first_appearances(tracks_of(*people)).empty


def test_videos_without_people_give_an_empty_tally(tmp_path: Path) -> None:
    ledger = stored(tmp_path, ("a.mp4", "ok", []))
    tallies = tally_videos(ledger, ledger.rows(), 900.0)
    assert (len(tallies), tallies.columns.tolist()) == (0, TALLIES.names)
    assert Amounts.of(tallies, "appearances") == Amounts(0, 0, 0)


def test_a_tally_is_stored_with_its_bin_and_the_runs_provenance(tmp_path: Path) -> None:
    ledger = stored(tmp_path, ("a.mp4", "ok", [(0, 0.0, 2.0, "male")]))
    path = write_tallies(ledger, tally_videos(ledger, ledger.rows(), 60.0), 60.0)
    assert path == tmp_path / "tallies" / "tallies.parquet"
    (row,) = read_table(path, TALLIES).to_pylist()
    assert (row["video"], row["bin_stop_s"], row["gender"], row["appearances"]) == ("a.mp4", 60.0, "male", 1)
    assert provenance_of(path)["bin_s"] == 60.0
    assert provenance_of(path)["run"] == {"n": 1}


def test_genders_are_decided_again_by_the_given_options() -> None:
    rows = [
        *(labelled_world.track_row(0, 0.9), labelled_world.track_row(1, 0.3), labelled_world.track_row(2, 0.1)),
        *(labelled_world.track_row(3, 0.9, height_px=15), labelled_world.track_row(4, 0.75)),
    ]
    tracks = labelled_world.tracks_of(*rows)
    strict = with_min_confidence(tracks, ClassificationOptions(min_confidence=0.75, min_face_height_px=16))
    assert strict["gender"].tolist() == ["female", "unknown", "male", "unknown", "female"]
    again = with_min_confidence(strict, ClassificationOptions(min_confidence=0.5, min_face_height_px=0))
    pd.testing.assert_frame_equal(again, tracks)
    pd.testing.assert_frame_equal(with_min_confidence(tracks[:0], ClassificationOptions()), tracks[:0])


def test_a_tally_may_ask_for_more_confidence(tmp_path: Path) -> None:
    rows = [labelled_world.track_row(i, prob, height_px=30) for i, prob in enumerate((0.9, 0.7, 0.05))]
    shy = RunOptions(classification=ClassificationOptions(min_confidence=0.5, min_face_height_px=29))
    ledger = labelled_world.stored(tmp_path, {"a.mp4": rows}, options=shy)
    for min_confidence, amounts in ((None, Amounts(2, 1, 0)), (0.8, Amounts(1, 1, 1)), (0.99, Amounts(0, 0, 3))):
        tallies = tally_videos(ledger, ledger.rows(), 60.0, min_confidence)
        assert Amounts.of(tallies, "appearances") == amounts
        path = write_tallies(ledger, tallies, 60.0, min_confidence)
        assert provenance_of(path)["min_confidence"] == min_confidence


def test_a_damaged_table_stops_a_tally_with_a_fix(tmp_path: Path) -> None:
    ledger = stored(tmp_path, ("a.mp4", "ok", [(0, 0.0, 2.0, "male")]))
    ledger.path("faces", "id-a.mp4").write_bytes(b"half")
    with pytest.raises(OutputError, match="cannot be read"):
        tally_videos(ledger, ledger.rows(), 60.0)


def test_the_share_is_of_known_genders_and_its_bounds_are_of_all() -> None:
    amounts = Amounts(female=3, male=5, unknown=2)
    assert amounts.female_share == pytest.approx(0.375)
    assert amounts.female_bounds == pytest.approx((0.3, 0.5))


@pytest.mark.parametrize(
    ("amounts", "has_share", "has_bounds"), [(Amounts(0, 0, 0), False, False), (Amounts(0, 0, 4), False, True)]
)
def test_without_known_genders_there_is_no_share(amounts: Amounts, has_share: bool, has_bounds: bool) -> None:
    assert math.isnan(amounts.female_share) is not has_share
    assert math.isnan(amounts.female_bounds[0]) is not has_bounds


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("0.5h", 1800), (" 2m ", 120)]
)
def test_a_bin_is_seconds_minutes_or_hours(text: str, seconds: float) -> None:
    assert parse_bin(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-5m", "five", "1d", "1h30m", "nan", "1e3", "m"])
def test_an_invalid_length_is_an_error_with_examples(text: str) -> None:
    with pytest.raises(OptionError, match="--bin") as caught:
        parse_bin(text)
    assert "90s, 15m or 1h" in caught.value.fix
