"""Finds and classifies the faces in images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from facetally.images.annotate import annotated_paths, write_annotated
from facetally.images.predict import STILL_DETECTION, PredictedImage, UnreadImage, find_images
from facetally.images.predict import predict_images as predictions_of
from facetally.images.predictions import ImagePredictions
from facetally.jobs.arguments import Inputs, PathLike, optional_path, texts
from facetally.models.engines import Engines, load_engines
from facetally.options import ClassificationOptions, Device, RunOptions
from facetally.threads import usable_cores


def predict_images(
    images: Inputs,
    *,
    detector: str = RunOptions.detector,
    classifier: str = RunOptions.classifier,
    device: Device = "auto",
    models_dir: PathLike | None = None,
    min_confidence: float = ClassificationOptions.min_confidence,
    annotate: PathLike | None = None,
    on_loaded: Callable[[Engines], None] = lambda _: None,
    on_image: Callable[[PredictedImage | UnreadImage, int], None] = lambda *_: None,
) -> ImagePredictions:
    """Finds the faces in images and estimates perceived gender and age of each.

    Args:
        images: files, folders and globs.
        detector, classifier: names of weights, or paths.
        device: where the networks run.
        models_dir: searched for weights before all other folders.
        min_confidence: the probability below which a gender is unknown.
        annotate: also writes copies of the images to this folder, with boxes and predictions drawn in.
        on_loaded: called when the weights are loaded.
        on_image: called with each image's result and the total number of images.

    Raises:
        PipelineError: no image is found, or weights are missing.
    """
    settings = ClassificationOptions(min_confidence=min_confidence)
    options = RunOptions(detector=detector, classifier=classifier, detection=STILL_DETECTION, classification=settings)
    paths = find_images(texts(images))
    targets = annotated_paths(paths, Path(annotate)) if annotate else {}
    cores = min(usable_cores(), len(paths))
    one_each = 1 if cores > 1 else 0  # networks run side by side are faster than networks that divide their work
    engines = load_engines(options, device, threads=one_each, models_dir=optional_path(models_dir), unit="crop")
    on_loaded(engines)
    results = []
    for result in predictions_of(paths, engines, settings, cores if engines.device == "cpu" else 1):
        if targets and isinstance(result, PredictedImage):
            write_annotated(result, targets[result.path])
        on_image(result, len(paths))
        results.append(result)
    return ImagePredictions(results)
