"""Reads labelled face images, one at a time, from the common forms of data sets.

    UTKFace and SCUT-FBP5500            labels in the file names
    FairFace, Adience, CelebA, ...      a table beside the images (`facetally.datasets.label_tables`)
    anything else                       folders named male/ and female/, possibly under train/ and val/

The images are in a folder, a .zip or a .tar (`facetally.datasets.archives`).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from facetally.datasets.ages import MAX_YEARS, is_missing, read_age
from facetally.datasets.archives import count_images, image_paths, read_images
from facetally.datasets.label_tables import TABLE_SUFFIXES, Row, columns_of, decimal, read_table
from facetally.gender.attributes import GENDER_WORDS, Gender

UTKFACE_NAME = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<race>[0-4])_(?P<date>\d+)\.")
"""[age]_[gender]_[race]_[date].ext, gender 0 = male, 1 = female (Zhang et al., CVPR 2017)."""
SCUT_NAME = re.compile(r"[AC](?P<gender>[FM])\d+\.")
"""Asian or Caucasian, female or male, number (Liang et al., ICPR 2018)."""
OwnSplit = Literal["train", "val", ""]
"""The split by a data set's authors; empty where they gave none."""
SPLIT_WORDS: dict[str, OwnSplit] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "val",
}
GENDER_COLUMNS = ("gender", "sex")
MALE_WORDS: dict[str, Gender] = {"1": "male", "-1": "female"}
"""What CelebA's column `male` holds."""
NO_GENDER = ("u", "-")
"""What stands for an unknown gender, besides the words for any missing value; Adience writes u."""
PERSON_COLUMNS = ("person", "actor")
GROUP_COLUMNS = ("group", "race", "band")
BOX_COLUMNS = ("x1", "y1", "x2", "y2")

GenderWords = Mapping[str, Gender | Literal[""]]
"""What words in small letters mean, as the user says; empty: no gender."""
LabelName = Literal["age", "gender", "row"]


