"""Loads detector and classifier for a run, and turns what can go wrong into errors with a fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from facetally.detection.crops import CropRecipe
from facetally.detection.scrfd import ScrfdDetector
from facetally.detection.sparse import Detector
from facetally.errors import ModelError, OptionError
from facetally.gender.classifier import FaceGenderClassifier
from facetally.models.weights import ModelFile, find_model
from facetally.options import RunOptions
from facetally.tracks.people import Classifier

Engine = TypeVar("Engine")


@dataclass(frozen=True)
class Engines:
    """What a run computes with."""

    detector: Detector
    classifier: Classifier
    recipe: CropRecipe
    models: dict[str, ModelFile]
    """By role: detector, classifier."""
    device: str = "cpu"
    """What they really run on: cpu or cuda."""

    @property
    def model_hashes(self) -> dict[str, str]:
        return {role: model.sha256 for role, model in self.models.items()}

    def provenance(self) -> dict[str, Any]:
        """Names, hashes and licences, for the tables and the report."""
        return {
            role: {"name": model.name, "sha256": model.sha256, "licence": model.licence}
            for role, model in self.models.items()
        }


def resolved_device(device: str) -> str:
    """auto -> cuda where onnxruntime was built for it, else cpu.

    Raises:
        OptionError: cuda is asked for and onnxruntime cannot do it.
    """
    import onnxruntime

    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise OptionError(
            "--device cuda: the installed onnxruntime cannot use a GPU",
            fix="pip uninstall -y onnxruntime && pip install onnxruntime-gpu, or take --device cpu",
        )
    return "cuda" if device != "cpu" and has_cuda else "cpu"


def load_engines(
    options: RunOptions,
    device: str = "auto",
    threads: int = 0,
    models_dir: Path | None = None,
    untrained_backbone: Path | None = None,
    unit: str = "track",
) -> Engines:
    """Finds, verifies and loads the weights that the options name.

    Args:
        options: which detector and classifier, and the detector's thresholds.
        device: auto, cpu or cuda.
        threads: threads of one inference; 0 lets the library choose.
        models_dir: looked into first.
        untrained_backbone: on explicit request, an ImageNet trunk instead of a classifier; every answer is unknown.
        unit: what the classifier's probabilities are for: a "track" or a single "crop".

    Raises:
        ModelError: weights are missing, damaged or of the wrong kind.
        OptionError: the device cannot be had.
    """
    where = resolved_device(device)
    detector_file = find_model(options.detector, "detector", models_dir)
    detector = loaded(detector_file, lambda path: ScrfdDetector(path, options.detection, where, threads))
    if untrained_backbone:
        classifier_file = ModelFile("untrained", untrained_backbone, "", "none: every answer is unknown")
        classifier = loaded(classifier_file, FaceGenderClassifier.untrained)
    else:
        classifier_file = find_model(options.classifier, "classifier", models_dir)
        classifier = loaded(classifier_file, lambda path: FaceGenderClassifier(path, where, threads, unit))
    return Engines(
        detector=detector,
        classifier=classifier,
        recipe=CropRecipe(**classifier.card.crop),
        models={"detector": detector_file, "classifier": classifier_file},
        device=where,
    )


def loaded(file: ModelFile, load: Callable[[Path], Engine]) -> Engine:
    """What `load` makes of a file of weights.

    Raises:
        ModelError: it is damaged, of the wrong kind, or needs torch.
        OptionError: the device cannot be had.
    """
    try:
        return load(file.path)
    except (ValueError, OSError) as error:
        raise ModelError(str(error), fix="give other weights; facetally models list shows those known") from error
    except ImportError as error:
        raise ModelError(
            f"{file.path} needs torch, which is not installed",
            fix="pip install 'facetally[train]', or give the .onnx file",
        ) from error
    except RuntimeError as error:
        raise OptionError(f"--device: {error}", fix="take --device cpu, or mend the CUDA installation") from error
