"""Reads labelled face pictures: UTKFace, from a folder, a .zip or a .tar."""

from __future__ import annotations

import hashlib
import re
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

NAME_PATTERN = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<race>[0-4])_(?P<date>\d+)\.")
"""[age]_[gender]_[race]_[date].ext, gender 0 = male, 1 = female. The race is not read."""
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class LabelledPicture:
    """One picture of one face. `content` is the file as it lies on disk, still compressed."""

    name: str
    age_years: int
    is_female: bool
    digest: str
    """SHA-256 of `content`, hexadecimal."""
    content: bytes

    def image_bgr(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR.

        Raises:
            ValueError: the file is no picture.
        """
        image = cv2.imdecode(np.frombuffer(self.content, np.uint8), cv2.IMREAD_COLOR) if self.content else None
        if image is None:
            raise ValueError(f"{self.name} cannot be decoded as a picture")
        return np.asarray(image, dtype=np.uint8)


@dataclass(frozen=True)
class ReadingReport:
    """What became of the files."""

    pictures_read: int
    malformed_names: tuple[str, ...]
    duplicates_removed: int
    """Further copies of a picture that is kept once."""
    contradictions_dropped: int
    """Copies of one picture that disagree about age or gender: all of them."""
    outside_ages: int


class UTKFaceDataset:
    """UTKFace (Zhang et al., CVPR 2017): pictures of one face, labelled with age and gender in the name.

    Args:
        source: a folder (searched through), a .zip or a .tar.
        min_age, max_age: ages kept, both included. Infants are a coin toss, so training keeps adults.

    Raises:
        FileNotFoundError: `source` does not exist.
        ValueError: `source` is another kind of file, or holds no picture with a well-formed name.
    """

    def __init__(self, source: Path, min_age: int = 18, max_age: int = 80) -> None:
        malformed: list[str] = []
        by_digest: dict[str, list[LabelledPicture]] = defaultdict(list)
        read_count = 0
        for name, content in read_pictures(source):
            read_count += 1
            match = NAME_PATTERN.match(Path(name).name)
            if not match:
                malformed.append(name)
                continue
            digest = hashlib.sha256(content).hexdigest()
            picture = LabelledPicture(name, int(match["age"]), match["gender"] == "1", digest, content)
            by_digest[digest].append(picture)
        if not by_digest:
            raise ValueError(f"{source} holds no picture named [age]_[gender]_[race]_[date].ext")

        agreed = [copies for copies in by_digest.values() if _agree(copies)]
        unique = sorted((copies[0] for copies in agreed), key=lambda picture: picture.name)
        self.pictures = tuple(p for p in unique if min_age <= p.age_years <= max_age)
        self.report = ReadingReport(
            pictures_read=read_count,
            malformed_names=tuple(malformed),
            duplicates_removed=sum(len(copies) - 1 for copies in agreed),
            contradictions_dropped=sum(len(c) for c in by_digest.values()) - sum(len(c) for c in agreed),
            outside_ages=len(unique) - len(self.pictures),
        )

    def __len__(self) -> int:
        return len(self.pictures)

    def fingerprint(self) -> str:
        """SHA-256 over pictures and labels, the same whatever they are packed in."""
        lines = sorted(f"{p.digest} {p.age_years} {p.is_female}\n" for p in self.pictures)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def held_out(self, share: float, seed: int) -> npt.NDArray[np.bool_]:
        """(N,) True for the pictures that training never sees.

        The content decides, so no copy of a picture can fall on the other side, whatever its name or place.
        """
        draws = [hashlib.sha256(f"{seed} {p.digest}".encode()).digest() for p in self.pictures]
        return np.array([int.from_bytes(d[:8], "big") / 2**64 < share for d in draws], dtype=bool)


def _agree(copies: list[LabelledPicture]) -> bool:
    return len({(p.age_years, p.is_female) for p in copies}) == 1


def read_pictures(source: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every picture in a folder, a .zip or a .tar, in the order of their names.

    Raises:
        FileNotFoundError, ValueError: as `UTKFaceDataset`.
    """
    if not source.exists():
        raise FileNotFoundError(f"no such file or folder: {source}")
    if source.is_dir():
        for path in sorted(source.rglob("*"), key=lambda path: path.relative_to(source).as_posix()):
            if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
                yield path.relative_to(source).as_posix(), path.read_bytes()
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if Path(name).suffix.lower() in PICTURE_SUFFIXES:
                    yield name, archive.read(name)
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as tar:
            members = [m for m in tar.getmembers() if m.isfile() and Path(m.name).suffix.lower() in PICTURE_SUFFIXES]
            for member in sorted(members, key=lambda m: m.name):
                file = tar.extractfile(member)
                assert file is not None  # a regular file, as filtered above
                yield member.name, file.read()
    else:
        raise ValueError(f"{source} is neither a folder nor a .zip nor a .tar")
