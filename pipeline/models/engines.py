"""Loads the detector and the classifier of a run; everything that can go wrong is an error with a fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from facetally import __version__
from facetally.detection.crops import CropRecipe
from facetally.detection.descriptors import Embedding
from facetally.detection.embedding import FaceEmbedder
from facetally.detection.scrfd import ScrfdDetector
from facetally.detection.sparse import Detector
from facetally.errors import ModelError, OptionError
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.model.card import Unit
from facetally.models.weights import UNTRAINED, ModelFile, find_model
from facetally.networks import ComputeDevice
from facetally.options import Device, RunOptions
from facetally.tracks.appearances import Classifier

Engine = TypeVar("Engine")
OTHER_WEIGHTS = "use other weights: facetally models list shows the known ones"


@dataclass(frozen=True)
class Engines:
    """The networks of a run."""

    detector: Detector
    classifier: Classifier
    recipe: CropRecipe
    models: dict[str, ModelFile]
    """By role: detector, classifier, embedder."""
    device: ComputeDevice = "cpu"
    """Where they run."""
    embedding: Embedding | None = None
    """Compares faces within a video; None for single images."""

    @property
    def model_hashes(self) -> dict[str, str]:
        return {role: model.sha256 for role, model in self.models.items()}

    def run_provenance(self, options: RunOptions) -> dict[str, Any]:
        """What is stored with the results of a run: version, options and weights."""
        return {"version": __version__, "options": options.as_dict(), "models": self.provenance()}

    def provenance(self) -> dict[str, Any]:
        """Names, hashes and licences of the weights, for the tables and the report."""
        return {
            role: {"name": model.name, "sha256": model.sha256, "licence": model.licence}
            for role, model in self.models.items()
        }


def resolved_device(device: Device) -> ComputeDevice:
    """The device to run on; auto is cuda if onnxruntime was built for it, else cpu.

    Raises:
        OptionError: cuda is asked for, but onnxruntime does not support it.
    """
    import onnxruntime

    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise OptionError(
            "--device cuda: the installed onnxruntime cannot use a GPU",
            fix="pip uninstall -y onnxruntime && pip install onnxruntime-gpu, or use --device cpu",
        )
    return "cuda" if device != "cpu" and has_cuda else "cpu"


def load_engines(
    options: RunOptions,
    device: Device = "auto",
    *,
    threads: int = 0,
    classifier_threads: int | None = None,
    models_dir: Path | None = None,
    untrained_backbone: Path | None = None,
    unit: Unit = "track",
) -> Engines:
    """Finds, verifies and loads the weights that the options name; detector and embedder when they are first used.

    Weights that are not known are loaded at once, to see whether they can be.

    Args:
        options: which detector and classifier, and the detector's thresholds.
        device: auto, cpu or cuda.
        threads: threads of one inference; 0 lets the library choose.
        classifier_threads: the same for the classifier, if it is to have another number.
        models_dir: searched before all other folders.
        untrained_backbone: an ImageNet backbone in place of a classifier; every gender is then unknown.
        unit: what the classifier's probabilities are calibrated for: the crops of a "track", or a single "crop". No
            embedder is loaded for the latter.

    Raises:
        ModelError: weights are missing, damaged or of the wrong kind.
        OptionError: the device is not available.
    """
    where = resolved_device(device)
    detector_file = find_model(options.detector, "detector", models_dir)
    detector = loaded(
        detector_file,
        lambda path: ScrfdDetector(
            path, options.detection, where, threads, is_deferred=detector_file.is_known and where == "cpu"
        ),
    )
    if untrained_backbone:
        classifier_file = ModelFile(UNTRAINED, untrained_backbone, "", "none: every gender is unknown")
        classifier = loaded(classifier_file, FaceGenderClassifier.untrained)
    else:
        classifier_file = find_model(options.classifier, "classifier", models_dir)
        own = threads if classifier_threads is None else classifier_threads
        classifier = loaded(classifier_file, lambda path: FaceGenderClassifier(path, where, own, unit))
    models, embedding = {"detector": detector_file, "classifier": classifier_file}, None
    if unit == "track":  # faces of single images are not compared
        models["embedder"] = embedder = find_model(options.embedder, "embedder", models_dir)
        embedding = loaded(
            embedder, lambda path: FaceEmbedder(path, threads=max(threads, 1), is_deferred=embedder.is_known)
        )
    return Engines(
        detector=detector,
        classifier=classifier,
        recipe=crop_recipe(classifier, classifier_file),
        models=models,
        device=where,
        embedding=embedding,
    )


def crop_recipe(classifier: FaceGenderClassifier, file: ModelFile) -> CropRecipe:
    """How to cut the crops of a classifier, from its card.

    Raises:
        ModelError: the card's values cannot be used.
    """
    try:
        return CropRecipe(**classifier.card.crop)
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"the card of {file.path} is damaged: {error}", fix=OTHER_WEIGHTS) from error


def loaded(file: ModelFile, load: Callable[[Path], Engine]) -> Engine:
    """Loads a file of weights with `load`.

    Raises:
        ModelError: it is damaged, of the wrong kind, or needs torch.
        OptionError: the device is not available.
    """
    try:
        return load(file.path)
    except (ValueError, OSError) as error:
        raise ModelError(str(error), fix=OTHER_WEIGHTS) from error
    except ImportError as error:
        raise ModelError(
            f"{file.path} needs torch, which is not installed",
            fix="pip install 'facetally[train]', or give the .onnx file",
        ) from error
    except RuntimeError as error:
        raise OptionError(f"--device: {error}", fix="use --device cpu, or fix the CUDA installation") from error
