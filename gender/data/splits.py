"""The training, selection and test splits of images, and a model's record of the images held out from training."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Split = Literal["train", "selection", "test"]

SPLITS: tuple[Split, ...] = ("train", "selection", "test")
TEST_SHARE = 0.15
SELECTION_SHARE = 0.05
DIGEST_BYTES = 4
"""Length of the stored prefix of a digest: between 100,000 training and 20,000 held-out images it expects 0.5 false
matches."""


@dataclass(frozen=True)
class HeldOut:
    """The images that a model was not trained on, by the first bytes of their digests; stored in its card."""

    selection: frozenset[str] = frozenset()
    test: frozenset[str] = frozenset()

    @classmethod
    def of(cls, faces: pd.DataFrame) -> HeldOut:
        """The images of the rows of a `FaceCorpus` that are not in its training split, nor a copy of them."""
        learned = faces["digest"][faces["split"] == "train"]
        unseen = faces[~faces["digest"].isin(learned)]
        parts = unseen["digest"].str[: 2 * DIGEST_BYTES].groupby(unseen["split"])
        return cls(**{split: frozenset(part) for split, part in parts if split != "train"})

    def split_of(self, digest: str) -> Split | None:
        """The split of an image, "selection" or "test"; None if it was not held out."""
        start = digest[: 2 * DIGEST_BYTES]
        return "test" if start in self.test else "selection" if start in self.selection else None

    def splits_of(self, faces: pd.DataFrame) -> pd.Series:
        """The split of each image: "train" where it was not held out, but other images of its set were.

        Missing (NaN) for the images of sets that the model does not know. With no image held out at all, none counts as
        unknown.

        Args:
            faces: rows with the columns set and digest, as in a `FaceCorpus`.
        """
        splits = faces["digest"].map(self.split_of)
        known = splits.notna().groupby(faces["set"]).transform("any") | (not self.selection and not self.test)
        return splits.where(splits.notna() | ~known, "train")

    def to_dict(self) -> dict[str, str]:
        """Plain values, for a card."""
        parts = {"selection": self.selection, "test": self.test}
        return {name: base64.b64encode(bytes.fromhex("".join(sorted(part)))).decode() for name, part in parts.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HeldOut:
        """Reads `to_dict` back.

        Raises:
            ValueError: an unknown key, or a value that is not base64 text.
        """
        try:
            return cls(**{name: _unpacked(text) for name, text in values.items()})
        except TypeError as error:
            raise ValueError(f"held-out images cannot be read: {error}") from error


def _unpacked(text: str) -> frozenset[str]:
    packed = base64.b64decode(text, validate=True)
    return frozenset(packed[at : at + DIGEST_BYTES].hex() for at in range(0, len(packed), DIGEST_BYTES))


def drawn_split(own_split: str, set_name: str, person: str, digest: str, *, seed: int) -> Split:
    """The split of an image: from its set's own split, else drawn by the person, else by its content."""
    if own_split == "val":
        return "test"
    key = f"{seed} {set_name} {person}" if person else f"{seed} {digest}"
    draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if own_split == "train":
        return "selection" if draw < SELECTION_SHARE else "train"
    if draw < TEST_SHARE:
        return "test"
    return "selection" if draw < TEST_SHARE + SELECTION_SHARE else "train"
