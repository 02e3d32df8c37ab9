"""What every weights file says about itself, in .pth and in .onnx alike: how to cut, normalise and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from facetally.gender.attributes import GENDERS, FloatArray
from facetally.gender.calibration import Calibration
from facetally.gender.data.splits import HeldOut
from facetally.gender.model.outputs import OutputLayout

ONNX_METADATA_KEY = "facetally"
UNITS = ("crop", "track")
"""What a probability may be calibrated for: one crop by itself, or the pooled crops of a track."""
FORMAT_VERSION = 6
"""1 had no `network`, `outputs` and `calibration`: a linear head with two logits; 2 no `held_out`; 3 no `mirrored`;
4 no `smoothing` in a calibration; 5 called a backbone a trunk."""


@dataclass(frozen=True)
class ModelCard:
    """The facts that use depends on, and those a reader wants to know.

    Raises:
        ValueError: a class name that is not a gender, a calibration of something else than `UNITS`, or a format this
            version cannot read.
    """

    name: str
    architecture: str
    """The trunk, as `facetally.gender.model.networks.BACKBONES` calls it."""
    class_names: tuple[str, ...]
    """The order of the logits: 0 is male in UTKFace and FairFace, female in others."""
    crop: dict[str, Any]
    """The fields of the crop recipe that cut the training crops."""
    pixel_mean: tuple[float, float, float]
    """RGB in [0, 1]."""
    pixel_std: tuple[float, float, float]
    outputs: dict[str, str] = field(default_factory=dict)
    """The fields of `OutputLayout` that are not its defaults."""
    network: dict[str, Any] = field(default_factory=dict)
    """The fields of `facetally.gender.model.networks.NetworkOptions` that are not its defaults."""
    calibration: dict[str, dict[str, float]] = field(default_factory=dict)
    """The fields of `Calibration` of the log-odds of "female", for a single "crop" and for each crop of a "track"."""
    mirrored: bool = False
    """Whether a single crop is told by the mean of what the network says of it and of its mirror image."""
    metrics: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    """What it was trained on: names, counts, terms, and a fingerprint of pictures and labels."""
    training: dict[str, Any] = field(default_factory=dict)
    """Command, options, seed; SHA-256 of its teachers; as "before" all that of the training that it went on from."""
    held_out: dict[str, str] = field(default_factory=dict)
    """The fields of `HeldOut`: which pictures were not learnt from; empty where nobody has noted it."""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if not 1 <= self.format_version <= FORMAT_VERSION:
            raise ValueError(f"format {self.format_version} is not known to this version (it reads {FORMAT_VERSION})")
        if sorted(self.class_names) != sorted(GENDERS):
            raise ValueError(f"class names must be {GENDERS} in some order, got {self.class_names}")
        if unknown := set(self.calibration) - set(UNITS):
            raise ValueError(f"calibrations are of {UNITS}, got {sorted(unknown)}")

    @property
    def female_index(self) -> int:
        """The position of the female logit."""
        return self.class_names.index("female")

    @property
    def layout(self) -> OutputLayout:
        """What the columns of the output mean."""
        return OutputLayout(**self.outputs)

    @property
    def images_held_out(self) -> HeldOut:
        """The pictures of its data that it has not learnt from."""
        return HeldOut.from_dict(self.held_out)

    def calibration_of(self, unit: str) -> Calibration:
        """That of one of `UNITS`; where none was fitted, the log-odds stay as they are.

        Raises:
            ValueError: another unit.
        """
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {UNITS}, got {unit!r}")
        return Calibration(**self.calibration.get(unit, {}))

    def normalised(self, crops: np.ndarray) -> FloatArray:
        """(N, S, S, 3) uint8 RGB -> (N, 3, S, S) float32, as the network wants it."""
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
            # raise what they cannot
            card.layout, card.crop["size_px"], [card.calibration_of(unit) for unit in UNITS], card.images_held_out
            return card
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"incomplete model card: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Reads `to_json` back; raises ValueError as `from_dict` does."""
        return cls.from_dict(json.loads(text))


def _with_backbone(value: Any) -> Any:
    """A card before format 6, or a part of it, with the key "trunk" as it is called now."""
    if isinstance(value, dict):
        return {"backbone" if key == "trunk" else key: _with_backbone(part) for key, part in value.items()}
    return [_with_backbone(part) for part in value] if isinstance(value, list) else value


def trainings_of(training: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A card's `training` and those that it went on from, first to last."""
    before = training.get("before")
    return [*(trainings_of(before) if before else ()), training]


def commands_of(training: Mapping[str, Any]) -> list[str]:
    """What made weights, first to last, by the card's `training`."""
    return [each["command"] for each in trainings_of(training)]
