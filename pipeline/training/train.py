"""Trains a model by a recipe: labelled images in; a folder with the weights, their card and their evaluation out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from facetally.datasets.labelled_images import ImageSource
from facetally.detection.crops import CropRecipe
from facetally.errors import ModelError, OptionError
from facetally.files import sha256_of
from facetally.formatting import command
from facetally.gender.attributes import FloatArray
from facetally.gender.calibration import Calibration, best_threshold, fit_calibration
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import FaceCorpus, FaceSet, join_sets, join_with_copies
from facetally.gender.data.splits import SPLITS, HeldOut
from facetally.gender.model.card import ModelCard
from facetally.gender.model.checkpoint import load_checkpoint, save_checkpoint
from facetally.gender.model.export import export_onnx
from facetally.gender.model.networks import FaceNetwork, NetworkOptions
from facetally.gender.model.pretrained import load_backbone
from facetally.gender.training.dataset import face_weights
from facetally.gender.training.inference import predict_output
from facetally.gender.training.recipes import Recipe
from facetally.gender.training.trainer import EpochResult, Trainer, evaluate_network
from facetally.training.evaluate import evaluate_classifier
from facetally.training.face_crops import CuttingReport, cut_sources
from facetally.training.model_readme import write_model_page
from facetally.training.teachers import Teachers

BASELINE_FACES = 500
"""Approximate number of test faces on which the network is evaluated before training."""


@dataclass(frozen=True)
class TrainingJob:
    """What to train, on which data, and where to write it."""

    recipe: Recipe
    sources: tuple[ImageSource, ...]
    out: Path
    detector: Path | None
    """SCRFD weights that find the faces; None: the images are aligned crops already."""
    backbone: Path | None = None
    """Weights of the backbone to start from; the images that a checkpoint of ours held out stay held out. None: from
    scratch."""
    start: Path | None = None
    """A checkpoint of the same network to continue from instead; the images it held out stay held out."""
    teachers: tuple[Path, ...] = ()
    """Weights for distillation beside the labels; none may have been trained on images that this training holds out.
    Without earlier weights to begin with, the images that the first of these held out are held out again."""
    soft_labels: tuple[tuple[str, Path], ...] = ()
    """Names of sources with tables of another network's probabilities (`facetally.gender.data.soft_labels`), which
    count as one more teacher; only the faces in these tables then have teachers."""
    cache: Path | None = None
    """Where aligned crops are cached; None: in `out`."""
    limit: int | None = None
    """Maximum number of images per source (for a smoke run)."""
    copies: int | None = None
    """How often each face is there, a fifth of which is drawn for the test (`join_with_copies`), as some published
    figures were measured: most test images may then be trained on. None: the splits of `join_sets`."""
    seed: int = 0
    device: str = "cpu"
    workers: int = 0
    command: str = ""
    """The command line, for the card."""

    @property
    def teacher_files(self) -> tuple[Path, ...]:
        """All that the teachers' predictions depend on besides the crops."""
        return (*self.teachers, *(path for _, path in self.soft_labels))


@dataclass(frozen=True)
class TrainedModel:
    """The result of a training."""

    folder: Path
    card: ModelCard
    metrics: dict[str, Any]
    """Of the test split, as in metrics.json."""
    baseline_accuracy: float
    """Accuracy of gender on part of the test split before training; NaN for a network without a gender output."""
    history: list[EpochResult]
    cutting: dict[str, CuttingReport]
    """By source."""


class Watcher(Protocol):
    """Receives the progress of a training."""

    def cutting(self, source: str, done: int, total: int) -> None:
        """`done` of `total` images of a source have been processed."""

    def teaching(self, done: int, total: int) -> None:
        """The teachers have predicted `done` of `total` faces."""

    def step(self, step: int, steps: int, loss: float) -> None:
        """A batch is done."""

    def epoch(self, result: EpochResult) -> None:
        """An epoch is done and saved."""


