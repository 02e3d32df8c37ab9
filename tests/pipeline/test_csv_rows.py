"""CSV files as people make them: valid ones are read, and every error names its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from facetally.csv_rows import MAX_SHOWN, CsvRow, read_rows, write_rows
from facetally.errors import TruthError

TABLE = "video,person,gender\na.mp4,Zoë,female\n"
ROW = {"video": "a.mp4", "person": "Zoë", "gender": "female"}


def saved(folder: Path, content: str | bytes) -> Path:
    path = folder / "people.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(folder: Path, content: str | bytes, required: tuple[str, ...] = ("video", "person")) -> TruthError:
    with pytest.raises(TruthError) as caught:
        read_rows(saved(folder, content), required)
    assert "people.csv" in caught.value.what
    assert caught.value.fix
    return caught.value


def row_with(**values: str) -> CsvRow:
    return CsvRow(Path("people.csv"), 7, values)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_utf_8_and_in_encodings_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (row,) = read_rows(saved(tmp_path, TABLE.encode(encoding)), ["video"])
    assert (row.line, row.values) == (2, ROW)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_commas_semicolons_and_tabs_separate_columns(tmp_path: Path, separator: str, line_end: str) -> None:
    content = TABLE.replace(",", separator).replace("\n", line_end)
    assert [row.values for row in read_rows(saved(tmp_path, content), ["video"])] == [ROW]


def test_names_of_columns_may_have_spaces_and_capitals(tmp_path: Path) -> None:
    (row,) = read_rows(saved(tmp_path, " Video ,PERSON,Gender\n a.mp4 , Zoë,female\n"), ["video", "person"])
    assert row.values == ROW


def test_columns_without_a_name_are_ignored(tmp_path: Path) -> None:
    (row,) = read_rows(saved(tmp_path, "video,person,gender,,\na.mp4,Zoë,female,,\n"), ["video"])
    assert row.values == ROW | {"": ""}


def test_latin_1_is_refused_at_its_first_invalid_byte(tmp_path: Path) -> None:
    error = refused(tmp_path, TABLE.encode("latin-1"))
    assert "line 2: byte 0xeb is not utf-8" in error.what
    assert "UTF-8" in error.fix


def test_utf_16_without_a_mark_is_refused(tmp_path: Path) -> None:
    assert "line 1: contains a zero byte" in refused(tmp_path, "video,person\n".encode("utf-16-le")).what


def test_a_missing_column_is_named_with_the_existing_ones(tmp_path: Path) -> None:
    error = refused(tmp_path, "clip,person\na.mp4,p1\n")
    assert "line 1: no column video; it has clip, person" in error.what
    assert "video,person" in error.fix


def test_an_empty_file_has_no_columns(tmp_path: Path) -> None:
    assert "no column video, person; it has nothing" in refused(tmp_path, "").what


def test_a_column_that_appears_twice_is_named(tmp_path: Path) -> None:
    assert "line 1: column person appears twice" in refused(tmp_path, "video,person,Person\n").what


@pytest.mark.parametrize(("row", "count"), [("a.mp4", 1), ("a.mp4,p1,12,5", 4)], ids=["short", "long"])
def test_a_row_of_another_length_is_named(tmp_path: Path, row: str, count: int) -> None:
    error = refused(tmp_path, f"video,person\nb.mp4,p2\n\n{row}\n")
    assert f"line 4: {count} values for 2 columns" in error.what


def test_an_unclosed_quote_is_named_where_its_row_begins(tmp_path: Path) -> None:
    error = refused(tmp_path, 'video,person\na.mp4,p1\nb.mp4,"p2\nc.mp4,p3\nd.mp4,p4\n')
    assert "line 3: " in error.what
    assert "quote" in error.fix


def test_a_row_with_a_line_break_is_numbered_by_its_first_line(tmp_path: Path) -> None:
    rows = read_rows(saved(tmp_path, 'video,note\n\na.mp4,"one\ntwo"\nb.mp4,\n'), ["video"])
    assert [(row.line, row.values["note"]) for row in rows] == [(3, "one\ntwo"), (5, "")]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"people\.csv cannot be read: No such file"):
        read_rows(tmp_path / "people.csv", ["video"])


def test_a_spreadsheet_that_is_not_csv_is_refused(tmp_path: Path) -> None:
    assert "ZIP archive or an Excel sheet" in refused(tmp_path, b"PK\x03\x04rest").what


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    values = ["semi;colon", 'a "word"', "two\nlines", "comma, comma", "Zoë"]
    write_rows(tmp_path / "people.csv", ["video", "note"], [[value, 1.5] for value in values])
    rows = read_rows(tmp_path / "people.csv", ["video", "note"])
    assert [row.values["video"] for row in rows] == values
    assert {row.number("note") for row in rows} == {1.5}


FORMULAS = ["=HYPERLINK(1)", "+1", "-clip.mp4", "@SUM(1)", "'=1", "'quoted'", "''"]


def test_no_text_is_written_as_a_formula(tmp_path: Path) -> None:
    write_rows(tmp_path / "people.csv", ["video", "start_s"], [[text, -1.5] for text in FORMULAS])
    lines = (tmp_path / "people.csv").read_text().splitlines()[1:]
    assert lines == [f"'{text},-1.5" for text in FORMULAS]
    assert [row.values["video"] for row in read_rows(tmp_path / "people.csv", ["video"])] == FORMULAS


def test_an_apostrophe_before_plain_text_stays(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("video\n'tis.mp4\n'\n")
    assert [row.values["video"] for row in read_rows(tmp_path / "people.csv", ["video"])] == ["'tis.mp4", "'"]


@pytest.mark.parametrize("text", ["", "twelve", "12,5", "nan", "inf", "-Infinity", "1:30"])
def test_a_value_that_is_not_a_finite_number_is_named_with_its_place(text: str) -> None:
    with pytest.raises(TruthError) as caught:
        row_with(time_s=text).number("time_s")
    assert caught.value.what.startswith(f"people.csv, line 7, column time_s: {text!r} is not a")
    assert "12.5" in caught.value.fix


def test_a_number_may_have_a_default() -> None:
    assert row_with(time_s="").number("time_s", default=3.0) == 3.0
    assert row_with(time_s="0").number("time_s", default=3.0) == 0.0


def test_words_may_be_in_any_case() -> None:
    assert row_with(gender="Woman").word("gender", {"woman": "female"}) == "female"


def test_the_fix_for_an_unknown_word_lists_the_known_ones() -> None:
    with pytest.raises(TruthError, match="line 7, column gender: 'wman' is not known") as caught:
        row_with(gender="wman").word("gender", {"woman": "female", "f": "female", "man": "male"}, default="")
    assert caught.value.fix == "write one of: female, male"


def test_an_empty_word_has_its_default_or_is_an_error() -> None:
    assert row_with(gender="").word("gender", {"woman": "female"}, default="unsure") == "unsure"
    with pytest.raises(TruthError, match="column gender: '' is empty") as caught:
        row_with(gender="").word("gender", {"woman": "female"})
    assert caught.value.fix == "fill it in, or delete the line"


def test_a_long_value_is_shortened_in_errors() -> None:
    with pytest.raises(TruthError) as caught:
        row_with(time_s="x" * 1000).number("time_s")
    assert "x" * MAX_SHOWN + "...'" in caught.value.what
    assert len(caught.value.what) < 150


def test_values_of_other_kinds_of_files_name_their_own_place() -> None:
    row = CsvRow(Path("labels.xml"), 7, {"xtl": "left"}, where="track 3 in line 7")
    with pytest.raises(TruthError, match=r"labels\.xml, track 3 in line 7, xtl: 'left' is not a number"):
        row.number("xtl")


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize(("text", "number"), [("12,5", 12.5), ("-0,25", -0.25), (",5", 0.5), ("3", 3), ("1.5", 1.5)])
def test_decimal_commas_are_read_where_commas_do_not_separate(
    tmp_path: Path, separator: str, text: str, number: float
) -> None:
    (tmp_path / "a.csv").write_text(f"video{separator}time_s\na{separator}{text}\n")
    (row,) = read_rows(tmp_path / "a.csv", ["time_s"])
    assert row.number("time_s") == number


@pytest.mark.parametrize("text", ["1.234,5", "1,234,5", "12,", ","])
def test_other_numbers_with_commas_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(f"video;time_s\na;{text}\n")
    (row,) = read_rows(tmp_path / "a.csv", ["time_s"])
    with pytest.raises(TruthError, match="is not a number"):
        row.number("time_s")
