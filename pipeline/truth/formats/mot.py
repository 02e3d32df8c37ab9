"""Reads MOTChallenge ground truth (https://motchallenge.net/instructions; Milan et al. 2016, arXiv:1603.00831).

CVAT and Datumaro write it with a labels.txt beside gt.txt, which names the classes, and give the id -1 to every box
that is part of no track (datumaro/plugins/mot_format.py).
"""

from __future__ import annotations

import configparser
from collections.abc import Collection, Iterable, Sequence
from math import isfinite
from pathlib import Path

from facetally.csv_rows import CsvRow, read_rows, read_text
from facetally.errors import TruthError
from facetally.truth.formats.annotations import (
    Keyframe,
    LabelledTrack,
    LabelledVideo,
    box_of,
    frame_of,
    label_step,
    people_values,
    separate_boxes,
)

COLUMNS = ("frame", "id", "left", "top", "width", "height", "conf")
"""Of a row; class and visibility may follow, or a place in the world, which is not read."""
CLASS_COLUMN, CLASS_COLUMN_COUNTS = 7, (8, 9)
"""Where the class is, in rows with so many columns; rows with ten have x, y, z of the world there (MOT15)."""
NO_CLASSES = ("", "-1", "0")
"""What stands for no class."""
LABELS_FILE = "labels.txt"
LABELLED_FILE = "labelled.csv"
"""In our own exports one folder above gt.txt: the rows that are labels; the others are in between."""
ID_COLUMN = "gt_id"
IGNORED = "_ignored"
TRACK_FIX = (
    'label in tracks (in CVAT: draw in "Track" mode), so that each person has an id of their own, and export again'
)


def read_mot(path: Path) -> list[LabelledVideo]:
    """The video of a gt.txt, which has a row for each box and no header.

    Every row is kept, and a person is out of view between rows that are not of consecutive frames, or where every nth
    frame is labelled, of frames further apart. Rows with conf 0 are regions to leave out; they become people with the
    gender "ignore". seqinfo.ini, beside the file or one folder up, gives name, size and rate. labels.txt beside the
    file names the classes.

    Raises:
        TruthError: no such file, or not in this format; boxes that belong to no track.
    """
    rows = [_row(path, line, text) for line, text in enumerate(read_text(path).splitlines(), 1) if text.strip()]
    if not rows:
        raise TruthError(f"{path} has no rows", fix="give a gt.txt with a row for each box")
    _check_ids(path, rows)
    labelled, notes = _labelled(path, rows)
    step = 1 if labelled else label_step(frame_of(row, first_frame=1) for row in rows)
    info = _seqinfo(path)
    width, height, fps = (info.number(name, default=0.0) for name in ("imwidth", "imheight", "framerate"))
    folder = path.resolve().parent
    return [
        LabelledVideo(
            path,
            name=info.values.get("name") or (folder.parent.name if folder.name == "gt" else path.stem),
            tracks=tuple(_tracks(rows, _class_names(folder), step, labelled)),
            first_frame=1,
            size_px=(int(width), int(height)) if width >= 1 and height >= 1 else None,
            fps=fps if fps > 0 else None,
            has_gaps=True,
            notes=(*notes, *((f"{path}: labels are of one frame in {step}; each counts until the next",) * (step > 1))),
        )
    ]


def _row(path: Path, line: int, text: str) -> CsvRow:
    fields = [field.strip() for field in text.split(",")]
    values = dict(zip(COLUMNS, fields, strict=False))
    if len(fields) in CLASS_COLUMN_COUNTS and fields[CLASS_COLUMN] not in NO_CLASSES:
        values["class"] = fields[CLASS_COLUMN]
    return CsvRow(path, line, values)


def _check_ids(path: Path, rows: Iterable[CsvRow]) -> None:
    """Raises an error for boxes that belong to no track: nothing says which of them are of one person."""
    without = [row for row in rows if _is_negative(row.text("id"))]
    if without:
        raise TruthError(
            f"{path}, line {without[0].line}: {len(without)} boxes belong to nobody's track, their id is "
            f"{without[0].values['id']}: detections have this id, and boxes that were not drawn as tracks",
            fix=TRACK_FIX,
        )


def _is_negative(person: str) -> bool:
    try:
        number = float(person)
    except ValueError:
        return False
    return isfinite(number) and number < 0


def _class_names(folder: Path) -> dict[str, str]:
    """The names in labels.txt by class number, which counts from 1; empty where there is no such file."""
    path = folder / LABELS_FILE
    if not path.is_file():
        return {}
    return {str(number): name.strip() for number, name in enumerate(read_text(path).splitlines(), 1)}


def _labelled(path: Path, rows: Sequence[CsvRow]) -> tuple[set[tuple[str, str]], tuple[str, ...]]:
    """Frame and id of the rows that are labels, as our own exports list them, and a note; empty where no file does."""
    listed = path.resolve().parent.parent / LABELLED_FILE
    if path.resolve().parent.name != "gt" or not listed.is_file():
        return set(), ()
    labelled = {(row.text("frame"), row.text(ID_COLUMN)) for row in read_rows(listed, ("frame", ID_COLUMN))}
    count = sum((row.text("frame"), row.text("id")) not in labelled for row in rows)
    note = f"{path}: {count} of {len(rows)} boxes are in between labels, by {listed}; delete it to take all as labels"
    return labelled, (note,) if count else ()


def _tracks(
    rows: Iterable[CsvRow], names: dict[str, str], step: int, labelled: Collection[tuple[str, str]]
) -> Iterable[LabelledTrack]:
    grouped: dict[tuple[str, bool, str], list[CsvRow]] = {}
    for row in rows:
        number = row.values.get("class", "")
        key = row.text("id"), row.number("conf", default=1.0) == 0, names.get(number, number)
        grouped.setdefault(key, []).append(row)
    for (person, is_ignored, label), found in grouped.items():
        yield _track(person, is_ignored, label, found, step, labelled)


def _track(
    person: str,
    is_ignored: bool,
    label: str,
    rows: Sequence[CsvRow],
    step: int,
    labelled: Collection[tuple[str, str]],
) -> LabelledTrack:
    values = {column: text for column, text in people_values(person, (), (label,)).items() if text}
    if is_ignored:
        values = {"person": f"{person}{IGNORED}", "gender": "ignore"}
    seen = [
        Keyframe(
            frame_of(row, first_frame=1),
            box_of(row, COLUMNS[2:6], is_by_size=True),
            is_label=not labelled or (row.text("frame"), person) in labelled,
        )
        for row in rows
    ]
    seen.sort(key=lambda keyframe: keyframe.frame)
    where = f"id {person} from line {rows[0].line} on"
    return LabelledTrack(
        CsvRow(rows[0].path, rows[0].line, values, where),
        separate_boxes(seen, step),
        labels=(label,) if label and not is_ignored else (),
    )


def _seqinfo(path: Path) -> CsvRow:
    """The section Sequence of seqinfo.ini, by names in small letters; empty where there is no such file."""
    folder = path.resolve().parent
    for info_path in (folder / "seqinfo.ini", folder.parent / "seqinfo.ini"):
        if info_path.is_file():
            parser = configparser.ConfigParser(interpolation=None)
            try:
                parser.read_string(read_text(info_path))
                return CsvRow(info_path, 0, dict(parser["Sequence"]), "[Sequence]")
            except (configparser.Error, KeyError) as error:
                raise TruthError(f"{info_path} describes no sequence: {error}", fix="fix it, or delete it") from error
    return CsvRow(path, 0, {})
