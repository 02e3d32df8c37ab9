"""Which pictures are learnt from, selected by and reported, and a model's memory of what it has not learnt from."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "selection", "test")
TEST_SHARE = 0.15
SELECTION_SHARE = 0.05
DIGEST_BYTES = 4
"""Kept of a digest: of 100,000 pictures learnt from, two are taken for one of 20,000 held out."""


@dataclass(frozen=True)
class HeldOut:
    """The pictures that a model has not learnt from, by the beginnings of their digests; its card holds them."""

    selection: frozenset[str] = frozenset()
    test: frozenset[str] = frozenset()

    @classmethod
    def of(cls, faces: pd.DataFrame) -> HeldOut:
        """Those of the rows of a `FaceCorpus` that are not to be learnt from."""
        parts = faces["digest"].str[: 2 * DIGEST_BYTES].groupby(faces["split"])
        return cls(**{split: frozenset(part) for split, part in parts if split != "train"})

    def split_of(self, digest: str) -> str | None:
        """Its side, "selection" or "test"; None for a picture that was not held out."""
        start = digest[: 2 * DIGEST_BYTES]
        return "test" if start in self.test else "selection" if start in self.selection else None

    def to_dict(self) -> dict[str, str]:
        """Plain values, for a card."""
        parts = {"selection": self.selection, "test": self.test}
        return {name: base64.b64encode(bytes.fromhex("".join(sorted(part)))).decode() for name, part in parts.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HeldOut:
        """Reads `to_dict` back.

        Raises:
            ValueError: another key, or what is no such text.
        """
        try:
            return cls(**{name: _unpacked(text) for name, text in values.items()})
        except TypeError as error:
            raise ValueError(f"held-out pictures cannot be read: {error}") from error


def _unpacked(text: str) -> frozenset[str]:
    packed = base64.b64decode(text, validate=True)
    return frozenset(packed[at : at + DIGEST_BYTES].hex() for at in range(0, len(packed), DIGEST_BYTES))


def drawn_split(own_split: str, set_name: str, person: str, digest: str, seed: int) -> str:
    """The side of a picture by its set's own split, else drawn by the person, else by its content."""
    if own_split == "val":
        return "test"
    key = f"{seed} {set_name} {person}" if person else f"{seed} {digest}"
    draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if own_split == "train":
        return "selection" if draw < SELECTION_SHARE else "train"
    if draw < TEST_SHARE:
        return "test"
    return "selection" if draw < TEST_SHARE + SELECTION_SHARE else "train"
