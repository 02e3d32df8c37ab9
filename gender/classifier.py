"""Turns batches of face crops into attributes, from an .onnx file (no torch needed) or a .pth checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facetally.gender.attributes import Attributes, FloatArray
from facetally.gender.model.card import ONNX_METADATA_KEY, ModelCard, Unit
from facetally.networks import ComputeDevice, Network

AT_ONCE: dict[ComputeDevice, int] = {"cpu": 4, "cuda": 256}
"""Crops per inference. On a processor more are no faster, and 64 at once take 150 MB, which onnxruntime keeps."""
Output = Callable[[FloatArray], FloatArray]


class FaceGenderClassifier:
    """Perceived gender and age of aligned face crops.

    Args:
        path: an .onnx or .pth file written by facetally.
        device: "cpu" or "cuda".
        threads: threads of one inference; 0 lets the library choose.
        unit: what the probabilities are calibrated for: "crop", each by itself, or "track", the weighted mean of
            several crops' log-odds (errors on crops of one face are correlated, so the plain mean is overconfident).

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged, of another kind, or has no model card.
        RuntimeError: `device` is "cuda" and cannot be used.
    """

    def __init__(self, path: Path, device: ComputeDevice = "cpu", threads: int = 0, unit: Unit = "crop") -> None:
        if not path.is_file():
            raise FileNotFoundError(f"no such file: {path}")
        loaders = {".onnx": _load_onnx, ".pth": _load_torch}
        if path.suffix not in loaders:
            raise ValueError(f"{path} must end in {' or '.join(loaders)}")
        self._output, self.card = loaders[path.suffix](path, device, threads)
        self._at_once = AT_ONCE[device]
        self._calibration = self.card.calibration_of(unit)
        self._mirrors = self.card.mirrored and unit == "crop"  # a track averages over several crops anyway
        self.trained = True

    @classmethod
    def untrained(cls, backbone_path: Path) -> FaceGenderClassifier:
        """An ImageNet backbone with a random head, to try the pipeline without weights: it always predicts 0.5.

        Used on explicit request only: a missing file is an error.

        Raises:
            ValueError: the file is not a MobileNetV2 backbone.
        """
        from facetally.gender.model.networks import IMAGENET_MEAN, IMAGENET_STD, FaceNetwork, NetworkOptions
        from facetally.gender.model.pretrained import load_backbone

        network = FaceNetwork(NetworkOptions(), output_count=2).eval()
        load_backbone(network, backbone_path)
        classifier = cls.__new__(cls)
        classifier.card = ModelCard(
            name="untrained",
            architecture="mobilenet_v2",
            class_names=("male", "female"),
            crop={"size_px": 112, "template_scale": 1.0, "border": "replicate"},
            pixel_mean=IMAGENET_MEAN,
            pixel_std=IMAGENET_STD,
        )
        classifier._output, classifier._at_once = _torch_output(network, "cpu"), AT_ONCE["cpu"]
        classifier._calibration = classifier.card.calibration_of("crop")
        classifier._mirrors = False
        classifier.trained = False
        return classifier

    def output(self, crops: np.ndarray) -> FloatArray:
        """(N, C) raw network output in the card's layout; takes and raises what `predict` does."""
        side = self.card.crop["size_px"]
        if crops.dtype != np.uint8 or crops.shape[1:] != (side, side, 3):
            raise ValueError(f"crops must be (N, {side}, {side}, 3) uint8, got {crops.shape} {crops.dtype}")
        output = np.zeros((len(crops), self.card.layout.column_count), np.float32)
        for first in range(0, len(crops), self._at_once):
            part = slice(first, first + self._at_once)
            output[part] = self._output(self.card.normalised(crops[part]))
        return output

    def predict(self, crops: np.ndarray) -> Attributes:
        """The attributes of N crops.

        Args:
            crops: (N, S, S, 3) uint8 RGB, cut by the card's recipe; N may be 0.

        Raises:
            ValueError: another shape or dtype.
        """
        output = self.output(crops)
        if self._mirrors:
            output = (output + self.output(crops[:, :, ::-1])) * np.float32(0.5)
        if not self.trained:
            return Attributes(np.full(len(crops), 0.5, np.float32), np.full(len(crops), np.nan, np.float32))
        layout = self.card.layout
        odds = self._calibration.apply(layout.female_log_odds(output, self.card.female_index))
        female_prob = 1 / (1 + np.exp(-np.clip(odds, -50, 50)))
        return Attributes(female_prob.astype(np.float32), layout.age_years(output))


def _load_onnx(path: Path, device: ComputeDevice, threads: int) -> tuple[Output, ModelCard]:
    try:
        network = Network(path, device, threads)
        card = ModelCard.from_json(network.metadata[ONNX_METADATA_KEY])
        (output,) = network(np.zeros((1, 3, card.crop["size_px"], card.crop["size_px"]), np.float32))
        if output.shape != (wanted := (1, card.layout.column_count)):
            raise ValueError(f"its output is {output.shape}, and its card says {wanted}")
    except KeyError as error:
        raise ValueError(f"{path} is not a facetally classifier: it has no card in its metadata") from error
    except ValueError as error:
        raise ValueError(f"{path} is not a facetally classifier: {error}") from error
    return lambda batch: network(batch)[0], card


def _load_torch(path: Path, device: ComputeDevice, threads: int) -> tuple[Output, ModelCard]:
    import torch

    from facetally.gender.model.checkpoint import load_checkpoint

    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("torch has no working CUDA here")
    if threads:
        torch.set_num_threads(threads)
    network, card = load_checkpoint(path)
    return _torch_output(network, device), card


def _torch_output(network: Any, device: ComputeDevice) -> Output:
    import torch

    network.to(device)

    def output(batch: FloatArray) -> FloatArray:
        with torch.inference_mode():
            prediction: FloatArray = network(torch.from_numpy(batch).to(device)).cpu().numpy()
        return prediction

    return output
