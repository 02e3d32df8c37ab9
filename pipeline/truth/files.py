"""Reads and writes a truth folder: the hand labels of some videos in up to three CSV files.

- `people.csv`: video, person, gender, and where known age_band, face_quality, note; where people were labelled by time
  instead of boxes also start_s and end_s, one row for each time that the person is in view.
- `boxes.csv`, where faces were boxed: video, person, time_s, x1, y1, x2, y2.
- `clips.csv`, optional: video, labelled_until_s (where the labels of a video stop; by default the last of them) and
  source (videos of one source share people and light; by default the video's folder).
- `sample.json`, where the appearances to label were drawn at random from a run: the draw (`facetally.truth.sample`).

A person whose gender is empty is not labelled yet; that is no error.

The rows themselves are parsed in `facetally.truth.label_rows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from facetally.csv_rows import read_rows, write_rows
from facetally.errors import OutputError, TruthError
from facetally.formatting import command
from facetally.problems import Problems
from facetally.truth.label_rows import (
    BOX_COLUMNS,
    CLIP_COLUMNS,
    HINTS,
    INTERVAL_COLUMNS,
    PEOPLE_COLUMNS,
    SIZE_COLUMNS,
    ClipLabel,
    parse_box,
    parse_clip,
    parse_people,
    without_hints,
)
from facetally.truth.labels import BoxRow, LabelledBoxes, LabelledPerson, Truth
from facetally.truth.sample import SAMPLE_FILE, read_sample, write_sample

PEOPLE_FILE, BOXES_FILE, CLIPS_FILE = "people.csv", "boxes.csv", "clips.csv"
TIME_DECIMALS, BOX_DECIMALS = 4, 2
"""As written."""

People = dict[str, tuple[LabelledPerson, ...]]
"""By video."""
Table = tuple[str, Sequence[str], Iterable[Sequence[object]]]
"""A file's name, its columns and its rows."""


# Reading


def read_truth(folder: Path) -> Truth:
    """Reads a truth folder.

    Raises:
        TruthError: no such folder, or values that make no sense; names file, line, column, value and fix of each. The
            errors of people.csv come first; those of the other files refer to its people.
    """
    if not (folder / PEOPLE_FILE).is_file():
        raise TruthError(
            f"{folder} is no truth folder: it has no people.csv",
            fix=f"make one to fill in: {command('facetally', 'truth', 'template', 'VIDEOS', '-o', folder)}",
        )
    people = _read_people(folder / PEOPLE_FILE)
    problems = Problems("the labels")
    boxes: dict[str, LabelledBoxes] = {}
    clips: dict[str, ClipLabel] = {}
    sample = None
    with problems.collected():
        boxes = _read_boxes(folder / BOXES_FILE, people) if (folder / BOXES_FILE).exists() else {}
    with problems.collected():
        clips = _read_clips(folder / CLIPS_FILE) if (folder / CLIPS_FILE).exists() else {}
    with problems.collected():
        sample = read_sample(folder / SAMPLE_FILE) if (folder / SAMPLE_FILE).exists() else None
    problems.raise_any()
    return Truth(
        people,
        boxes,
        labelled_until_s={video: clip.labelled_until_s for video, clip in clips.items() if clip.labelled_until_s},
        sources={video: clip.source for video, clip in clips.items() if clip.source},
        sizes_px={video: clip.size_px for video, clip in clips.items() if clip.size_px},
        sample=sample,
    )


def _read_people(path: Path) -> People:
    people = parse_people(without_hints(read_rows(path, PEOPLE_COLUMNS[:3])), may_be_unlabelled=True)
    if not people:
        raise TruthError(f"{path} has no rows", fix="add a line for each person in view, or delete the file")
    return people


def _read_boxes(path: Path, people: People) -> dict[str, LabelledBoxes]:
    known = {(person.video, person.person) for members in people.values() for person in members}
    by_video: dict[str, list[BoxRow]] = {}
    lines: dict[tuple[str, str, float], int] = {}
    problems = Problems("the labels")
    for row in without_hints(read_rows(path, BOX_COLUMNS)):
        with problems.collected():
            video, person, time_s, box = parse_box(row)
            if (video, person) not in known:
                fix = "add the person there, or fix the name"
                raise row.wrong("person", f"of {video} is not in people.csv", fix=fix)
            if (line := lines.setdefault((video, person, time_s), row.line)) != row.line:
                raise row.wrong("time_s", f"of {person} in {video} is in line {line} already", fix="delete one line")
            by_video.setdefault(video, []).append((person, time_s, box, row.line))
    problems.raise_any()
    return {video: LabelledBoxes.of(rows) for video, rows in by_video.items()}


