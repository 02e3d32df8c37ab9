"""The model card inside every weights file, .pth or .onnx: how to cut and normalise crops and read the output."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from facetally.files import parsed_json
from facetally.gender.attributes import GENDERS, FloatArray, Gender
from facetally.gender.calibration import Calibration
from facetally.gender.data.splits import HeldOut
from facetally.gender.model.outputs import OutputLayout

ONNX_METADATA_KEY = "facetally"
MAX_SIZE_PX = 1024
MIN_PIXEL_STD = 1e-3
Unit = Literal["crop", "track"]

UNITS: tuple[Unit, ...] = ("crop", "track")
"""What a probability may be calibrated for: a single crop, or the pooled crops of a track."""
FORMAT_VERSION = 6
"""1 had no `network`, `outputs` or `calibration`: a linear head with two logits; 2 had no `held_out`; 3 no `mirrored`;
4 no `smoothing` in a calibration; 5 called the backbone "trunk"."""


@dataclass(frozen=True)
class ModelCard:
    """What running the model depends on, and what its users want to know.

    Raises:
        ValueError: class names that are not the two genders, a calibration for an unknown unit, or a format that this
            version cannot read.
    """

    name: str
    architecture: str
    """The backbone, a key of `facetally.gender.model.networks.BACKBONES`."""
    class_names: tuple[Gender, ...]
    """The order of the logits: 0 is male in UTKFace and FairFace, female in others."""
    crop: dict[str, Any]
    """The fields of the crop recipe that cut the training crops."""
    pixel_mean: tuple[float, float, float]
    """RGB in [0, 1]."""
    pixel_std: tuple[float, float, float]
    outputs: dict[str, Any] = field(default_factory=dict)
    """The fields of `OutputLayout` that differ from its defaults."""
    network: dict[str, Any] = field(default_factory=dict)
    """The fields of `facetally.gender.model.networks.NetworkOptions` that differ from its defaults."""
    calibration: dict[str, dict[str, float]] = field(default_factory=dict)
    """By unit, the fields of `Calibration`: for a single "crop", and for each crop of a "track"."""
    mirrored: bool = False
    """Whether the prediction for a single crop is the mean over the crop and its mirror image."""
    metrics: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    """Training data: names, counts, terms, and a fingerprint of images and labels."""
    training: dict[str, Any] = field(default_factory=dict)
    """Command, options, seed; SHA-256 of the teachers; as "before", the same of the training that it continued."""
    held_out: dict[str, str] = field(default_factory=dict)
    """The fields of `HeldOut`: which images were not trained on; empty if unknown."""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if not 1 <= self.format_version <= FORMAT_VERSION:
            raise ValueError(
                f"format {self.format_version} is not known to this version (the latest is {FORMAT_VERSION})"
            )
        if sorted(self.class_names) != sorted(GENDERS):
            raise ValueError(f"class names must be {GENDERS} in some order, got {self.class_names}")
        if unknown := set(self.calibration) - set(UNITS):
            raise ValueError(f"calibrations must be for {UNITS}, got {sorted(unknown)}")

    @property
    def female_index(self) -> int:
        """The position of the female logit."""
        return self.class_names.index("female")

    @property
    def layout(self) -> OutputLayout:
        """The meaning of the output columns."""
        return OutputLayout(**self.outputs)

    @property
    def images_held_out(self) -> HeldOut:
        """The images of its data sets that it was not trained on."""
        return HeldOut.from_dict(self.held_out)

    def calibration_of(self, unit: Unit) -> Calibration:
        """The calibration for a unit; the identity if none was fitted.

        Raises:
            ValueError: an unknown unit.
        """
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {UNITS}, got {unit!r}")
        return Calibration(**self.calibration.get(unit, {}))

    def normalised(self, crops: np.ndarray) -> FloatArray:
        """(N, S, S, 3) uint8 RGB -> (N, 3, S, S) float32, the network's input."""
        mean, std = np.array(self.pixel_mean, np.float32), np.array(self.pixel_std, np.float32)
        scaled = (crops.astype(np.float32) * np.float32(1 / 255) - mean) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    def to_json(self) -> str:
        """The card as JSON, for ONNX metadata."""
        return json.dumps(asdict(self), sort_keys=True)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values, for torch checkpoints read with `weights_only`."""
        plain: dict[str, Any] = json.loads(self.to_json())
        return plain

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelCard:
        """Reads `to_dict` back.

        Raises:
            ValueError: a field is missing, unknown, or has a value this version cannot use.
        """
        try:
            tuples = {key: tuple(values[key]) for key in ("class_names", "pixel_mean", "pixel_std")}
            if values.get("format_version", 1) < 6:
                values = _with_backbone(values)
            card = cls(**(values | tuples))
            # these raise for values that this version cannot use
            card.layout, [card.calibration_of(unit) for unit in UNITS], card.images_held_out
            _check_values(card)
            return card
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"incomplete model card: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Reads `to_json` back; raises ValueError as `from_dict` does."""
        return cls.from_dict(parsed_json(text, allow_nan=True))  # a metric may be NaN


def _check_values(card: ModelCard) -> None:
    """Raises ValueError or TypeError for values of a card by others that would fail only when it is used."""
    for values in (card.pixel_mean, card.pixel_std):
        if len(values) != 3 or not all(math.isfinite(value) for value in values):
            raise ValueError("pixel_mean and pixel_std must be three finite numbers each")
    if min(card.pixel_std) < MIN_PIXEL_STD or max(map(abs, card.pixel_mean)) > 1:
        raise ValueError(f"pixel_mean must be in [-1, 1] and pixel_std at least {MIN_PIXEL_STD}")
    size_px = card.crop["size_px"]
    if not isinstance(size_px, int) or not 0 < size_px <= MAX_SIZE_PX:
        raise ValueError(f"size_px must be a whole number from 1 to {MAX_SIZE_PX}")
    texts, objects = (card.name, card.architecture), (card.metrics, card.data, card.training)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(value, dict) for value in objects):
        raise ValueError("name and architecture must be texts; metrics, data and training objects")


def _with_backbone(value: Any) -> Any:
    """A card before format 6, or a part of it, with the key "trunk" renamed to "backbone"."""
    if isinstance(value, dict):
        return {"backbone" if key == "trunk" else key: _with_backbone(part) for key, part in value.items()}
    return [_with_backbone(part) for part in value] if isinstance(value, list) else value


def trainings_of(training: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A card's `training` and those that it continued, first to last."""
    before = training.get("before")
    return [*(trainings_of(before) if before else ()), training]


def commands_of(training: Mapping[str, Any]) -> list[str]:
    """The training commands that made the weights, first to last, from the card's `training`."""
    return [each["command"] for each in trainings_of(training)]