@dataclass(frozen=True)
class LabelledImage:
    """One image of one face. `content` is the file as stored on disk, still compressed."""

    name: str
    content: bytes
    is_female: bool | None
    age_years: float | None
    person: str = ""
    """Who it is, where the set names people; a person's images must all be in one split."""
    group: str = ""
    """Only used to break results down."""
    own_split: OwnSplit = ""
    box: tuple[float, float, float, float] | None = None
    """x1, y1, x2, y2 of the labelled face, in pixels."""
    not_understood: tuple[tuple[LabelName, str], ...] = ()
    """Labels that say something else than an age or a gender; a row: the table has none for this image."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `content`, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    def image_bgr(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR.

        Raises:
            ValueError: the file cannot be decoded.
        """
        try:
            image = cv2.imdecode(np.frombuffer(self.content, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:  # no bytes, or more pixels than OpenCV accepts
            image = None
        if image is None:
            raise ValueError(f"{self.name} cannot be decoded as an image")
        return np.asarray(image, dtype=np.uint8)


@dataclass(frozen=True)
class ImageSource:
    """The files of a data set.

    Raises:
        ValueError: `images` is empty.
    """

    name: str
    images: tuple[Path, ...]
    """Folders, .zip or .tar files."""
    tables: tuple[Path, ...] = ()
    """.csv, .tsv or .txt files with `file` and any of gender (or CelebA's male), age, person, race, split, x1 to y2."""
    gender_words: tuple[tuple[str, Gender | Literal[""]], ...] = ()
    """What words in small letters mean in this set, besides those that are known."""

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError(f"{self.name}: name a folder, .zip or .tar with the images of {self.tables}")

    @classmethod
    def parse(cls, text: str) -> ImageSource:
        """Reads "PATH", "NAME=PATH" or "NAME=IMAGES+TABLE", with any number of paths.

        Raises:
            ValueError: no path of images is given, or a path is empty.
        """
        name, equals, paths_text = text.partition("=")
        if not equals or "/" in name:  # a path may contain "=" too
            name, paths_text = "", text
        if not all(paths_text.split("+")):
            raise ValueError(f"{text!r}: a path is empty")
        paths = tuple(Path(part).expanduser() for part in paths_text.split("+"))
        tables = tuple(path for path in paths if path.name.lower().endswith(TABLE_SUFFIXES))
        images = tuple(path for path in paths if path not in tables)
        return cls(name or (images or paths)[0].resolve().name.strip(".").split(".")[0], images, tables)

    def read(self) -> Iterator[LabelledImage]:
        """Every image, ordered by `images` and then by name, including those without a readable label.

        Raises:
            FileNotFoundError: a path does not exist.
            ValueError: a path is another kind of file or damaged, or a table cannot be read.
        """
        labels = dict(pair for table in self.tables for pair in read_table(table))
        words = dict(self.gender_words)
        for path in self.images:
            for name, content in read_images(path):
                if self.tables:
                    yield labels_of_row(name, content, labels, words)
                else:
                    yield labels_of_name(name, content, words)

    def count(self) -> int:
        """How many images `read` yields, without reading them; raises the same errors."""
        return sum(count_images(path) for path in self.images)

    def columns(self) -> list[str]:
        """The columns of all tables, in small letters; raises the same errors."""
        return [column for table in self.tables for column in columns_of(table)]

    def first_file(self) -> str:
        """The first file that the tables name, without suffix; empty without any row."""
        return next((name for table in self.tables for name, _ in read_table(table)), "")

    def fingerprint(self) -> str:
        """SHA-256 over the content of the files; for a folder, over the names and sizes of its images.

        What words mean is part of it.

        Raises:
            FileNotFoundError: a path does not exist.
        """
        digest = hashlib.sha256(repr(self.gender_words).encode() if self.gender_words else b"")
        for path in (*self.images, *self.tables):
            if not path.exists():
                raise FileNotFoundError(f"no such file or folder: {path}")
            if path.is_dir():
                for image in image_paths(path):
                    digest.update(f"{image.relative_to(path).as_posix()} {image.stat().st_size}\n".encode())
            else:
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def labels_of_name(name: str, content: bytes, words: GenderWords | None = None) -> LabelledImage:
    """An image with the labels in its file name and folders; `words` mean a gender besides those that are known."""
    path = PurePosixPath(name)
    split = _split_in(path.parts[:-1])
    if match := UTKFACE_NAME.match(path.name):
        years, text = int(match["age"]), match["age"]
        wrong: tuple[tuple[LabelName, str], ...] = (("age", text),) if years > MAX_YEARS else ()
        age = None if wrong else years
        is_female = match["gender"] == "1"
        return LabelledImage(name, content, is_female, age, group=match["race"], own_split=split, not_understood=wrong)
    if match := SCUT_NAME.match(path.name):
        return LabelledImage(name, content, match["gender"] == "F", None, own_split=split)
    known = GENDER_WORDS | dict(words or {})
    genders = [gender for part in path.parts[:-1] if (gender := known.get(part.lower()))]
    return LabelledImage(name, content, genders[-1] == "female" if genders else None, None, own_split=split)


def labels_of_row(name: str, content: bytes, rows: dict[str, Row], words: GenderWords | None = None) -> LabelledImage:
    """An image with the labels of a table: of the row whose file is the end of the image's name, suffixes ignored.

    Args:
        name, content: of the image.
        rows: by file, as from `read_table`.
        words: what mean a gender besides the words that are known.

    Raises:
        ValueError: the row's box is not valid.
    """
    parts = PurePosixPath(name).with_suffix("").parts
    keys = ("/".join(parts[start:]) for start in range(len(parts)))
    key = next((key for key in keys if key in rows), None)
    if key is None:
        return LabelledImage(name, content, None, None, not_understood=(("row", name),))
    row = rows[key]
    split: OwnSplit = SPLIT_WORDS.get(row.get("split", "").strip().lower(), "") or _split_in(key.split("/")[:-1])
    gender, gender_text = _gender_in(row, words or {})
    age_text = row.get("age", "")
    years = parse_age(age_text)
    wrong: list[tuple[LabelName, str]] = [("gender", gender_text)] if gender_text else []
    if years is None and not is_missing(age_text):
        wrong.append(("age", age_text.strip()))
    return LabelledImage(
        name,
        content,
        gender,
        years,
        person=_first(row, PERSON_COLUMNS),
        group=_first(row, GROUP_COLUMNS),
        own_split=split,
        box=_box_in(row, key),
        not_understood=tuple(wrong),
    )


def parse_gender_words(text: str) -> tuple[tuple[str, Gender | Literal[""]], ...]:
    """What words mean, from text such as "0=male,1=female"; a word for a missing value means no gender.

    Raises:
        ValueError: a part of another form, an unknown gender, or a word with two meanings.
    """
    meanings: dict[str, Gender | Literal[""]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        word, equals, meaning = (piece.strip().lower() for piece in part.rpartition("="))
        gender: Gender | Literal[""] = GENDER_WORDS.get(meaning, "")
        if not equals or not word or not (gender or is_missing(meaning)):
            raise ValueError(f"{part!r} does not say which gender a word means")
        if meanings.setdefault(word, gender) != gender:
            raise ValueError(f"{word!r} has two meanings")
    return tuple(sorted(meanings.items()))


def parse_age(text: str) -> float | None:
    """Years from a number ("31"), a band ("20-29": its middle) or an open band ("more than 70": five years more)."""
    age = read_age(text)
    return age.years if age else None


def _gender_in(row: Row, words: GenderWords) -> tuple[bool | None, str]:
    """Whether a row is of a woman, and the word that is not understood; empty where it is, or none is given."""
    column = next((name for name in GENDER_COLUMNS if name in row), "male")
    text = row.get(column, "").strip()
    known = (MALE_WORDS if column == "male" else GENDER_WORDS) | dict(words)
    gender = known.get(text.lower(), "")
    if gender:
        return gender == "female", ""
    is_understood = is_missing(text) or text.lower() in NO_GENDER or text.lower() in words
    return None, "" if is_understood else text


def _box_in(row: Row, file: str) -> tuple[float, float, float, float] | None:
    cells = [row.get(column, "") for column in BOX_COLUMNS]
    if not any(cells):
        return None
    try:
        x1, y1, x2, y2 = (decimal(cell) for cell in cells)
    except ValueError:
        x1 = y1 = x2 = y2 = math.nan
    if not (x1 < x2 < math.inf and y1 < y2 < math.inf):
        raise ValueError(f"the box of {row.get('file', file)} is not valid: x1, y1, x2, y2 are {', '.join(cells)}")
    return x1, y1, x2, y2


def _split_in(parts: tuple[str, ...] | list[str]) -> OwnSplit:
    for part in parts:
        if part.lower() in SPLIT_WORDS:
            return SPLIT_WORDS[part.lower()]
    return ""


def _first(row: Row, columns: tuple[str, ...]) -> str:
    return next((row[column] for column in columns if row.get(column)), "")
