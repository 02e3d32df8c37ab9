"""The training loop of a detector: epochs over random versions of prepared squares, resumable at any step."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader

from facetally.detection.training.batches import Collator, EpochSquares, SceneBatch
from facetally.detection.training.losses import AnchorTargets, TeacherPredictions, joined, label_loss, teacher_loss
from facetally.detection.training.network import LevelOutput, ScrfdNetwork
from facetally.detection.training.prepared import SquareStore
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.files import whole_file

SAVE_EVERY_S = 600.0


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
    shards: int
    """Shards of prepared squares that it drew from."""


@dataclass
class EpochProgress:
    """How far the present epoch is."""

    shards: int
    """Shards that it draws from: those that were complete when it began."""
    steps: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainingOptions:
    """What does not change what is learnt, beyond rounding."""

    workers: int = 0
    """Processes that prepare batches; 0: only this process."""
    bfloat16: bool = False
    """Whether the network is evaluated in bfloat16 where that is safe (autocast)."""
    should_stop: Callable[[], bool] = field(default=lambda: False)
    """Asked after every step; if true, the state is saved and `ScrfdTrainer.run` ends."""


class ScrfdTrainer:
    """Trains a detector.

    Args:
        network: trained in place; holds the averaged weights when `run` has finished.
        squares: the training images; shards that are added during the training are used from the next epoch on.
        recipe: network, loss, augmentation and schedule.
        seed: of order and augmentation.
        state_path: the training state, saved every ten minutes and after each epoch; if the file exists, training
            resumes from it. A second file with the prefix "held_" keeps the state before the learning rate fell: moved
            to `state_path`, it lets a training with more epochs resume.
        identity: what identifies the training besides recipe and seed: the images and the teacher.
        options: processes, precision and stopping.

    Raises:
        ValueError: too few squares, or the state belongs to another training.
    """

    def __init__(
        self,
        network: ScrfdNetwork,
        squares: SquareStore,
        recipe: ScrfdRecipe,
        seed: int,
        state_path: Path,
        identity: str = "",
        options: TrainingOptions | None = None,
    ) -> None:
        count = sum(map(len, squares.shards(squares.shard_count())))
        if count < recipe.batch_size:
            raise ValueError(f"{count} squares in {squares.folder} are too few for a batch of {recipe.batch_size}")
        self.network = network.to(memory_format=torch.channels_last)
        self.squares, self.recipe, self.seed, self.state_path = squares, recipe, seed, state_path
        self.options = options or TrainingOptions()
        self.steps_per_epoch = recipe.epoch_scenes // recipe.batch_size
        self.average = copy.deepcopy(network.state_dict())
        self.optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.results: list[EpochResult] = []
        self.progress: EpochProgress | None = None
        self.held_path = state_path.with_name(f"held_{state_path.name}")
        self._belongs_to = {"recipe": repr(replace(recipe, epochs=0)), "seed": seed, "identity": identity}

    def run(self) -> Iterator[EpochResult]:
        """Yields the result of every epoch: first of those already done, then of each new one once it is saved.

        Ends early, with the state saved, when `options.should_stop` says so; `is_finished` tells the two apart.
        """
        self._load()
        yield from self.results
        while not self.is_finished and self._epoch():
            yield self.results[-1]
        if self.is_finished:
            self.network.load_state_dict(self.average)

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are done."""
        return len(self.results) >= self.recipe.epochs

    def averaged(self) -> ScrfdNetwork:
        """A copy of the network with the averaged weights."""
        network = ScrfdNetwork(self.recipe.network)
        network.load_state_dict(self.average)
        return network

    def _epoch(self) -> bool:
        """Does the rest of the present epoch; False if it was stopped before the end."""
        epoch, done = len(self.results), self.progress or EpochProgress(self.squares.shard_count())
        self.progress = done
        self.network.train()
        saved = last = time.perf_counter()
        for batch in self._batches(epoch, done):
            done.loss_sum += self._step(batch, epoch * self.steps_per_epoch + done.steps)
            now = time.perf_counter()
            done.steps, done.seconds, last = done.steps + 1, done.seconds + now - last, now
            if self.options.should_stop():
                self._save()
                return False
            if now - saved > SAVE_EVERY_S:
                self._save()
                saved = now
        rate = self.optimizer.param_groups[0]["lr"]
        loss = done.loss_sum / self.steps_per_epoch
        self.results.append(EpochResult(epoch + 1, rate, loss, done.seconds, done.shards))
        self.progress = None
        self._save()
        return True

    def _batches(self, epoch: int, done: EpochProgress) -> DataLoader[Any]:
        workers, batch_size = self.options.workers, self.recipe.batch_size
        if workers:
            cv2.setNumThreads(1)  # OpenCV's threads do not survive a fork: the child would wait for them forever
        shards = self.squares.shards(done.shards)
        return DataLoader(
            EpochSquares(shards, self.recipe, self.seed, epoch=epoch, start=done.steps * batch_size),
            batch_size,
            num_workers=workers,
            collate_fn=Collator(self.recipe.size_px),
            drop_last=True,
            prefetch_factor=4 if workers else None,
        )

    def _step(self, batch: SceneBatch, step: int) -> float:
        self.optimizer.param_groups[0]["lr"] = self._rate(step)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.options.bfloat16):
            levels = self.network(as_input(batch.images))
        scores, boxes, points = joined(levels)
        loss = self._loss((scores.float(), boxes.float(), points.float()), batch)
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
        if options.teacher_weight and distilled.any():
            predictions = TeacherPredictions(*(part[distilled] for part in vars(batch.predictions).values()))
            own_output = output[0][distilled], output[1][distilled], output[2][distilled]
            ignored = (batch.targets.ignored | batch.is_unknown)[distilled]
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
            "progress": asdict(self.progress) if self.progress else None,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        with whole_file(self.state_path) as temporary:
            torch.save(state, temporary)
            if len(self.results) == self.recipe.held_epochs and not self.progress:
                shutil.copyfile(temporary, self.held_path)

    def _load(self) -> None:
        if not self.state_path.exists():
            return
        state = torch.load(self.state_path, map_location="cpu", weights_only=True)
        if differing := [name for name, value in self._belongs_to.items() if state[name] != value]:
            raise ValueError(f"{self.state_path} belongs to another training: its {', '.join(differing)} differ")
        held = min(self.recipe.held_epochs, replace(self.recipe, epochs=state["epochs"]).held_epochs)
        done = len(state["results"]) + (state["progress"] is not None)
        if state["epochs"] != self.recipe.epochs and done > held:
            raise ValueError(
                f"{self.state_path} belongs to a training of {state['epochs']} epochs whose learning rate has fallen; "
                f"for {self.recipe.epochs} epochs put {self.held_path} in its place, if it has at most "
                f"{self.recipe.held_epochs} of them"
            )
        self.results = [EpochResult(**result) for result in state["results"]]
        self.progress = EpochProgress(**state["progress"]) if state["progress"] else None
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        if len(self.results) == self.recipe.held_epochs and not self.progress:
            shutil.copyfile(self.state_path, self.held_path)  # resumed with fewer epochs: the rate falls from here


def bfloat16_pays() -> bool:
    """Whether this processor computes in bfloat16 itself; others emulate it, which is slower than float32."""
    has: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions cannot tell
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def as_input(images_bgr: torch.Tensor) -> torch.Tensor:
    """(B, S, S, 3) uint8 BGR -> (B, 3, S, S) float32 RGB, (value - 127.5) / 128."""
    rgb = images_bgr.permute(0, 3, 1, 2).flip(1).float()
    return ((rgb - 127.5) / 128).contiguous(memory_format=torch.channels_last)
