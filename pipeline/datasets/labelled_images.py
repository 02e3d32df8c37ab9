"""Reads labelled face images, one at a time, from the common forms of data sets.

    UTKFace and SCUT-FBP5500    labels in the file names
    FairFace, IMFDB, ...        a table (.csv or .csv.gz) beside the images
    anything else               folders named male/ and female/, possibly under train/ and val/

The images are in a folder, a .zip or a .tar (`facetally.datasets.archives`).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from facetally.datasets.archives import count_images, image_paths, read_images
from facetally.gender.attributes import GENDER_WORDS

TABLE_SUFFIXES = (".csv", ".csv.gz")
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
PERSON_COLUMNS = ("person", "actor")
GROUP_COLUMNS = ("group", "race")
BOX_COLUMNS = ("x1", "y1", "x2", "y2")


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
    """.csv or .csv.gz files with `file` and any of gender (or CelebA's male), age, person, race, split, x1 to y2."""

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
        for path in self.images:
            for name, content in read_images(path):
                yield labels_of_row(name, content, labels) if self.tables else labels_of_name(name, content)

    def count(self) -> int:
        """How many images `read` yields, without reading them; raises the same errors."""
        return sum(count_images(path) for path in self.images)

    def fingerprint(self) -> str:
        """SHA-256 over the content of the files; for a folder, over the names and sizes of its images.

        Raises:
            FileNotFoundError: a path does not exist.
        """
        digest = hashlib.sha256()
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


def labels_of_name(name: str, content: bytes) -> LabelledImage:
    """An image with the labels in its file name and folders."""
    path = PurePosixPath(name)
    split = _split_in(path.parts[:-1])
    if match := UTKFACE_NAME.match(path.name):
        return LabelledImage(
            name, content, match["gender"] == "1", int(match["age"]), group=match["race"], own_split=split
        )
    if match := SCUT_NAME.match(path.name):
        return LabelledImage(name, content, match["gender"] == "F", None, own_split=split)
    words = [GENDER_WORDS[part.lower()] == "female" for part in path.parts[:-1] if part.lower() in GENDER_WORDS]
    return LabelledImage(name, content, words[-1] if words else None, None, own_split=split)


def labels_of_row(name: str, content: bytes, rows: dict[str, dict[str, str]]) -> LabelledImage:
    """An image with the labels of a table: of the row whose `file` is the end of the image's name, suffixes ignored.

    Raises:
        ValueError: the row's box is not valid.
    """
    parts = PurePosixPath(name).with_suffix("").parts
    keys = ("/".join(parts[start:]) for start in range(len(parts)))
    key = next((key for key in keys if key in rows), None)
    if key is None:
        return LabelledImage(name, content, None, None)
    row = rows[key]
    split: OwnSplit = SPLIT_WORDS.get(row.get("split", "").strip().lower(), "") or _split_in(key.split("/")[:-1])
    return LabelledImage(
        name,
        content,
        _gender_in(row),
        parse_age(row.get("age", "")),
        person=_first(row, PERSON_COLUMNS),
        group=_first(row, GROUP_COLUMNS),
        own_split=split,
        box=_box_in(row),
    )


def read_table(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row of a table with its `file`, without suffix; missing cells of a short row are empty.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be read as a table, has no column `file`, or a row has no `file`.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), restval="")
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a table: {error}") from error
    if "file" not in (reader.fieldnames or ()):
        raise ValueError(f"{path} has no column 'file'; its columns are {reader.fieldnames}")
    for row in reader:
        if not PurePosixPath(row["file"]).name:
            raise ValueError(f"{path}, line {reader.line_num}: `file` is empty")
        yield PurePosixPath(row["file"]).with_suffix("").as_posix(), row


def parse_age(text: str) -> float | None:
    """Years from a number ("31"), a band ("20-29": its middle) or an open band ("more than 70": five years more)."""
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]
    if not numbers:
        return None
    if len(numbers) == 2:
        return (numbers[0] + numbers[1] + 1) // 2
    return numbers[0] + (5 if "more" in text else 0)


def _gender_in(row: dict[str, str]) -> bool | None:
    if "gender" in row:
        gender = GENDER_WORDS.get(row["gender"].strip().lower())
        return None if gender is None else gender == "female"
    return {"1": False, "-1": True}.get(row.get("male", "").strip())  # as in CelebA


def _box_in(row: dict[str, str]) -> tuple[float, float, float, float] | None:
    cells = [row.get(column, "") for column in BOX_COLUMNS]
    if not any(cells):
        return None
    try:
        x1, y1, x2, y2 = (float(cell) for cell in cells)
    except ValueError:
        x1 = y1 = x2 = y2 = math.nan
    if not (x1 < x2 < math.inf and y1 < y2 < math.inf):
        raise ValueError(f"the box of {row['file']} is not valid: x1, y1, x2, y2 are {', '.join(cells)}")
    return x1, y1, x2, y2


def _split_in(parts: tuple[str, ...] | list[str]) -> OwnSplit:
    for part in parts:
        if part.lower() in SPLIT_WORDS:
            return SPLIT_WORDS[part.lower()]
    return ""


def _first(row: dict[str, str], columns: tuple[str, ...]) -> str:
    return next((row[column] for column in columns if row.get(column)), "")
