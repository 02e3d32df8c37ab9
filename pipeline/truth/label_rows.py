"""Parses the rows of people.csv, boxes.csv and clips.csv: the columns, the accepted words, and the checks of a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from facetally.datasets.ages import looks_like_date, read_age
from facetally.gender import attributes
from facetally.gender.attributes import AGE_BANDS
from facetally.truth.csv_rows import CsvRow
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


def parse_person(row: CsvRow) -> LabelledPerson:
    """One row of people.csv.

    Raises:
        TruthError: an empty name, an unknown word, an invalid time.
    """
    return LabelledPerson(
        video=video_name(row.text("video")),
        person=row.text("person"),
        gender=row.word("gender", GENDER_WORDS),
        age_band=_age_band(row),
        face_quality=row.word("face_quality", QUALITY_WORDS, default=""),
        note=row.values.get("note", ""),
        intervals_s=_intervals(row),
        line=row.line,
    )


def parse_people(rows: Iterable[CsvRow]) -> dict[str, tuple[LabelledPerson, ...]]:
    """The people of rows of people.csv, by video; a person's rows for several times become one person.

    Raises:
        TruthError: as `parse_person`; a repeated row, or one that contradicts another of the same person.
    """
    people: dict[tuple[str, str], list[LabelledPerson]] = {}
    for row in rows:
        new = parse_person(row)
        known = people.setdefault((new.video, new.person), [])
        for old in known:
            _check_agreement(row, new, old)
        known.append(new)
    by_video: dict[str, list[LabelledPerson]] = {}
    for (video, _), parts in people.items():
        intervals_s = tuple(sorted(interval for part in parts for interval in part.intervals_s))
        by_video.setdefault(video, []).append(replace(parts[0], intervals_s=intervals_s))
    return {video: tuple(members) for video, members in by_video.items()}


def parse_box(row: CsvRow) -> BoxLabel:
    """One row of boxes.csv.

    Raises:
        TruthError: an empty name, a value that is not a number, a box without area.
    """
    label = BoxLabel(video_name(row.text("video")), row.text("person"), row.number("time_s"), _edges(row))
    if label.time_s < 0:
        raise row.wrong("time_s", "is before the first frame", fix=TIME_FIX)
    return label


def parse_clip(row: CsvRow) -> ClipLabel:
    """One row of clips.csv.

    Raises:
        TruthError: an empty name, or an end or a size that is not a positive number.
    """
    video = video_name(row.text("video"))
    until_s = row.number("labelled_until_s") if row.values.get("labelled_until_s") else None
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
    if new.gender != old.gender:
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
    start_s, end_s = row.number("start_s"), row.number("end_s")
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