def _read_clips(path: Path) -> dict[str, ClipLabel]:
    """The rows by video."""
    clips: dict[str, ClipLabel] = {}
    lines: dict[str, int] = {}
    problems = Problems("the labels")
    for row in without_hints(read_rows(path, CLIP_COLUMNS[:1])):
        with problems.collected():
            clip = parse_clip(row)
            if (line := lines.setdefault(clip.video, row.line)) != row.line:
                raise row.wrong("video", f"is in line {line} already", fix="delete one of the lines")
            clips[clip.video] = clip
    problems.raise_any()
    return clips


# Writing


def write_truth(truth: Truth, folder: Path, *, hints: bool = False) -> None:
    """Writes a truth folder that `read_truth` reads back.

    Args:
        truth: the labels.
        folder: new, or without labels.
        hints: whether a line of people.csv says what may stand in each column, for a folder to fill in.

    Raises:
        OutputError: there is one already, or it cannot be written.
    """
    tables: list[Table] = []
    if truth.boxes:
        tables.append((BOXES_FILE, BOX_COLUMNS, _box_rows(truth.boxes)))
    if truth.labelled_until_s or truth.sources or truth.sizes_px:
        tables.append(_clips_table(truth))
    name, columns, rows = _people_table(truth)
    tables.append(
        (name, columns, [*([hint_row(columns)] if hints else []), *rows])
    )  # last: a folder with people.csv is complete
    check_new(folder)
    if truth.sample:
        write_sample(truth.sample, folder / SAMPLE_FILE)
    write_tables(folder, tables)


def write_tables(folder: Path, tables: Iterable[Table]) -> None:
    """Writes the files of a new truth folder.

    Raises:
        OutputError: there is one already, or it cannot be written.
    """
    check_new(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, columns, rows in tables:
            write_rows(folder / name, columns, rows)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}", fix="choose another folder with -o") from error


def check_new(folder: Path) -> None:
    """Refuses a folder that is a truth folder already.

    Raises:
        OutputError: it is.
    """
    if existing := [name for name in (PEOPLE_FILE, BOXES_FILE, CLIPS_FILE) if (folder / name).exists()]:
        raise OutputError(
            f"{folder} already holds {', '.join(existing)}", fix="choose a new folder with -o; nothing is overwritten"
        )


def _clips_table(truth: Truth) -> Table:
    """clips.csv, with sizes where any is stated."""
    rows: list[tuple[object, ...]] = []
    for video in sorted(truth.labelled_until_s.keys() | truth.sources.keys() | truth.sizes_px.keys()):
        size = truth.sizes_px.get(video, ("", "")) if truth.sizes_px else ()
        rows.append((video, truth.labelled_until_s.get(video, ""), truth.sources.get(video, ""), *size))
    return CLIPS_FILE, (*CLIP_COLUMNS, *(SIZE_COLUMNS if truth.sizes_px else ())), rows


def hint_row(columns: Sequence[str]) -> list[str]:
    """The line of a template that says what may stand in each column; it is not read."""
    return [HINTS[column] for column in columns]


def _people_table(truth: Truth) -> Table:
    """people.csv, with start_s and end_s where anybody was labelled by time; a sample is in the order of its draw."""
    members = [person for video in sorted(truth.people) for person in truth.people[video]]
    if truth.sample:
        order = {appearance.key: place for place, appearance in enumerate(truth.sample.drawn)}
        members.sort(key=lambda person: order.get((person.video, person.person), len(order)))
    if not any(person.intervals_s for person in members):
        return PEOPLE_FILE, PEOPLE_COLUMNS, [_person_values(person) for person in members]
    rows = [
        (*_person_values(person), *interval) for person in members for interval in person.intervals_s or ((None, None),)
    ]
    return PEOPLE_FILE, (*PEOPLE_COLUMNS, *INTERVAL_COLUMNS), rows


def _person_values(person: LabelledPerson) -> tuple[str, ...]:
    values = {column: str(getattr(person, column)) for column in PEOPLE_COLUMNS}
    if not person.is_labelled:
        values |= {"gender": "", "age_band": values["age_band"].replace("unsure", "")}
    return tuple(values.values())


def _box_rows(boxes: dict[str, LabelledBoxes]) -> Iterable[Sequence[object]]:
    for video in sorted(boxes):
        labels = boxes[video]
        for person, time_s, box in zip(labels.people, labels.times_s, labels.boxes, strict=True):
            yield video, person, round(float(time_s), TIME_DECIMALS), *(round(float(v), BOX_DECIMALS) for v in box)
