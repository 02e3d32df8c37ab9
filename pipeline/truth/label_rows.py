"""Parses the rows of people.csv, boxes.csv and clips.csv: the columns, the accepted words, and the checks of a row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from facetally.csv_rows import CsvRow
from facetally.datasets.ages import looks_like_date, read_age
from facetally.gender import attributes
from facetally.gender.attributes import AGE_BANDS
from facetally.problems import Problems
from facetally.truth.labels import FaceQuality, LabelledGender, LabelledPerson

PEOPLE_COLUMNS = ("video", "person", "gender", "age_band", "face_quality", "note")
INTERVAL_COLUMNS = ("start_s", "end_s")
BOX_COLUMNS = ("video", "person", "time_s", "x1", "y1", "x2", "y2")
CLIP_COLUMNS = ("video", "labelled_until_s", "source")
GENDER_WORDS: dict[str, LabelledGender] = {
    **attributes.GENDER_WORDS,
    **{"unsure": "unsure", "unknown": "unsure", "?": "unsure"},
    **{"not_a_face": "not_a_face", "not a face": "not_a_face"},
    **{"ignore": "ignore", "picture": "ignore", "poster": "ignore"},
}
"""What labellers may write, in small letters, and what it means. Women and men are named as in tables of images."""
QUALITY_WORDS: dict[str, FaceQuality] = {"good": "good", "poor": "poor"}
SIZE_COLUMNS = ("width_px", "height_px")
"""Of clips.csv, optional."""
MAX_BANDS = 2
"""Into which an age may fall that is stated as a range."""
TIME_FIX = "times count in seconds from the first frame"
CLOCK = re.compile(r"(?:(?P<hours>\d+):(?=\d\d:))?(?P<minutes>\d+):(?P<seconds>[0-5]\d(?:[.,]\d+)?)", re.ASCII)
"""A time as players show it: 0:31, 1:02:05, 75:10; seconds may have decimals."""
CLOCK_FIX = "write seconds like 31 or 31.5, or minutes and seconds like 0:31 or 1:02:05"


HINTS = {
    **{"video": "# values:", "person": "any name, unique in the video"},
    "gender": " / ".join(dict.fromkeys(GENDER_WORDS.values())),
    "age_band": " / ".join((*AGE_BANDS, "unsure")) + " (optional)",
    "face_quality": " / ".join(QUALITY_WORDS) + " (optional)",
    **{"note": "any text (optional)", "start_s": "from: 31 or 0:31", "end_s": "to: 45.5 or 0:45.5"},
}
"""The line below the header of a template: what may stand in each column. It is not read."""


class BoxLabel(NamedTuple):
    """A row of boxes.csv."""

    video: str
    person: str
    time_s: float
    box: tuple[float, float, float, float]


class ClipLabel(NamedTuple):
    """A row of clips.csv."""

    video: str
    labelled_until_s: float | None
    source: str
    """Empty: not stated."""
    size_px: tuple[int, int] | None = None
    """Width and height of the images that the boxes were drawn on; None: not stated."""


def video_name(text: str) -> str:
    """A video's name with forward slashes and without a leading "./"."""
    return text.replace("\\", "/").removeprefix("./")


def without_hints(rows: Iterable[CsvRow]) -> list[CsvRow]:
    """The rows without the line of a template that explains the columns."""
    return [row for row in rows if row.values.get("video") != HINTS["video"]]


def seconds(row: CsvRow, column: str) -> float:
    """A time in seconds: 31, 31.5, 0:31 or 1:02:05.

    Raises:
        TruthError: not a time.
    """
    value = row.values.get(column, "")
    if ":" not in value:
        return row.number(column)
    match = CLOCK.fullmatch(value)
    if not match or ("," in value and not row.has_decimal_commas) or (match["hours"] and int(match["minutes"]) > 59):
        raise row.wrong(column, "is not a time", fix=CLOCK_FIX)
    whole = 3600 * int(match["hours"] or 0) + 60 * int(match["minutes"])
    return whole + float(match["seconds"].replace(",", "."))


def parse_person(row: CsvRow, *, may_be_unlabelled: bool = False) -> LabelledPerson:
    """One row of people.csv.

    Args:
        row: the row.
        may_be_unlabelled: whether the gender may still be empty.

    Raises:
        TruthError: an empty name, an unknown word, an invalid time; all errors of the row as one.
    """
    problems = Problems("the labels")
    is_labelled = bool(row.values.get("gender")) or not may_be_unlabelled
    person = LabelledPerson(
        video=problems.attempt(lambda: video_name(row.text("video")), ""),
        person=problems.attempt(lambda: row.text("person"), ""),
        gender=problems.attempt(lambda: row.word("gender", GENDER_WORDS), "unsure") if is_labelled else "unsure",
        age_band=problems.attempt(lambda: _age_band(row), "unsure"),
        face_quality=problems.attempt(lambda: row.word("face_quality", QUALITY_WORDS, default=""), ""),
        note=row.values.get("note", ""),
        intervals_s=problems.attempt(lambda: _intervals(row), ()),
        line=row.line,
        is_labelled=is_labelled,
    )
    problems.raise_any()
    return person