def train_model(job: TrainingJob, watcher: Watcher, on_note: Callable[[str], None] = lambda _: None) -> TrainedModel:
    """Cuts, trains, calibrates, exports and evaluates; a stopped training resumes from its last epoch.

    Args:
        job: what to train.
        watcher: gets the progress.
        on_note: called with each note on labels that were not understood, before the training begins.

    Raises:
        OptionError: the data cannot be used, or `out` holds another training.
        ModelError: the backbone is of another network, or the detector's weights are not an SCRFD.
    """
    if job.device == "cuda" and not torch.cuda.is_available():
        raise OptionError("--device cuda: torch has no working CUDA here", fix="use --device cpu")
    job.out.mkdir(parents=True, exist_ok=True)
    recipe = job.recipe
    network, earlier_card = _load_start(job.start, recipe) if job.start else _new_network(job)
    teachers = Teachers.load(job.teachers, job.soft_labels, recipe, [source.name for source in job.sources])
    cache = job.cache or job.out / "crops"
    crops = CropRecipe(size_px=recipe.size_px)
    largest_px = max([recipe.size_px, *teachers.sizes_px])
    cut = replace(crops, size_px=largest_px)  # networks with a smaller input get these crops shrunk
    sets, cutting = cut_sources(job.sources, job.detector, cut, cache, job.limit, watcher.cutting)
    for name, report in cutting.items():
        for note in report.notes.splitlines():
            on_note(f"{name}: {note}")
    corpus = _corpus(sets, job, earlier_card.images_held_out if earlier_card else teachers.images_held_out)
    test = corpus.split("test")
    part = test.only(np.arange(len(test)) % max(len(test) // BASELINE_FACES, 1) == 0)
    _, baseline, _ = evaluate_network(network, part, recipe, recipe.size_px, "cpu")
    targets = teachers.targets(corpus, job.out, _hashes(job.detector, *job.teacher_files), watcher.teaching)
    history = _train(network, corpus, targets, job, watcher)
    calibration = calibrations(network, corpus.split("selection"), recipe, job.device)
    card = _card(job, crops, corpus, calibration, earlier_card)
    checkpoint = job.out / f"{recipe.name}.pth"
    save_checkpoint(checkpoint, network.cpu(), card)
    epochs = [asdict(result) for result in history]
    metrics = evaluate_classifier(FaceGenderClassifier(checkpoint), test, job.out / "evaluation", epochs)
    card = replace(card, metrics=_summary(metrics))
    save_checkpoint(checkpoint, network, card)
    export_onnx(checkpoint.with_suffix(".onnx"), *load_checkpoint(checkpoint))
    write_model_page(job.out / "README.md", card, metrics)
    return TrainedModel(job.out, card, metrics, baseline, history, cutting)


def _summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """The figures of the test split that the card keeps, by set."""
    keys = {"gender": ("count", "accuracy", "female_recall", "male_recall"), "age": ("count", "mae_years")}
    return {
        kind: {name: {key: part[key] for key in keys[kind]} for name, part in metrics[kind]["by_set"].items()}
        for kind in keys
        if metrics[kind]
    }


def _load_start(start: Path, recipe: Recipe) -> tuple[FaceNetwork, ModelCard]:
    """The network that a training continues from, and its card."""
    fix = "give a .pth that facetally train wrote with the same recipe, or leave out --start"
    try:
        network, card = load_checkpoint(start)
    except ValueError as error:
        raise ModelError(str(error), fix=fix) from error
    shape = NetworkOptions(card.architecture, **card.network), card.layout, card.class_names
    if shape != (recipe.network, recipe.layout, recipe.class_names):
        raise ModelError(f"{start} is not a network of recipe {recipe.name}: it is of {card.name}", fix=fix)
    return network, _with_record(card, start, fix)


def _new_network(job: TrainingJob) -> tuple[FaceNetwork, ModelCard | None]:
    """The network with its first weights, and the card of the training that made its backbone, if that was ours."""
    torch.manual_seed(job.seed)  # for the initial weights of the head
    network = FaceNetwork(job.recipe.network, job.recipe.layout.column_count)
    if not job.backbone:
        return network, None
    fix = "give weights of this backbone, or none to start from scratch"
    try:
        card = load_backbone(network, job.backbone)
    except ValueError as error:
        raise ModelError(str(error), fix=fix) from error
    return network, card and _with_record(card, job.backbone, fix)


def _with_record(card: ModelCard, path: Path, fix: str) -> ModelCard:
    if not card.held_out:
        raise ModelError(f"{path} does not record which images its training held out", fix=fix)
    return card


def _corpus(sets: Sequence[FaceSet], job: TrainingJob, before: HeldOut | None) -> FaceCorpus:
    """All faces; every split has labels for each attribute that the recipe's network predicts.

    What was held out before stays held out: weights that this training begins with, or learns from, know the rest.
    """
    if job.copies and before:
        raise OptionError(
            "test images drawn from copies may be among those that earlier weights were trained on",
            fix="start without a backbone of facetally train and without teachers",
        )
    fix = "give more labelled images with --data"
    try:
        if job.copies:
            corpus = join_with_copies(sets, job.seed, job.copies, job.recipe.ages)
        else:
            corpus = join_sets(sets, job.seed, job.recipe.ages, before)
    except ValueError as error:
        raise OptionError(str(error), fix=fix) from error
    layout = job.recipe.layout
    for name, column, form in (("gender", "female", layout.gender), ("age", "age_years", layout.age)):
        for split in SPLITS:
            if form != "none" and corpus.split(split).faces[column].isna().all():
                raise OptionError(f"no face of the {split} split is labelled with {name}", fix=fix)
    return corpus


def _hashes(*files: Path | None) -> str:
    return " ".join(sha256_of(path) if path else "none" for path in files)


def _train(
    network: FaceNetwork, corpus: FaceCorpus, targets: FloatArray | None, job: TrainingJob, watcher: Watcher
) -> list[EpochResult]:
    """Trains the network in place and returns the results of all epochs, those of earlier runs included."""
    state_path, recipe = job.out / "state.pth", job.recipe
    # the detector is part of it because the crops depend on it
    identity = _hashes(job.start or job.backbone, job.detector, *job.teacher_files)
    try:
        trainer = Trainer(network, corpus, recipe, job.seed, state_path, identity, job.device, job.workers, targets)
    except ValueError as error:
        raise OptionError(str(error), fix="give more labelled images with --data") from error
    try:
        for result in trainer.run(watcher.step):
            watcher.epoch(result)
    except ValueError as error:
        raise OptionError(str(error), fix=f"choose another --out, or: {command('rm', state_path)}") from error
    return trainer.results


def calibrations(
    network: FaceNetwork, selection: FaceCorpus, recipe: Recipe, device: str
) -> dict[str, dict[str, float]]:
    """The `calibration` of a card; empty for a network without a gender output, or without labels of both genders.

    The line for single crops is fitted on the selection split, with the weights that the recipe gives to faces in
    training; a tuned threshold becomes its offset. A line for tracks needs labelled video
    (`scripts/calibrate_tracks.py`); until then only the label smoothing is undone for tracks.
    """
    selection = selection.only(selection.faces["female"].notna())
    is_female = selection.faces["female"].to_numpy() == 1
    if recipe.layout.gender == "none" or is_female.all() or not is_female.any():
        return {}
    output = predict_output(network, selection, recipe, recipe.size_px, device, mirrored=recipe.mirrored)
    odds = recipe.layout.female_log_odds(output, recipe.female_index)
    if recipe.tune_threshold:
        return {"crop": asdict(Calibration(offset=-best_threshold(is_female, odds)))}
    weight, smoothing = face_weights(selection, recipe), recipe.loss.gender_smoothing
    return {
        "crop": asdict(fit_calibration(is_female, odds, weight=weight, smoothing=smoothing)),
        "track": asdict(Calibration(smoothing=smoothing)),
    }


def _card(
    job: TrainingJob,
    crops: CropRecipe,
    corpus: FaceCorpus,
    calibration: dict[str, dict[str, float]],
    earlier_card: ModelCard | None,
) -> ModelCard:
    recipe = job.recipe
    backbone = job.backbone.name if job.backbone else "none: trained from scratch"
    earlier: dict[str, Any] = {}
    if earlier_card:
        backbone = backbone if job.backbone else earlier_card.data["backbone"]
        earlier["before"] = earlier_card.training
    if job.teachers:
        earlier["teachers"] = [sha256_of(path) for path in job.teachers]  # in the order of the command
    if job.soft_labels:
        earlier["soft_labels"] = {name: sha256_of(path) for name, path in job.soft_labels}
    counts = corpus.faces.groupby(["set", "split"]).size()
    return ModelCard(
        name=recipe.name,
        architecture=recipe.network.backbone,
        class_names=recipe.class_names,
        crop=crops.as_dict(),
        pixel_mean=recipe.pixel_mean,
        pixel_std=recipe.pixel_std,
        outputs=asdict(recipe.layout),
        network={field.name: getattr(recipe.network, field.name) for field in fields(recipe.network)[1:]},
        calibration=calibration,
        mirrored=recipe.mirrored,
        data={
            "sets": {name: counts[name].to_dict() for name in corpus.faces["set"].unique()},
            "ages": list(recipe.ages),
            "fingerprint": corpus.fingerprint(),
            "backbone": backbone,
        },
        training=json.loads(json.dumps(asdict(recipe))) | {"seed": job.seed, "command": job.command} | earlier,
        held_out=HeldOut.of(corpus.faces).to_dict(),
    )
