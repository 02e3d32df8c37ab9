"""The training loop of a detector: epochs over random squares of pictures, a checkpoint after each, resumable."""

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

OnStep = Callable[[int, int, float], None]


@dataclass(frozen=True)
class EpochResult:
    """What one epoch cost and gave."""

    epoch: int
    """From 1."""
    learning_rate: float
    """At its end."""
    loss: float
    """Mean over its batches."""
    seconds: float


class ScrfdTrainer:
    """Trains a detector.

    Args:
        network: changed in place; holds the averaged weights once `run` is through.
        scenes: what is learnt from.
        recipe: how.
        seed: of order and augmentation.
        state_path: where the state lies after each epoch; if it is there, training goes on from it. Beside it, as
            "held_" and its name, stays the one before the learning rate fell: put in its place, it is what a training
            of more epochs goes on from.
        teacher: whose answers are learnt too; None: labels alone.
        identity: what the state belongs to besides recipe and seed: the pictures and the teacher.
        workers: processes that prepare pictures; 0: none but this one.

    Raises:
        ValueError: too few scenes, scenes without labels and no teacher, or the state belongs to another training.
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
        """Yields the result of every epoch: first of those done before, then of each new one once it is saved.

        Args:
            on_step: called with (step, steps in all, loss) after each batch.
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
            cv2.setNumThreads(1)  # a forked process would wait for OpenCV's threads, which stay behind
        return DataLoader(
            EpochScenes(self.scenes, self.recipe, self.seed, epoch),
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
        loss.backward()
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
        targets = ~(labelled & ~batch.targets.positive.any(dim=1))  # where labels say that nobody is there, nobody is
        if self.teacher and options.teacher_weight and targets.any():
            predictions = self.teacher.predictions(batch.images[targets])
            own_output = output[0][targets], output[1][targets], output[2][targets]
            terms = teacher_loss(own_output, predictions, batch.targets.ignored[targets], options)
            loss = loss + options.teacher_weight * terms
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
        part = self.state_path.with_suffix(".part")
        torch.save(state, part)
        if len(self.results) == self.recipe.held_epochs:
            shutil.copyfile(part, self.held_path)
        part.replace(self.state_path)

    def _load(self) -> None:
        if not self.state_path.exists():
            return
        state = torch.load(self.state_path, map_location="cpu", weights_only=True)
        if differing := [name for name, value in self._belongs_to.items() if state[name] != value]:
            raise ValueError(f"{self.state_path} is of another training: its {', '.join(differing)} differ")
        held = min(self.recipe.held_epochs, replace(self.recipe, epochs=state["epochs"]).held_epochs)
        if state["epochs"] != self.recipe.epochs and len(state["results"]) > held:
            raise ValueError(
                f"{self.state_path} is of a training of {state['epochs']} epochs whose learning rate has fallen; "
                f"for {self.recipe.epochs} put {self.held_path} in its place, if it is not past their fall"
            )
        self.results = [EpochResult(**result) for result in state["results"]]
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        if len(self.results) == self.recipe.held_epochs:  # made shorter just here
            shutil.copyfile(self.state_path, self.held_path)


def as_input(images_bgr: torch.Tensor) -> torch.Tensor:
    """(B, S, S, 3) uint8 BGR -> (B, 3, S, S) float32 RGB, (value - 127.5) / 128."""
    rgb = images_bgr.permute(0, 3, 1, 2).flip(1).float()
    return ((rgb - 127.5) / 128).contiguous(memory_format=torch.channels_last)
