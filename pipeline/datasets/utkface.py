"""UTKFace for the first weights: adults, each image once, with counts of what was left out."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facetally.datasets.archives import read_images
from facetally.datasets.labelled_images import UTKFACE_NAME, LabelledImage, labels_of_name


@dataclass(frozen=True)
class ReadingReport:
    """How many files were read and how many were left out for which reason."""

    images_read: int
    malformed_names: tuple[str, ...]
    duplicates_removed: int
    """Further copies of an image that is kept once."""
    contradictions_dropped: int
    """All copies of images whose copies disagree about age or gender."""
    outside_ages: int


class UTKFaceDataset:
    """UTKFace (Zhang et al., CVPR 2017): images of one face, labelled with age and gender in the name.

    Args:
        source: a folder (searched recursively), a .zip or a .tar.
        min_age, max_age: ages kept, both included. The gender of infants cannot be seen, so training keeps adults.

    Raises:
        FileNotFoundError: `source` does not exist.
        ValueError: `source` is another kind of file, or has no image with a well-formed name.
    """

    def __init__(self, source: Path, min_age: int = 18, max_age: int = 80) -> None:
        malformed: list[str] = []
        by_digest: dict[str, list[LabelledImage]] = defaultdict(list)
        read_count = 0
        for name, content in read_images(source):
            read_count += 1
            if not UTKFACE_NAME.match(Path(name).name):
                malformed.append(name)
                continue
            image = labels_of_name(name, content)
            by_digest[image.digest].append(image)
        if not by_digest:
            raise ValueError(f"{source} has no image named [age]_[gender]_[race]_[date].ext")

        agreed = [copies for copies in by_digest.values() if _agree(copies)]
        unique = sorted((copies[0] for copies in agreed), key=lambda image: image.name)
        self.images = tuple(p for p in unique if min_age <= (p.age_years or 0) <= max_age)
        self.report = ReadingReport(
            images_read=read_count,
            malformed_names=tuple(malformed),
            duplicates_removed=sum(len(copies) - 1 for copies in agreed),
            contradictions_dropped=sum(len(c) for c in by_digest.values()) - sum(len(c) for c in agreed),
            outside_ages=len(unique) - len(self.images),
        )

    def __len__(self) -> int:
        return len(self.images)

    def fingerprint(self) -> str:
        """SHA-256 over images and labels; the same for a folder and an archive."""
        lines = sorted(f"{p.digest} {p.age_years} {p.is_female}\n" for p in self.images)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def held_out(self, share: float, seed: int) -> npt.NDArray[np.bool_]:
        """(N,) True for the images held out from training.

        The split depends on the content alone, so copies of an image are always on the same side.
        """
        draws = [hashlib.sha256(f"{seed} {p.digest}".encode()).digest() for p in self.images]
        return np.array([int.from_bytes(d[:8], "big") / 2**64 < share for d in draws], dtype=bool)


def _agree(copies: list[LabelledImage]) -> bool:
    return len({(p.age_years, p.is_female) for p in copies}) == 1
