"""The training loop: stages of epochs over aligned crops, with a checkpoint after each epoch, resumable."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader

from facetally.files import whole_file
from facetally.gender.attributes import FloatArray
from facetally.gender.data.face_sets import FaceCorpus
from facetally.gender.model.networks import FaceNetwork
from facetally.gender.training.dataset import EpochFaces, FaceItem
from facetally.gender.training.inference import normalise, predict_output
from facetally.gender.training.losses import face_loss
from facetally.gender.training.recipes import Recipe, Stage
from facetally.gender.training.schedule import LearningRateSchedule

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
OnStep = Callable[[int, int, float], None]
Weights = dict[str, torch.Tensor]
"""Tensors by name, as in a `state_dict`."""
DENSE_BACKBONES = ("resnet34", "resnet50", "five_blocks")
"""Those without depthwise convolutions."""


@dataclass(frozen=True)
class EpochResult:
    """The metrics of one epoch."""

    stage: int
    """From 0."""
    epoch: int
    """Of the whole training, from 1."""
    learning_rate: float
    """At the start of the epoch."""
    train_loss: float
    """On augmented crops, during training."""
    selection_loss: float
    selection_accuracy: float
    """Accuracy of gender; NaN where the network does not predict it."""
    selection_age_mae: float
    """In years; NaN where the network does not predict age, or no face has an age label."""
    seconds: float


class Trainer:
    """Trains a network by a recipe.

    Args:
        network: trained in place; holds the result when `run` has finished.
        corpus: trains on its "train" faces and evaluates on its "selection" faces after each epoch; no others are used.
        recipe: network, loss, augmentation, stages and schedule.
        seed: of order, augmentation and dropout.
        state_path: the training state, saved after each epoch; if the file exists, training resumes from it.
        identity: what identifies the training besides recipe, data and seed: the starting weights, the detector that
            cut the crops, and the teachers.
        device: "cpu" or "cuda".
        workers: processes that prepare crops; 0: only this process.
        targets: (N, 102) of `facetally.gender.training.distillation`, a row for each "train" face; None: labels only.

    Raises:
        ValueError: a split has too few faces, or the state belongs to another training.
    """

    def __init__(
        self,
        network: FaceNetwork,
        corpus: FaceCorpus,
        recipe: Recipe,
        seed: int,
        state_path: Path,
        identity: str = "",
        device: str = "cpu",
        workers: int = 0,
        targets: FloatArray | None = None,
    ) -> None:
        self.network, self.recipe, self.seed, self.state_path = network, recipe, seed, state_path
        self.device, self.workers, self.targets = device, workers, targets
        self.train_faces, self.selection = corpus.split("train"), corpus.split("selection")
        faces_per_epoch = min(recipe.epoch_faces or len(self.train_faces), len(self.train_faces))
        self.steps_per_epoch = faces_per_epoch // recipe.batch_size
        if not self.steps_per_epoch or not len(self.selection):
            raise ValueError(
                f"{len(self.train_faces)} faces to train on and {len(self.selection)} to select by are too few: "
                f"at least a batch of {recipe.batch_size} and one are needed"
            )
        network.to(device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(network.state_dict()) if recipe.average_decay else None
        self.results: list[EpochResult] = []
        self.best: dict[str, Any] = {}
        """Under early stopping: loss, epoch and (averaged) weights of this stage's best epoch."""
        self.stage_start: Weights = {}
        """The (averaged) weights that this stage started from, if its result has a share of them."""
        self._belongs_to = {
            "recipe": repr(recipe.open_ended()),
            "seed": seed,
            "data": corpus.fingerprint(),
            "identity": identity,
        }

    def run(self, on_step: OnStep = lambda *_: None) -> Iterator[EpochResult]:
        """Yields the result of every epoch: first of those already done, then of each new one once it is saved.

        Args:
            on_step: called with (step, total steps, loss) after each batch.
        """
        resumed = self._load()
        yield from self.results
        first = self.results[-1].stage if self.results else 0
        for index in range(first, len(self.recipe.stages)):
            stage = self.recipe.stages[index]
            self._start(stage)
            done = sum(result.stage == index for result in self.results)
            if done:
                self.optimizer.load_state_dict(resumed["optimizer"])
                self.schedule.load_state_dict(resumed["pace"])
            elif stage.start_share:
                self.stage_start = copy.deepcopy(self._evaluated())
            while done < stage.epochs and not self._is_stale():
                self.results.append(self._epoch(index, stage, on_step))
                self._save()
                yield self.results[-1]
                done += 1
            self._take_result(stage)
        if self.average is not None:
            self.network.load_state_dict(self.average)

    def _start(self, stage: Stage) -> None:
        self.network.freeze_first(stage.frozen_blocks)
        learnable = [p for p in self.network.parameters() if p.requires_grad]
        kind = torch.optim.AdamW if self.recipe.weight_decay else torch.optim.Adam
        self.optimizer = kind(learnable, stage.learning_rate, weight_decay=self.recipe.weight_decay)
        self.schedule = LearningRateSchedule(self.recipe, stage, self.steps_per_epoch)

    def _evaluated(self) -> Weights:
        return self.network.state_dict() if self.average is None else self.average

    def _take_result(self, stage: Stage) -> None:
        if not (self.best or stage.start_share):
            return
        result = self.best["weights"] if self.best else self._evaluated()
        if stage.start_share:
            move_towards(self.stage_start, result, 1 - stage.start_share)
            result = self.stage_start
        self.network.load_state_dict(result)
        if self.average is not None:
            self.average = result
        self.best, self.stage_start = {}, {}

    def _is_stale(self) -> bool:
        limit = self.recipe.early_stop_epochs
        return bool(limit and self.best and len(self.results) - self.best["epoch"] >= limit)

    def _epoch(self, index: int, stage: Stage, on_step: OnStep) -> EpochResult:
        started = time.perf_counter()
        epoch, size_px = len(self.results), stage.size_px or self.recipe.size_px
        total_steps = self.steps_per_epoch * sum(s.epochs for s in self.recipe.stages)
        torch.manual_seed(self.seed * 1000 + epoch)  # for dropout: the same when an epoch is resumed
        self.network.train()
        rate, loss_sum = self.schedule.rate(), 0.0
        for step, batch in enumerate(self._batches(epoch, size_px), start=epoch * self.steps_per_epoch + 1):
            loss = self._step(batch)
            self._add_to_average(step)
            loss_sum += loss
            on_step(step, total_steps, loss)
        with self._averaged_weights():
            loss, accuracy, age_mae = evaluate_network(self.network, self.selection, self.recipe, size_px, self.device)
            if self.recipe.early_stop_epochs and loss < self.best.get("loss", math.inf):
                weights = copy.deepcopy(self.network.state_dict())
                self.best = {"loss": loss, "epoch": epoch + 1, "weights": weights}
        self.schedule.after_epoch(loss)
        seconds = time.perf_counter() - started
        return EpochResult(index, epoch + 1, rate, loss_sum / self.steps_per_epoch, loss, accuracy, age_mae, seconds)

    def _batches(self, epoch: int, size_px: int) -> DataLoader[FaceItem]:
        faces = EpochFaces(
            self.train_faces,
            self.recipe,
            size_px,
            seed=self.seed,
            epoch=epoch,
            step_count=self.steps_per_epoch,
            targets=self.targets,
        )
        prefetch_factor = 8 if self.workers else None
        if self.workers:
            cv2.setNumThreads(1)  # OpenCV's threads do not survive a fork: the child would wait for them forever
        return DataLoader(faces, self.recipe.batch_size, num_workers=self.workers, prefetch_factor=prefetch_factor)

    def _step(self, batch: Batch) -> float:
        crops, female, age_years, weight, targets = (part.to(self.device) for part in batch)
        self.optimizer.param_groups[0]["lr"] = self.schedule.next_rate()
        with autocast(self.device, self.recipe.network.backbone):
            output = self.network(normalise(crops, self.recipe))
        loss = face_loss(
            output.float(),
            female,
            age_years,
            weight,
            layout=self.recipe.layout,
            options=self.recipe.loss,
            female_index=self.recipe.female_index,
            targets=None if self.targets is None else targets,
        )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        self.optimizer.step()
        return float(loss.item())

    def _add_to_average(self, step: int) -> None:
        if self.average is None or self.recipe.average_decay is None:
            return
        decay = min(self.recipe.average_decay, (1 + step) / (10 + step))  # a short average at first
        move_towards(self.average, self.network.state_dict(), 1 - decay)

    @contextlib.contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        if self.average is None:
            yield
            return
        own = copy.deepcopy(self.network.state_dict())
        self.network.load_state_dict(self.average)
        yield
        self.network.load_state_dict(own)

    def _save(self) -> None:
        content = self._belongs_to | {
            "results": [asdict(result) for result in self.results],
            "network": self.network.state_dict(),
            "average": self.average,
            "best": self.best,
            "stage_start": self.stage_start,
            "optimizer": self.optimizer.state_dict(),
            "pace": self.schedule.state_dict(),  # the schedule, under its name in existing files
        }
        with whole_file(self.state_path) as temporary:
            torch.save(content, temporary)

    def _load(self) -> dict[str, Any]:
        if not self.state_path.exists():
            return {}
        try:
            content: dict[str, Any] = torch.load(self.state_path, map_location=self.device, weights_only=True)
        except Exception as error:  # torch raises pickle, zip and runtime errors for a damaged file
            raise ValueError(f"{self.state_path} is damaged; delete it to start again: {error}") from error
        if any(content.get(key) != value for key, value in self._belongs_to.items()):
            raise ValueError(
                f"{self.state_path} belongs to a training with other options or data; delete it to start again"
            )
        last = len(self.recipe.stages) - 1
        done = sum(values["stage"] == last for values in content["results"])
        if done > self.recipe.stages[last].epochs:
            raise ValueError(
                f"{self.state_path} is already {done} epochs into the last stage: ask for at least that, or delete it"
            )
        self.network.load_state_dict(content["network"])
        self.average, self.best, self.stage_start = content["average"], content["best"], content["stage_start"]
        self.results = [EpochResult(**values) for values in content["results"]]
        return content


