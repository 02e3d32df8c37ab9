"""The training loop of a detector: epochs over random squares of images, with a checkpoint after each, resumable."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader

from facetally.detection.training.batches import Collator, EpochScenes, SceneBatch
from facetally.detection.training.losses import AnchorTargets, joined, label_loss, teacher_loss
from facetally.detection.training.network import LevelOutput, ScrfdNetwork
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import Scene
from facetally.detection.training.teacher import Teacher
from facetally.files import whole_file

OnStep = Callable[[int, int, float], None]


@dataclass(frozen=True)
class EpochResult:
    """The metrics of one epoch."""

    epoch: int
    """From 1."""
    learning_rate: float
    """At the end of the epoch."""
    loss: float
    """Mean over its batches."""
    seconds: float


class ScrfdTrainer:
    """Trains a detector.

    Args:
        network: trained in place; holds the averaged weights when `run` has finished.
        scenes: the training images.
        recipe: network, loss, augmentation and schedule.
        seed: of order and augmentation.
        state_path: the training state, saved after each epoch; if the file exists, training resumes from it. A second
            file with the prefix "held_" keeps the state before the learning rate fell: moved to `state_path`, it lets
            a training with more epochs resume.
        teacher: a detector to distil; None: labels only.
        identity: what identifies the training besides recipe and seed: the images and the teacher.
        workers: processes that prepare images; 0: only this process.

    Raises:
        ValueError: too few scenes, unlabelled scenes without a teacher, or the state belongs to another training.
    """

    def __init__(
        self,
        network: ScrfdNetwork,
        scenes: Sequence[Scene],
        recipe: ScrfdRecipe,
        seed: int,
        state_path: Path,
        teacher: Teacher | None = None,
        identity: str = "",
        workers: int = 0,
    ) -> None:
        if len(scenes) < recipe.batch_size:
            raise ValueError(f"{len(scenes)} scenes are too few for a batch of {recipe.batch_size}")
        if teacher is None and not all(scene.is_labelled for scene in scenes):
            raise ValueError("scenes without labels need a teacher")
        self.network = network.to(memory_format=torch.channels_last)
        self.scenes, self.recipe, self.seed, self.state_path = scenes, recipe, seed, state_path
        self.teacher, self.workers = teacher, workers
        self.steps_per_epoch = recipe.epoch_scenes // recipe.batch_size
        self.average = copy.deepcopy(network.state_dict())
        self.optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.results: list[EpochResult] = []
        self.held_path = state_path.with_name(f"held_{state_path.name}")
        self._belongs_to = {"recipe": repr(replace(recipe, epochs=0)), "seed": seed, "identity": identity}

    def run(self, on_step: OnStep = lambda *_: None) -> Iterator[EpochResult]:
        """Yields the result of every epoch: first of those already done, then of each new one once it is saved.

        Args:
            on_step: called with (step, total steps, loss) after each batch.
        """
        self._load()
        yield from self.results
        while len(self.results) < self.recipe.epochs:
            self.results.append(self._epoch(on_step))
            self._save()
            yield self.results[-1]
        self.network.load_state_dict(self.average)

    def _epoch(self, on_step: OnStep) -> EpochResult:
        started, epoch = time.perf_counter(), len(self.results)
        steps = self.steps_per_epoch * self.recipe.epochs
        self.network.train()
        loss_sum = 0.0
        for step, batch in enumerate(self._batches(epoch), start=epoch * self.steps_per_epoch):
            loss = self._step(batch, step)
            loss_sum += loss
            on_step(step + 1, steps, loss)
        rate = self.optimizer.param_groups[0]["lr"]
        return EpochResult(epoch + 1, rate, loss_sum / self.steps_per_epoch, time.perf_counter() - started)

    def _batches(self, epoch: int) -> DataLoader[Any]:
        if self.workers:
            cv2.setNumThreads(1)  # OpenCV's threads do not survive a fork: the child would wait for them forever
        return DataLoader(
            EpochScenes(self.scenes, self.recipe, self.seed, epoch=epoch),
            self.recipe.batch_size,
            num_workers=self.workers,
            collate_fn=Collator(self.recipe.size_px),
            drop_last=True,
            prefetch_factor=4 if self.workers else None,
        )

    def _step(self, batch: SceneBatch, step: int) -> float:
        self.optimizer.param_groups[0]["lr"] = self._rate(step)
        output = joined(self.network(as_input(batch.images)))
        loss = self._loss(output, batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.max_gradient)
        self.optimizer.step()
        decay = min(self.recipe.average_decay, (1 + step) / (10 + step))
        for name, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)
        return float(loss.item())

    def _loss(self, output: LevelOutput, batch: SceneBatch) -> torch.Tensor:
        options, labelled = self.recipe.loss, batch.is_labelled
        loss = output[0].sum() * 0
        if labelled.any():
            own = AnchorTargets(*(part[labelled] for part in vars(batch.targets).values()))
            loss = loss + label_loss((output[0][labelled], output[1][labelled], output[2][labelled]), own, options)
        distilled = ~(labelled & ~batch.targets.positive.any(dim=1))  # labels without a face are trusted
        if self.teacher and options.teacher_weight and distilled.any():
            predictions = self.teacher.predictions(batch.images[distilled])
            own_output = output[0][distilled], output[1][distilled], output[2][distilled]
            ignored = batch.targets.ignored[distilled]
            loss = loss + options.teacher_weight * teacher_loss(
                own_output, predictions, ignored=ignored, options=options
            )
        return loss

    def _rate(self, step: int) -> float:
        warm_up, end = self.steps_per_epoch, self.steps_per_epoch * self.recipe.epochs
        fall_start = self.steps_per_epoch * self.recipe.held_epochs
        return self.recipe.learning_rate * min((step + 1) / warm_up, 1.0, (end - step) / (end - fall_start + 1))

    def _save(self) -> None:
        state = {
            **self._belongs_to,
            "epochs": self.recipe.epochs,
            "results": [asdict(result) for result in self.results],
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        with whole_file(self.state_path) as temporary:
            torch.save(state, temporary)
            if len(self.results) == self.recipe.held_epochs:
                shutil.copyfile(temporary, self.held_path)

    def _load(self) -> None:
        if not self.state_path.exists():
            return
        state = torch.load(self.state_path, map_location="cpu", weights_only=True)
        if differing := [name for name, value in self._belongs_to.items() if state[name] != value]:
            raise ValueError(f"{self.state_path} belongs to another training: its {', '.join(differing)} differ")
        held = min(self.recipe.held_epochs, replace(self.recipe, epochs=state["epochs"]).held_epochs)
        if state["epochs"] != self.recipe.epochs and len(state["results"]) > held:
            raise ValueError(
                f"{self.state_path} belongs to a training of {state['epochs']} epochs whose learning rate has fallen; "
                f"for {self.recipe.epochs} epochs put {self.held_path} in its place, if it has at most "
                f"{self.recipe.held_epochs} of them"
            )
        self.results = [EpochResult(**result) for result in state["results"]]
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        if len(self.results) == self.recipe.held_epochs:  # resumed with fewer epochs: the rate falls from here
            shutil.copyfile(self.state_path, self.held_path)


def as_input(images_bgr: torch.Tensor) -> torch.Tensor:
    """(B, S, S, 3) uint8 BGR -> (B, 3, S, S) float32 RGB, (value - 127.5) / 128."""
    rgb = images_bgr.permute(0, 3, 1, 2).flip(1).float()
    return ((rgb - 127.5) / 128).contiguous(memory_format=torch.channels_last)
