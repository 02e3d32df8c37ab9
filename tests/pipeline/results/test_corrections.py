"""Corrections by hand: read from a file that people edit, and applied to the rows of tracks/."""

from __future__ import annotations

import contextlib
import csv
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import Seen, id_of, store

from facetally.errors import OutputError
from facetally.results.corrections import Corrections, read_corrections
from facetally.results.corrections_file import ANCHOR_COLUMNS, COLUMNS, TrackCorrection
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.run_tables import Run
from facetally.results.tables import FACES, TRACKS, read_table
from facetally.results.tables_of_run import TablesOfRun

HEADER = "video,track,gender,age_band,who,when\n"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A run with two videos: a.mp4 has the tracks 0 and 3, sub/b.mp4 track 0; all of them men of middle age."""
    store(tmp_path / "out", "a.mp4", Seen(0, 0, 10), Seen(3, 31, 45, x=200))
    store(tmp_path / "out", "sub/b.mp4", Seen(0, 5, 8))
    return tmp_path / "out"


def corrected(out: Path, content: str | bytes) -> Corrections:
    (out / "corrections.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_corrections(out)


def kinds(tracks: pd.DataFrame) -> list[tuple[int, str, str]]:
    return list(zip(tracks["track_id"], tracks["gender"], tracks["age_band"], strict=True))


def test_a_run_without_the_file_has_no_corrections(out: Path) -> None:
    corrections = read_corrections(out)
    tracks = Run(out).tracks()
    assert not corrections
    assert corrections.disclosure() == corrections.lost_note() == ""
    pd.testing.assert_frame_equal(corrections.applied(tracks), tracks)


def test_gender_and_age_band_are_replaced_and_what_is_no_face_is_dropped(out: Path) -> None:
    text = f"{HEADER}a.mp4,0,female,,,\na.mp4,3,not_a_face,,,\nsub/b.mp4,0,,old,,\n"
    tracks = Run(out).tracks()
    applied = corrected(out, text).applied(tracks)
    assert kinds(applied) == [(0, "female", "mid"), (0, "male", "old")]
    assert kinds(tracks) == [(0, "male", "mid"), (3, "male", "mid"), (0, "male", "mid")]


def test_nothing_but_gender_and_age_band_changes(out: Path) -> None:
    tracks = Run(out).tracks()
    applied = corrected(out, f"{HEADER}a.mp4,0,female,young,,\n").applied(tracks)
    others = [name for name in tracks if name not in ("gender", "age_band")]
    pd.testing.assert_frame_equal(applied[others], tracks[others])
    assert (list(applied), list(applied.dtypes)) == (list(tracks), list(tracks.dtypes))


@pytest.mark.parametrize("kind", ["category", "object", "str"])
def test_columns_of_any_type_of_text_keep_it(kind: str) -> None:
    tracks = pd.DataFrame({"video_id": ["v", "v"], "track_id": [0, 1], "gender": ["male"] * 2, "age_band": ["mid"] * 2})
    tracks = tracks.astype({"gender": kind, "age_band": kind})
    applied = Corrections(found={("v", 1): TrackCorrection("v", 1, "female")}).applied(tracks)
    assert applied["gender"].tolist() == ["male", "female"]
    assert isinstance(applied["gender"].dtype, type(tracks["gender"].dtype))


def test_a_hundred_thousand_tracks_take_a_fraction_of_a_second() -> None:
    count = 100_000
    ids = [f"v{i // 20}" for i in range(count)]
    tracks = pd.DataFrame({"video_id": ids, "track_id": np.arange(count) % 20, "gender": "male", "age_band": "mid"})
    found = {(f"v{i}", 3): TrackCorrection(f"v{i}", 3, "female") for i in range(1000)}
    start = time.process_time()
    applied = Corrections(found=found).applied(tracks)
    assert (applied["gender"] == "female").sum() == 1000
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a.mp4,0,female,,,", "1 appearance corrected by hand"),
        ("a.mp4,0,ignore,,,", "1 appearance dropped by hand"),
        ("a.mp4,0,,old,,\na.mp4,3,f,,,", "2 appearances corrected by hand"),
        ("a.mp4,0,f,,,\na.mp4,3,poster,,,", "1 appearance corrected by hand and 1 appearance dropped by hand"),
    ],
)
def test_what_was_done_by_hand_is_disclosed(out: Path, text: str, sentence: str) -> None:
    assert corrected(out, HEADER + text).disclosure() == sentence


def test_only_corrections_of_counted_videos_are_disclosed(out: Path) -> None:
    corrections = corrected(out, f"{HEADER}a.mp4,0,f,,,\nsub/b.mp4,0,f,,,\n")
    assert corrections.disclosure({id_of("a.mp4")}) == "1 appearance corrected by hand"
    assert corrections.disclosure(set()) == ""


def test_a_correction_of_an_appearance_that_is_no_more_is_named(out: Path) -> None:
    corrections = corrected(out, f"{HEADER}a.mp4,7,female,,,\ngone.mp4,0,male,,,\nsub/b.mp4,0,f,,,\n")
    assert corrections.lost_note() == (
        "2 corrections are not applied, since the run has no such appearance: "
        "track 7 of a.mp4 (line 2), track 0 of gone.mp4 (line 3)"
    )
    assert corrections.disclosure() == "1 appearance corrected by hand"


def test_an_appearance_at_another_time_is_not_corrected_by_its_number(out: Path) -> None:
    header = "video,track,gender,first_s,last_s\n"
    assert corrected(out, f"{header}a.mp4,3,female,31,45\n").found
    assert not corrected(out, f"{header}a.mp4,3,female,60,75\n").found


def test_an_appearance_in_another_place_is_not_corrected_by_its_number(out: Path) -> None:
    store(out, "a.mp4", Seen(0, 0, 10), Seen(1, 0, 10, x=300))
    header = "video,track,gender,first_s,last_s,time_s,x1,y1,x2,y2\n"
    assert corrected(out, f"{header}a.mp4,0,female,0,10,5,0,0,40,40\n").found
    assert not corrected(out, f"{header}a.mp4,0,female,0,10,5,300,0,340,40\n").found


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}a.mp4,0,female,,,\n".encode("utf-8-sig"),
        f"{HEADER}a.mp4,0,Woman,,,\n".encode("utf-16"),
        b"Video;Track;Gender;age_band;first_s;last_s\r\na.mp4;0;F;;0,0;10,0\r\n",
        b"video\ttrack\tgender\na.mp4\t0\tfemale\n",
        b"video,track,gender\n./a.mp4,0.0,female\n",
    ],
)
def test_files_as_spreadsheets_save_them_are_read(out: Path, content: bytes) -> None:
    assert kinds(corrected(out, content).applied(Run(out).tracks()))[0] == (0, "female", "mid")


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("woman", "female"), ("M", "male"), ("?", "unknown"), ("unsure", "unknown"), ("not a face", "not_a_face")],
)
def test_the_words_of_labels_are_understood(out: Path, word: str, meaning: str) -> None:
    assert corrected(out, f"{HEADER}a.mp4,0,{word},,,\n").rows[0].gender == meaning


@pytest.mark.parametrize(("word", "meaning"), [("MID", "mid"), ("42", "mid"), ("?", "unknown"), ("unknown", "unknown")])
def test_an_age_is_a_band_or_years(out: Path, word: str, meaning: str) -> None:
    assert corrected(out, f"{HEADER}a.mp4,0,,{word},,\n").rows[0].age_band == meaning


@pytest.mark.parametrize("word", ["200", "420", "1000"])
def test_no_person_is_200_years_old(out: Path, word: str) -> None:
    with pytest.raises(OutputError, match="is not known"):
        corrected(out, f"{HEADER}a.mp4,0,,{word},,\n")


@pytest.mark.parametrize("name", ["sub/b.mp4", "b.mp4", r"sub\b.mp4", id_of("sub/b.mp4")])
def test_a_video_goes_by_its_name_or_its_end_or_its_id(out: Path, name: str) -> None:
    assert list(corrected(out, f"{HEADER}{name},0,f,,,\n").found) == [(id_of("sub/b.mp4"), 0)]


def test_a_name_that_fits_two_videos_is_an_error(out: Path) -> None:
    store(out, "other/b.mp4", Seen(0, 0, 1))
    with pytest.raises(OutputError, match=r"line 2, column video: b\.mp4 may be other/b\.mp4, sub/b\.mp4"):
        corrected(out, f"{HEADER}b.mp4,0,f,,,\n")


def test_all_errors_of_a_file_are_named_with_line_and_fix(out: Path) -> None:
    text = f"{HEADER}a.mp4,0,femal,,,\na.mp4,x,male,,,\n,1,male,,,\na.mp4,1,,,,\na.mp4,-1,m,99999,,\na.mp4,3,f,,,\n"
    with pytest.raises(OutputError) as caught:
        corrected(out, text)
    places = [part.what.partition("corrections.csv, ")[2].partition(":")[0] for part in caught.value.parts]
    assert places == [
        *("line 2, column gender", "line 3, column track", "line 4, column video", "line 5, column gender"),
        *("line 6, column track", "line 6, column age_band"),
    ]
    assert all(part.fix for part in caught.value.parts)
    assert "6 errors in corrections.csv" in caught.value.what


def test_two_rows_for_one_appearance_are_an_error(out: Path) -> None:
    with pytest.raises(OutputError, match=r"line 4: track 0 of a\.mp4 is in line 2 already"):
        corrected(out, f"{HEADER}a.mp4,0,f,,,\na.mp4,3,f,,,\na.mp4,0,m,,,\n")


def test_an_error_shows_nothing_of_a_file_that_is_linked_to(out: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("video,track,gender\na.mp4,0,password\n")
    (out / "corrections.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(OutputError, match="line 2, column gender: the value is not known") as caught:
        read_corrections(out)
    (tmp_path / "secret.csv").write_text("root:password\n")
    with pytest.raises(OutputError, match="no column video, track; it has other columns") as header:
        read_corrections(out)
    assert "password" not in caught.value.what + header.value.what


def test_something_that_is_no_file_is_refused(out: Path) -> None:
    (out / "corrections.csv").symlink_to("/dev/zero")
    with pytest.raises(OutputError, match="is not a file"):
        read_corrections(out)


def test_a_failed_video_has_no_appearances_to_correct(out: Path) -> None:
    store(out, "a.mp4", status="failed")
    assert corrected(out, f"{HEADER}a.mp4,0,f,,,\n").lost
    assert Ledger(out).names() == {}


@pytest.fixture
def copied(out: Path) -> Path:
    """The run with two copies of a.mp4."""
    for name in ("copy.mp4", "sub/copy.mp4"):
        Ledger(out).store_copy(VideoRow(id_of(name), name, f"/in/{name}"), id_of("a.mp4"))
    return out


def corrected_tracks(out: Path) -> set[tuple[str, int, str]]:
    tracks = pd.concat(TablesOfRun(Ledger(out)).tracks())
    changed = tracks[tracks["gender"] != "male"]
    names = changed["video_id"].str.rpartition("-")[0]
    return set(zip(names, changed["track_id"], changed["gender"], strict=True))


@pytest.mark.parametrize("video", ["a.mp4", "sub/copy.mp4"])
def test_a_correction_counts_in_all_copies_of_the_video(copied: Path, video: str) -> None:
    corrections = corrected(copied, f"{HEADER}{video},3,female,,,\n")
    assert corrected_tracks(copied) == {(name, 3, "female") for name in ("a.mp4", "copy.mp4", "sub_copy.mp4")}
    assert corrections.disclosure() == "3 appearances corrected by hand, 2 of them in copies of a video"
    assert corrections.disclosure({id_of("copy.mp4")}) == "1 appearance corrected by hand"
    assert corrections.disclosure({id_of("copy.mp4"), id_of("a.mp4")}).endswith("hand, 1 of them in a copy of a video")


def test_what_is_dropped_by_hand_is_dropped_from_copies_too(copied: Path) -> None:
    corrected(copied, f"{HEADER}a.mp4,0,not_a_face,,,\n")
    counts = pd.concat(TablesOfRun(Ledger(copied)).tracks())["video_id"].value_counts()
    assert {counts[id_of(name)] for name in ("a.mp4", "copy.mp4", "sub/copy.mp4")} == {1}


def test_a_copy_that_is_corrected_itself_keeps_its_own_correction(copied: Path) -> None:
    corrected(copied, f"{HEADER}a.mp4,0,female,,,\ncopy.mp4,0,unknown,,,\n")
    expected = {("a.mp4", 0, "female"), ("copy.mp4", 0, "unknown"), ("sub_copy.mp4", 0, "female")}
    assert corrected_tracks(copied) == expected


def test_a_video_that_has_other_results_by_now_is_no_copy(copied: Path) -> None:
    ledger, video_id = Ledger(copied), id_of("a.mp4")
    tables = [read_table(ledger.path(name, video_id), kind) for name, kind in (("faces", FACES), ("tracks", TRACKS))]
    row = replace(ledger.read_row(video_id), options_digest="new")
    ledger.store(row, *tables, provenance=ledger.provenance(video_id))
    corrected(copied, f"{HEADER}a.mp4,0,female,,,\n")
    assert corrected_tracks(copied) == {("a.mp4", 0, "female")}


CELLS = st.one_of(
    st.sampled_from(
        ["a.mp4", "b.mp4", "0", "3", "-1", "1e999", "nan", "9" * 6000, "٣", "female", "ignore", "mid", "42"]
    ),
    st.text(max_size=8),
)


@given(st.lists(st.lists(CELLS, min_size=13, max_size=13), max_size=4), st.sampled_from([",", ";", "\t"]))
def test_any_table_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], separator: str
) -> None:
    out = tmp_path_factory.getbasetemp() / "any"
    if not out.exists():
        store(out, "a.mp4", Seen(0, 0, 10), Seen(3, 31, 45, x=200))
    columns = (*COLUMNS, *ANCHOR_COLUMNS)
    with (out / "corrections.csv").open("w", encoding="utf-8", errors="replace", newline="") as file:
        csv.writer(file, delimiter=separator).writerows([columns, *rows])
    try:
        corrections = read_corrections(out)
    except OutputError as error:
        assert error.what.isprintable() and error.fix
    else:
        assert len(corrections.found) + len(corrections.lost) == len(corrections.rows)
        assert len(corrections.applied(Run(out).tracks())) <= 2


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    out = tmp_path_factory.getbasetemp() / "bytes"
    out.mkdir(exist_ok=True)
    (out / "corrections.csv").write_bytes(content)
    with contextlib.suppress(OutputError):
        read_corrections(out)