def move_towards(weights: Weights, others: Weights, share: float) -> None:
    """Interpolates weights by `share` towards others, in place; integer counters are copied from the others."""
    for name, value in others.items():
        if value.dtype.is_floating_point:
            weights[name].lerp_(value, share)
        else:
            weights[name].copy_(value)


def autocast(device: str, backbone: str) -> torch.autocast:
    """bfloat16 where it trains faster than float32: on GPUs, and on CPUs with AMX or, for some backbones, AVX-512 BF16.

    With AVX-512 BF16 alone (two cores, torch 2.14.1), ResNet-34 learns from 65 faces a second instead of 36, five
    blocks from 825 instead of 424, but EfficientNet-B0 from 63 instead of 76: the depthwise convolutions of this
    network and of MobileNetV2 gain nothing. Without either, bfloat16 is far slower.
    """
    pays = _cpu_has("amx_tile") or (backbone in DENSE_BACKBONES and _cpu_has("avx512_bf16"))
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda" or pays)


def _cpu_has(feature: str) -> bool:
    has: Callable[[], bool] = getattr(torch.cpu, f"_is_{feature}_supported", bool)  # older versions cannot tell
    return has()


def evaluate_network(
    network: FaceNetwork, corpus: FaceCorpus, recipe: Recipe, size_px: int, device: str
) -> tuple[float, float, float]:
    """Loss, accuracy of gender and mean absolute error of age in years; NaN for what is not predicted or labelled."""
    output = predict_output(network, corpus, recipe, size_px, device)
    female = corpus.faces["female"].to_numpy(np.float32)
    age_years = corpus.faces["age_years"].to_numpy(np.float32)
    labels = torch.from_numpy(female), torch.from_numpy(age_years)
    weight = torch.ones(len(corpus))
    predictions = torch.from_numpy(output)
    layout, female_index = recipe.layout, recipe.female_index
    loss = face_loss(predictions, *labels, weight, layout=layout, options=recipe.loss, female_index=female_index).item()
    has_gender, has_age = ~np.isnan(female), ~np.isnan(age_years)
    is_correct = (layout.female_log_odds(output, female_index) > 0) == (female == 1)
    accuracy = float(is_correct[has_gender].mean()) if layout.gender != "none" and has_gender.any() else math.nan
    errors = np.abs(layout.age_years(output) - age_years)[has_age]
    return loss, accuracy, float(errors.mean()) if layout.age != "none" and has_age.any() else math.nan
