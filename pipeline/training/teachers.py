"""The teachers of a training: finished weights, and tables of what networks say that cannot run here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from facetally.errors import ModelError, OptionError
from facetally.files import whole_file
from facetally.gender.attributes import FloatArray
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import FaceCorpus
from facetally.gender.data.soft_labels import read_soft_labels, soft_labels_of
from facetally.gender.data.splits import HeldOut
from facetally.gender.training.distillation import TARGET_COLUMNS, distillation_targets
from facetally.gender.training.recipes import Recipe


@dataclass(frozen=True)
class Teachers:
    """Networks with their files, and tables of soft labels by the name of their set; both may be empty."""

    networks: tuple[tuple[Path, FaceGenderClassifier], ...]
    soft_labels: Mapping[str, pd.Series]

    @classmethod
    def load(
        cls, weights: Sequence[Path], tables: Sequence[tuple[str, Path]], recipe: Recipe, sets: Sequence[str]
    ) -> Teachers:
        """Loads all.

        Args:
            weights: .onnx or .pth files with the outputs of `recipe`.
            tables: the name of a set and the table for some of its images.
            recipe: of the training.
            sets: the names of the sets.

        Raises:
            ModelError: a file of weights is none, or has other outputs.
            OptionError: the recipe supports no teachers, a table cannot be used, or tables have no teacher beside them.
        """
        networks = tuple((path, _network(path, recipe)) for path in weights)
        if tables and not networks:
            raise OptionError(
                "soft labels need a teacher beside them", fix="add --teacher, as with the weights of --start"
            )
        return cls(networks, _soft_labels(tables, sets))

    @property
    def sizes_px(self) -> list[int]:
        """Sides of the crops that the networks take."""
        return [network.card.crop["size_px"] for _, network in self.networks]

    @property
    def images_held_out(self) -> HeldOut | None:
        """What the first network held out; None without networks, or if it has no record of that."""
        cards = [network.card for _, network in self.networks]
        return cards[0].images_held_out if cards and cards[0].held_out else None

    def targets(
        self, corpus: FaceCorpus, folder: Path, files_key: str, on_faces: Callable[[int, int], None]
    ) -> FloatArray | None:
        """The targets for the training faces, as in `distillation_targets`; None if there are no teachers.

        Args:
            corpus: faces with their splits.
            folder: where the targets are cached, because computing them takes minutes.
            files_key: names the content of all files that the targets depend on, besides the images.
            on_faces: called with (faces done, total).

        Raises:
            OptionError: a network may have been trained on images that are held out, or no table names an image that
                is learned from.
        """
        if not self.networks:
            return None
        self._check_held_out(corpus.faces)
        faces = corpus.split("train")
        others = soft_labels_of(faces.faces, self.soft_labels) if self.soft_labels else None
        if others is not None and np.isnan(others).all():
            raise OptionError(
                "the soft labels name no image that is learned from",
                fix="write the names of images in them as they are within the folder or archive of --data",
            )
        key = " ".join([files_key, *faces.faces["digest"]])
        path = folder / f"targets-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
        if not path.exists():
            targets = distillation_targets([network for _, network in self.networks], faces, on_faces, others)
            with whole_file(path) as temporary, temporary.open("wb") as file:
                np.save(file, targets)
        cached: FloatArray = np.load(path)
        return cached

    def _check_held_out(self, faces: pd.DataFrame) -> None:
        for path, network in self.networks:
            learned = network.card.images_held_out.splits_of(faces) == "train"
            if seen := (learned & (faces["split"] != "train")).sum():
                raise OptionError(
                    f"{path} may have been trained on {seen} images that this training holds out",
                    fix="give --teacher files that held them out too: what --start, --backbone or else the first "
                    "--teacher held out stays held out",
                )


def _network(path: Path, recipe: Recipe) -> FaceGenderClassifier:
    fix = "give .onnx or .pth files of the recipe facetally"
    if recipe.layout != TARGET_COLUMNS:
        raise OptionError(f"recipe {recipe.name} does not support teachers", fix="leave out --teacher")
    try:
        network = FaceGenderClassifier(path)
    except ValueError as error:
        raise ModelError(str(error), fix=fix) from error
    if network.card.layout != TARGET_COLUMNS:
        raise ModelError(f"{path} does not have the outputs of recipe {recipe.name}", fix=fix)
    return network


def _soft_labels(tables: Sequence[tuple[str, Path]], sets: Sequence[str]) -> dict[str, pd.Series]:
    read: dict[str, pd.Series] = {}
    for name, path in tables:
        if name not in sets or name in read:
            problem = "are given twice" if name in read else "are for no set of images"
            raise OptionError(
                f"the soft labels {name} {problem}", fix=f"give one table at most for each of: {', '.join(sets)}"
            )
        try:
            read[name] = read_soft_labels(path)
        except (OSError, ValueError) as error:
            raise OptionError(str(error), fix="give a CSV with the columns file and female_prob") from error
    return read