def parse_people(rows: Iterable[CsvRow], *, may_be_unlabelled: bool = False) -> dict[str, tuple[LabelledPerson, ...]]:
    """The people of rows of people.csv, by video; a person's rows for several times become one person.

    Raises:
        TruthError: as `parse_person`; a repeated row, or one that contradicts another of the same person; the errors of
            all rows as one.
    """
    problems = Problems("the labels")
    people: dict[tuple[str, str], list[LabelledPerson]] = {}
    for row in rows:
        with problems.collected():
            new = parse_person(row, may_be_unlabelled=may_be_unlabelled)
            known = people.setdefault((new.video, new.person), [])
            for old in known:
                _check_agreement(row, new, old)
            known.append(new)
    problems.raise_any()
    by_video: dict[str, list[LabelledPerson]] = {}
    for (video, _), parts in people.items():
        intervals_s = tuple(sorted(interval for part in parts for interval in part.intervals_s))
        # of a person with several rows one gender is enough
        first = replace(next((part for part in parts if part.is_labelled), parts[0]), line=parts[0].line)
        by_video.setdefault(video, []).append(replace(first, intervals_s=intervals_s))
    return {video: tuple(members) for video, members in by_video.items()}


def parse_box(row: CsvRow) -> BoxLabel:
    """One row of boxes.csv.

    Raises:
        TruthError: an empty name, a value that is not a number, a box without area.
    """
    problems = Problems("the labels")
    label = BoxLabel(
        problems.attempt(lambda: video_name(row.text("video")), ""),
        problems.attempt(lambda: row.text("person"), ""),
        problems.attempt(lambda: seconds(row, "time_s"), 0.0),
        problems.attempt(lambda: _edges(row), (0.0, 0.0, 0.0, 0.0)),
    )
    if label.time_s < 0:
        problems.add(row.wrong("time_s", "is before the first frame", fix=TIME_FIX))
    problems.raise_any()
    return label


def parse_clip(row: CsvRow) -> ClipLabel:
    """One row of clips.csv.

    Raises:
        TruthError: an empty name, or an end or a size that is not a positive number.
    """
    video = video_name(row.text("video"))
    until_s = seconds(row, "labelled_until_s") if row.values.get("labelled_until_s") else None
    if until_s is not None and until_s <= 0:
        raise row.wrong("labelled_until_s", "is not after the first frame", fix=TIME_FIX)
    return ClipLabel(video, until_s, row.values.get("source", ""), _size(row))


def _size(row: CsvRow) -> tuple[int, int] | None:
    if not all(row.values.get(name) for name in SIZE_COLUMNS):
        return None
    width, height = (row.number(name) for name in SIZE_COLUMNS)
    for name, side in zip(SIZE_COLUMNS, (width, height), strict=True):
        if side < 1:
            raise row.wrong(name, "is no number of pixels", fix="give the size of the images that were labelled")
    return round(width), round(height)


def _check_agreement(row: CsvRow, new: LabelledPerson, old: LabelledPerson) -> None:
    """Raises an error where a row cannot be of the same person as an earlier one."""
    if new.gender != old.gender and new.is_labelled and old.is_labelled:
        raise row.wrong("gender", f"contradicts line {old.line}, which says {old.gender}", fix="make both alike")
    if new.age_band != old.age_band:
        raise row.wrong("age_band", f"contradicts line {old.line}, which says {old.age_band}", fix="make both alike")
    if not (old.intervals_s and new.intervals_s):
        raise row.wrong("person", f"of {new.video} is in line {old.line} already", fix="delete one of the lines")
    (start_s, stop_s), (old_start_s, old_stop_s) = *new.intervals_s, *old.intervals_s
    if start_s < old_stop_s and old_start_s < stop_s:
        raise row.wrong("start_s", f"overlaps with line {old.line}", fix="join the two lines, or correct the times")


def years_as_bands(text: str) -> str:
    """The band of an age in years, or the two bands of a range; other text stays as it is."""
    age = read_age(text)
    if age is None:
        return text
    bands = [band for band, (start, stop) in AGE_BANDS.items() if start <= age.high_years and age.low_years < stop]
    return "/".join(bands) if len(bands) <= MAX_BANDS else text


def _age_band(row: CsvRow) -> str:
    value = row.values.get("age_band", "").lower() or "unsure"
    bands = value.split("/")
    if value != "unsure" and not all(band in AGE_BANDS for band in bands):
        known = ", ".join(f"{band} ({start}-{stop - 1})" for band, (start, stop) in AGE_BANDS.items())
        why = "is a date, so a spreadsheet has changed it" if looks_like_date(value) else "is not known"
        raise row.wrong("age_band", why, fix=f"write {known}, two as in young/mid, or unsure")
    return value


def _intervals(row: CsvRow) -> tuple[tuple[float, float], ...]:
    if not row.values.get("start_s") and not row.values.get("end_s"):
        return ()
    start_s, end_s = seconds(row, "start_s"), seconds(row, "end_s")
    if start_s < 0:
        raise row.wrong("start_s", "is before the first frame", fix=TIME_FIX)
    if end_s <= start_s:
        raise row.wrong("end_s", f"is not after start_s = {start_s:g}", fix="give the time when the person leaves view")
    return ((start_s, end_s),)


def _edges(row: CsvRow) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (row.number(column) for column in BOX_COLUMNS[3:])
    fix = "give x1, y1 (left, top) and x2, y2 (right, bottom) in pixels"
    if x2 <= x1:
        raise row.wrong("x2", f"is not right of x1 = {x1:g}", fix=fix)
    if y2 <= y1:
        raise row.wrong("y2", f"is not below y1 = {y1:g}", fix=fix)
    return x1, y1, x2, y2
