"""Reads MOTChallenge ground truth (https://motchallenge.net/instructions; Milan et al. 2016, arXiv:1603.00831)."""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from facetally.errors import TruthError
from facetally.truth.csv_rows import CsvRow, read_text
from facetally.truth.formats.annotations import Keyframe, LabelledTrack, LabelledVideo, box_of, frame_of, leaving_after

COLUMNS = ("frame", "id", "left", "top", "width", "height", "conf")
"""Of a row; class, visibility and others may follow."""


def read_mot(path: Path) -> list[LabelledVideo]:
    """The video of a gt.txt, which has a row for each box and no header.

    Every row is kept, and a person is out of view between rows that are not of consecutive frames. Rows with conf 0 are
    regions to leave out; they become people with the gender "ignore". seqinfo.ini, beside the file or one folder up,
    gives name, size and rate.

    Raises:
        TruthError: no such file, or not in this format.
    """
    rows: dict[tuple[str, bool], list[CsvRow]] = {}
    for line, text in enumerate(read_text(path).splitlines(), 1):
        if text.strip():
            fields = (field.strip() for field in text.split(","))
            row = CsvRow(path, line, dict(zip(COLUMNS, fields, strict=False)))
            rows.setdefault((row.text("id"), row.number("conf", default=1.0) == 0), []).append(row)
    if not rows:
        raise TruthError(f"{path} has no rows", fix="give a gt.txt with a row for each box")
    info = _seqinfo(path)
    width, height, fps = (info.number(name, default=0.0) for name in ("imwidth", "imheight", "framerate"))
    folder = path.resolve().parent
    return [
        LabelledVideo(
            path,
            name=info.values.get("name") or (folder.parent.name if folder.name == "gt" else path.stem),
            tracks=tuple(_track(person, is_ignored, found) for (person, is_ignored), found in rows.items()),
            first_frame=1,
            size_px=(int(width), int(height)) if width >= 1 and height >= 1 else None,
            fps=fps if fps > 0 else None,
        )
    ]


def _track(person: str, is_ignored: bool, rows: Sequence[CsvRow]) -> LabelledTrack:
    values = {"person": f"{person}_ignored", "gender": "ignore"} if is_ignored else {"person": person}
    seen = [Keyframe(frame_of(row, first_frame=1), box_of(row, COLUMNS[2:6], is_by_size=True)) for row in rows]
    seen.sort(key=lambda keyframe: keyframe.frame)
    keyframes: list[Keyframe] = []
    for keyframe, later in zip_longest(seen, seen[1:]):
        keyframes += [keyframe, *leaving_after(keyframe, later)]
    where = f"id {person} from line {rows[0].line} on"
    return LabelledTrack(CsvRow(rows[0].path, rows[0].line, values, where), tuple(keyframes))


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
