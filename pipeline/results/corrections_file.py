"""Reads and writes corrections.csv, one row for each corrected appearance. People may edit it in a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facetally.csv_rows import CsvRow, read_rows, write_rows
from facetally.errors import OutputError
from facetally.formatting import player_time
from facetally.gender import attributes
from facetally.gender.attributes import AGE_BANDS, age_band
from facetally.problems import Problems

FILE_NAME = "corrections.csv"
COLUMNS = ("video", "track", "gender", "age_band", "who", "when")
ANCHOR_COLUMNS = ("first_s", "last_s", "time_s", "x1", "y1", "x2", "y2")
"""What finds an appearance again after the videos are processed anew. Empty in rows typed by hand: facetally fills
them in."""
HISTORY_COLUMN = "before"
TIME_DECIMALS, BOX_DECIMALS = 3, 1
"""Of anchors."""

CorrectedGender = Literal["female", "male", "unknown", "not_a_face", "ignore"]
DROPPED: tuple[CorrectedGender, ...] = ("not_a_face", "ignore")
"""These appearances do not count."""
GENDER_WORDS: dict[str, CorrectedGender] = {
    **attributes.GENDER_WORDS,
    **dict.fromkeys(("unknown", "unsure", "?"), "unknown"),
    **dict.fromkeys(("not_a_face", "not a face"), "not_a_face"),
    **dict.fromkeys(("ignore", "picture", "poster"), "ignore"),
}
"""What people may write, in small letters, and what it means; as in the labels of a truth folder."""

AGE_CHOICES = ", ".join(f"{band} ({start}-{stop - 1})" for band, (start, stop) in AGE_BANDS.items()) + " or unknown"
MAX_AGE_DIGITS = 3
TRACK_NUMBER = re.compile(r"(\d{1,15})(?:[.,]0*)?", re.ASCII)
"""Some programs save whole numbers as 3.0."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the displayed frame."""


@dataclass(frozen=True)
class Anchor:
    """Where an appearance was seen."""

    first_s: float
    last_s: float
    time_s: float | None = None
    box: Box | None = None
    """The face at `time_s`."""

    @property
    def text(self) -> str:
        """The times as players show them: "0:31-0:45", or "0:31" within one second."""
        first, last = player_time(self.first_s), player_time(self.last_s)
        return first if first == last else f"{first}-{last}"


@dataclass(frozen=True)
class TrackCorrection:
    """A row of corrections.csv."""

    video: str
    track_id: int | None
    """None: a later run did not find the appearance again."""
    gender: CorrectedGender | Literal[""] = ""
    """Empty: as predicted."""
    age_band: str = ""
    """Empty: as predicted."""
    who: str = ""
    when: str = ""
    anchor: Anchor | None = None
    before: str = ""
    """Earlier corrections of the same appearance that this one replaces, the newest first."""
    path: Path = Path(FILE_NAME)
    line: int = 0
    """In the file; 0: not read from one."""

    @property
    def is_drop(self) -> bool:
        """Whether the appearance does not count."""
        return self.gender in DROPPED

    @property
    def meaning(self) -> str:
        """What is said about the appearance: "female, mid"."""
        return ", ".join(word for word in (self.gender, self.age_band) if word)

    def described(self) -> str:
        """The appearance, to name it: "track 3 of a.mp4 (0:31-0:45, line 2)"."""
        track = "an appearance" if self.track_id is None else f"track {self.track_id}"
        details = [self.anchor.text] if self.anchor else []
        details += [f"line {self.line}"] if self.line else []
        return f"{track} of {self.video}" + (f" ({', '.join(details)})" if details else "")

    def contradicts(self, earlier: TrackCorrection) -> OutputError:
        """The error for two rows about one appearance."""
        return OutputError(
            f"{self.path}, line {self.line}: track {self.track_id} of {self.video} is in line {earlier.line} already",
            fix="delete one of the two lines",
        )


def read_correction_rows(path: Path) -> list[TrackCorrection]:
    """The rows of corrections.csv; none if there is no file.

    Raises:
        OutputError: the file cannot be read, or has wrong values; names all of them with their lines and fixes.
    """
    if not path.exists():
        return []
    if not path.is_file():  # reading a device may never end
        raise OutputError(f"{path} is not a file", fix="move it away")
    problems = Problems(path.name)
    rows: list[TrackCorrection] = []
    for row in read_rows(path, COLUMNS[:2], OutputError):
        with problems.collected():
            rows.append(parse_correction(row))
    problems.raise_any()
    return rows


