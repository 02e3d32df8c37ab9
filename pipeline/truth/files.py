"""Reads and writes a truth folder: people.csv, boxes.csv and clips.csv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facetally.errors import OutputError, TruthError
from facetally.gender.attributes import AGE_BANDS
from facetally.truth.csv_rows import CsvRow, read_rows, write_rows
from facetally.truth.labels import LabelledBoxes, LabelledPerson, Truth

PEOPLE_COLUMNS = ("video", "person", "gender", "age_band", "face_quality", "note")
INTERVAL_COLUMNS = ("start_s", "end_s")
BOX_COLUMNS = ("video", "person", "time_s", "x1", "y1", "x2", "y2")
CLIP_COLUMNS = ("video", "labelled_until_s", "source")
GENDER_WORDS = {
    **dict.fromkeys(("female", "f", "woman", "girl"), "female"),
    **dict.fromkeys(("male", "m", "man", "boy"), "male"),
    **dict.fromkeys(("unsure", "unknown", "?"), "unsure"),
    **dict.fromkeys(("not_a_face", "not a face"), "not_a_face"),
    **dict.fromkeys(("ignore", "picture", "poster"), "ignore"),
}
"""What labellers write, and what it means: female and male count, unsure and ignore (pictures of people, regions left
out) count neither way, not_a_face is a false track where one is found."""
QUALITY_WORDS = {"good": "good", "poor": "poor"}
TIME_DECIMALS, BOX_DECIMALS = 4, 2
FILES = ("people.csv", "boxes.csv", "clips.csv")
TIMES = "times count in seconds from the first frame"
Table = tuple[str, Sequence[str], Iterable[list[Any]]]
"""A file's name, its columns and its rows."""


def read_truth(folder: Path) -> Truth:
    """Reads a truth folder.

    Raises:
        TruthError: no such folder, or anything in it that cannot be meant; says file, line, column, value and fix.
    """
    if not (folder / "people.csv").is_file():
        raise TruthError(
            f"{folder} is no truth folder: it has no people.csv",
            fix=f"make one to fill in: facetally truth template VIDEOS -o {folder}",
        )
    people = _read_people(folder / "people.csv")
    boxes: dict[str, LabelledBoxes] = {}
    if (folder / "boxes.csv").exists():
        boxes = _read_boxes(folder / "boxes.csv", people)
    labelled_until_s: dict[str, float] = {}
    sources: dict[str, str] = {}
    if (folder / "clips.csv").exists():
        labelled_until_s, sources = _read_clips(folder / "clips.csv")
    return Truth(people, boxes, labelled_until_s, sources)


def write_truth(truth: Truth, folder: Path) -> None:
    """Writes a truth folder that `read_truth` reads back.

    Raises:
        OutputError: there is one already, or it cannot be written.
    """
    people = [person for video in sorted(truth.people) for person in truth.people[video]]
    by_time = any(person.intervals_s for person in people)
    columns = PEOPLE_COLUMNS + (INTERVAL_COLUMNS if by_time else ())
    rows = [_person_row(p, interval) for p in people for interval in p.intervals_s or ((None, None),)]
    tables: list[Table] = []
    if truth.boxes:
        tables.append(("boxes.csv", BOX_COLUMNS, _box_rows(truth.boxes)))
    if clips := sorted(truth.labelled_until_s.keys() | truth.sources.keys()):
        clip_rows = [[v, truth.labelled_until_s.get(v, ""), truth.sources.get(v, "")] for v in clips]
        tables.append(("clips.csv", CLIP_COLUMNS, clip_rows))
    tables.append(("people.csv", columns, [row[: len(columns)] for row in rows]))
    write_tables(folder, tables)


def write_tables(folder: Path, tables: Iterable[Table]) -> None:
    """Writes files of a new truth folder from their names, columns and rows.

    Raises:
        OutputError: there is one already, or it cannot be written.
    """
    if there := [name for name in FILES if (folder / name).exists()]:
        raise OutputError(
            f"{folder} already holds {', '.join(there)}", fix="choose a new folder with -o; nothing is overwritten"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, columns, rows in tables:
            write_rows(folder / name, columns, rows)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}", fix="choose another folder with -o") from error


def person_of(row: CsvRow) -> LabelledPerson:
    """One row of people.csv.

    Raises:
        TruthError: an empty name, an unknown word, a time that is none.
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


def joined_people(rows: Iterable[CsvRow]) -> dict[str, tuple[LabelledPerson, ...]]:
    """The people of rows of people.csv, by video; a person's rows for several times become one.

    Raises:
        TruthError: as `person_of`; a row that stands twice, or that contradicts another of the same person.
    """
    people: dict[tuple[str, str], list[LabelledPerson]] = {}
    for row in rows:
        new = person_of(row)
        known = people.setdefault((new.video, new.person), [])
        for old in known:
            _check_agree(row, new, old)
        known.append(new)
    by_video: dict[str, list[LabelledPerson]] = {}
    for (video, _), parts in people.items():
        intervals_s = tuple(sorted(interval for part in parts for interval in part.intervals_s))
        by_video.setdefault(video, []).append(replace(parts[0], intervals_s=intervals_s))
    return {video: tuple(members) for video, members in by_video.items()}


def video_name(text: str) -> str:
    """A video's name with forward slashes and without a leading "./"."""
    return text.replace("\\", "/").removeprefix("./")