def write_correction_rows(path: Path, rows: Iterable[TrackCorrection]) -> None:
    """Writes corrections.csv completely or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        write_rows(path, (*COLUMNS, *ANCHOR_COLUMNS, HISTORY_COLUMN), [_values(row) for row in rows])
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}", fix="free space, or fix the folder's permissions"
        ) from error


def parse_correction(row: CsvRow) -> TrackCorrection:
    """One row.

    Raises:
        OutputError: an empty video, an unknown word, a track that is no number, or nothing to correct; all errors of
            the row as one.
    """
    problems = Problems(row.path.name)
    anchor = problems.attempt(lambda: _anchor(row), None)
    is_lost = not row.values.get("track") and bool(row.values.get("first_s"))
    correction = TrackCorrection(
        video=problems.attempt(lambda: row.text("video"), "").replace("\\", "/").removeprefix("./"),
        track_id=None if is_lost else problems.attempt(lambda: _track(row), None),
        gender=problems.attempt(lambda: _gender(row), ""),
        age_band=problems.attempt(lambda: _age_band(row), ""),
        who=row.values.get("who", ""),
        when=row.values.get("when", ""),
        anchor=anchor,
        before=row.values.get(HISTORY_COLUMN, ""),
        path=row.path,
        line=row.line,
    )
    if not row.values.get("gender") and not row.values.get("age_band"):
        fix = f"write one of: {', '.join(dict.fromkeys(GENDER_WORDS.values()))}; or an age band, or delete the line"
        problems.add(row.wrong("gender", "is empty, and so is age_band", fix))
    problems.raise_any()
    return correction


def age_band_of(word: str) -> str | None:
    """The age band that a word stands for, in any case, or an age in years; None for others, such as 200 years."""
    word = word.lower()
    if word.isdecimal() and len(word) <= MAX_AGE_DIGITS:
        band = age_band(float(word))
        return band if band in AGE_BANDS else None
    return {"unsure": "unknown", "?": "unknown"}.get(word, word if word in (*AGE_BANDS, "unknown") else None)


def _track(row: CsvRow) -> int:
    match = TRACK_NUMBER.fullmatch(row.text("track"))
    if not match:
        raise row.wrong("track", "is not the number of an appearance", fix="write its track_id: 0, 1, 2, ...")
    return int(match[1])


def _gender(row: CsvRow) -> CorrectedGender | Literal[""]:
    return row.word("gender", GENDER_WORDS) if row.values.get("gender") else ""


def _age_band(row: CsvRow) -> str:
    value = row.values.get("age_band", "")
    if (band := age_band_of(value) if value else "") is None:
        raise row.wrong("age_band", "is not known", fix=f"write {AGE_CHOICES}, or leave it empty")
    return band


def _anchor(row: CsvRow) -> Anchor | None:
    """None where nothing was filled in."""
    if not row.values.get("first_s") or not row.values.get("last_s"):
        return None
    first_s, last_s = row.number("first_s"), row.number("last_s")
    if last_s < first_s:
        raise row.wrong("last_s", f"is before first_s = {first_s:g}", fix="empty both, and facetally fills them in")
    if not all(row.values.get(name) for name in ANCHOR_COLUMNS[2:]):
        return Anchor(first_s, last_s)
    time_s, x1, y1, x2, y2 = (row.number(name) for name in ANCHOR_COLUMNS[2:])
    return Anchor(first_s, last_s, time_s, (x1, y1, x2, y2))


def _values(row: TrackCorrection) -> tuple[object, ...]:
    track = "" if row.track_id is None else row.track_id
    own = (row.video, track, row.gender, row.age_band, row.who, row.when)
    times: list[object] = [""] * len(ANCHOR_COLUMNS)
    if anchor := row.anchor:
        times[:2] = [anchor.first_s, anchor.last_s]
        if anchor.time_s is not None and anchor.box is not None:
            times[2:] = [anchor.time_s, *anchor.box]
    return (*own, *times, row.before)