def _read_people(path: Path) -> dict[str, tuple[LabelledPerson, ...]]:
    people = joined_people(read_rows(path, PEOPLE_COLUMNS[:3]))
    if not people:
        raise TruthError(f"{path} labels nobody", fix="add a line for each person in view, or drop the file")
    return people


def _check_agree(row: CsvRow, new: LabelledPerson, old: LabelledPerson) -> None:
    """Whether a row can be of the same person as an earlier one."""
    if new.gender != old.gender:
        raise row.wrong("gender", f"contradicts line {old.line}, which says {old.gender}", fix="make both alike")
    if new.age_band != old.age_band:
        raise row.wrong("age_band", f"contradicts line {old.line}, which says {old.age_band}", fix="make both alike")
    if not (old.intervals_s and new.intervals_s):
        raise row.wrong("person", f"of {new.video} stands in line {old.line} already", fix="delete one of the lines")
    (start_s, stop_s), (old_start_s, old_stop_s) = *new.intervals_s, *old.intervals_s
    if start_s < old_stop_s and old_start_s < stop_s:
        raise row.wrong("start_s", f"overlaps with line {old.line}", fix="make one line of the two, or mend the times")


def _read_boxes(path: Path, people: dict[str, tuple[LabelledPerson, ...]]) -> dict[str, LabelledBoxes]:
    known = {(person.video, person.person) for members in people.values() for person in members}
    found: dict[str, list[tuple[str, float, tuple[float, ...], int]]] = {}
    lines: dict[tuple[str, str, float], int] = {}
    for row in read_rows(path, BOX_COLUMNS):
        video, person, time_s = video_name(row.text("video")), row.text("person"), row.number("time_s")
        if (video, person) not in known:
            raise row.wrong("person", f"of {video} is not in people.csv", fix="add the person there, or mend the name")
        if time_s < 0:
            raise row.wrong("time_s", "is before the first frame", fix=TIMES)
        if (line := lines.setdefault((video, person, time_s), row.line)) != row.line:
            raise row.wrong("time_s", f"of {person} in {video} stands in line {line} already", fix="delete one line")
        found.setdefault(video, []).append((person, time_s, _box(row), row.line))
    return {video: LabelledBoxes.of(rows) for video, rows in found.items()}


def _read_clips(path: Path) -> tuple[dict[str, float], dict[str, str]]:
    labelled_until_s: dict[str, float] = {}
    sources: dict[str, str] = {}
    lines: dict[str, int] = {}
    for row in read_rows(path, CLIP_COLUMNS[:1]):
        video = video_name(row.text("video"))
        if (line := lines.setdefault(video, row.line)) != row.line:
            raise row.wrong("video", f"stands in line {line} already", fix="delete one of the lines")
        if row.values.get("labelled_until_s"):
            labelled_until_s[video] = row.number("labelled_until_s")
            if labelled_until_s[video] <= 0:
                raise row.wrong("labelled_until_s", "is not after the first frame", fix=TIMES)
        if row.values.get("source"):
            sources[video] = row.values["source"]
    return labelled_until_s, sources


def _box(row: CsvRow) -> tuple[float, ...]:
    x1, y1, x2, y2 = (row.number(column) for column in BOX_COLUMNS[3:])
    fix = "give x1, y1 (left, top) and x2, y2 (right, bottom) in pixels"
    if x2 <= x1:
        raise row.wrong("x2", f"is not right of x1 = {x1:g}", fix=fix)
    if y2 <= y1:
        raise row.wrong("y2", f"is not below y1 = {y1:g}", fix=fix)
    return x1, y1, x2, y2


def _intervals(row: CsvRow) -> tuple[tuple[float, float], ...]:
    if not row.values.get("start_s") and not row.values.get("end_s"):
        return ()
    start_s, end_s = row.number("start_s"), row.number("end_s")
    if start_s < 0:
        raise row.wrong("start_s", "is before the first frame", fix=TIMES)
    if end_s <= start_s:
        raise row.wrong("end_s", f"is not after start_s = {start_s:g}", fix="give when the person leaves the picture")
    return ((start_s, end_s),)


def _age_band(row: CsvRow) -> str:
    value = row.values.get("age_band", "").lower() or "unsure"
    bands = value.split("/")
    if value != "unsure" and not all(band in AGE_BANDS for band in bands):
        known = ", ".join(f"{band} ({start}-{stop - 1})" for band, (start, stop) in AGE_BANDS.items())
        raise row.wrong("age_band", "is not known", fix=f"write {known}, two as in young/mid, or unsure")
    return value


def _person_row(person: LabelledPerson, interval_s: tuple[float | None, float | None]) -> list[Any]:
    return [*(getattr(person, column) for column in PEOPLE_COLUMNS), *interval_s]


def _box_rows(boxes: dict[str, LabelledBoxes]) -> Iterable[list[Any]]:
    for video in sorted(boxes):
        labels = boxes[video]
        for person, time_s, box in zip(labels.people, labels.times_s, labels.boxes, strict=True):
            yield [video, person, round(float(time_s), TIME_DECIMALS), *(round(float(v), BOX_DECIMALS) for v in box)]
