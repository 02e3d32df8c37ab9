"""The training loop: epochs over cached crops, a checkpoint after each, resumable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from gender.augment import AugmentOptions, augment
from gender.evaluation import GenderEvaluation
from gender.networks import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True)
class TrainingOptions:
    """The recipe of the first weights: Adam, cross-entropy, early blocks frozen."""

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    """At the start; falls to zero along a cosine."""
    frozen_blocks: int = 7
    """Of MobileNetV2's 19."""
    seed: int = 0
    augment: AugmentOptions = field(default_factory=AugmentOptions)


@dataclass(frozen=True)
class CropSet:
    """Crops with labels, as cached before training."""

    crops: npt.NDArray[np.uint8]
    """(N, S + 2m, S + 2m, 3) uint8 RGB."""
    is_female: npt.NDArray[np.bool_]
    """(N,)."""
    margin_px: int
    """m: what augmentation may turn and shift in; evaluation cuts it off."""

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, which: npt.NDArray[Any]) -> CropSet:
        return CropSet(self.crops[which], self.is_female[which], self.margin_px)

    def tensor(self, which: npt.NDArray[Any] | slice) -> torch.Tensor:
        """(B, 3, S + 2m, S + 2m) float32 RGB in [0, 1]."""
        return torch.from_numpy(self.crops[which]).permute(0, 3, 1, 2).float().div_(255)


@dataclass(frozen=True)
class EpochResult:
    """What one epoch cost and gave."""

    epoch: int
    train_loss: float
    train_accuracy: float
    """On augmented crops, while learning."""
    held_out_loss: float
    held_out_accuracy: float
    seconds: float


def normalise(crops: torch.Tensor) -> torch.Tensor:
    """RGB in [0, 1] -> normalised by the ImageNet mean and standard deviation."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    normalised = (crops - mean[:, None, None]) / std[:, None, None]
    return normalised.contiguous(memory_format=torch.channels_last)  # the faster layout on a CPU


def predict_logits(network: torch.nn.Module, data: CropSet, batch_size: int = 256) -> npt.NDArray[np.float32]:
    """(N, classes) logits of the crops' middle, never augmented."""
    network.eval()
    m, outer = data.margin_px, data.crops.shape[1]
    parts = []
    with torch.inference_mode():
        for start in range(0, len(data), batch_size):
            crops = data.tensor(slice(start, start + batch_size))[:, :, m : outer - m, m : outer - m]
            parts.append(network(normalise(crops)).numpy())
    return np.concatenate(parts)


def evaluate(network: torch.nn.Module, data: CropSet) -> tuple[GenderEvaluation, float]:
    """Confusion counts and mean cross-entropy; class 1 is female."""
    logits = torch.from_numpy(predict_logits(network, data))
    labels = torch.from_numpy(data.is_female.astype(np.int64))
    said_female = (logits[:, 1] > logits[:, 0]).numpy()
    return GenderEvaluation.of(data.is_female, said_female), functional.cross_entropy(logits, labels).item()


def train(
    network: torch.nn.Module,
    train_set: CropSet,
    held_out: CropSet,
    options: TrainingOptions,
    state_path: Path,
    identity: str = "",
    on_step: Callable[[int, int, float], None] = lambda *_: None,
) -> Iterator[EpochResult]:
    """Yields the result of every epoch: first of those an earlier call has done, then of each new one once it is saved.

    The held-out crops are only looked at: nothing is chosen by them, the last epoch is the result.

    Args:
        network: returns (B, 2) logits, class 1 female; changed in place.
        train_set, held_out: labelled crops.
        options: the recipe.
        state_path: where the state lies after each epoch; if it is there, training goes on from it.
        identity: what the state belongs to besides the options: data and starting weights.
        on_step: called with (step, steps in all, loss) after each batch.

    Raises:
        ValueError: the state at `state_path` belongs to other options, data or weights; or a set is too small.
    """
    steps_per_epoch = len(train_set) // options.batch_size
    if not steps_per_epoch or not len(held_out):
        raise ValueError(
            f"{len(train_set)} crops to train and {len(held_out)} held out are too few: "
            f"at least a batch of {options.batch_size} and one are needed"
        )
    network.to(memory_format=torch.channels_last)
    learnable = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learnable, options.learning_rate)
    total_steps = steps_per_epoch * options.epochs
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(total_steps, 1))
    state = _TrainingState(state_path, {"options": asdict(options), "identity": identity}, network, optimizer, schedule)
    results = state.resume()
    yield from results
    for epoch in range(len(results), options.epochs):
        started = time.perf_counter()
        torch.manual_seed(options.seed * 1000 + epoch)  # dropout; so that a resumed epoch is the same
        generator = torch.Generator().manual_seed(options.seed * 1000 + epoch)
        order = torch.randperm(len(train_set), generator=generator).numpy()
        network.train()
        loss_sum, right = 0.0, 0
        for step in range(steps_per_epoch):
            which = order[step * options.batch_size : (step + 1) * options.batch_size]
            crops = augment(train_set.tensor(which), train_set.margin_px, options.augment, generator)
            labels = torch.from_numpy(train_set.is_female[which].astype(np.int64))
            logits = network(normalise(crops))
            loss = functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            loss_sum += loss.item()
            right += int((logits.argmax(dim=1) == labels).sum())
            on_step(epoch * steps_per_epoch + step + 1, total_steps, loss.item())
        evaluation, held_out_loss = evaluate(network, held_out)
        result = EpochResult(
            epoch=epoch + 1,
            train_loss=loss_sum / steps_per_epoch,
            train_accuracy=right / (steps_per_epoch * options.batch_size),
            held_out_loss=held_out_loss,
            held_out_accuracy=evaluation.accuracy,
            seconds=time.perf_counter() - started,
        )
        results.append(result)
        state.save(results)
        yield result


@dataclass(frozen=True)
class _TrainingState:
    """All that a training needs to go on, in one file."""

    path: Path
    belongs_to: dict[str, Any]
    network: Any
    optimizer: Any
    schedule: Any

    def save(self, results: list[EpochResult]) -> None:
        content = self.belongs_to | {"results": [asdict(result) for result in results]}
        for name in ("network", "optimizer", "schedule"):
            content[name] = getattr(self, name).state_dict()
        temporary = self.path.with_name(self.path.name + ".part")
        torch.save(content, temporary)
        temporary.replace(self.path)

    def resume(self) -> list[EpochResult]:
        """Loads the state if there is one; returns the results of the epochs already done."""
        if not self.path.exists():
            return []
        content = torch.load(self.path, map_location="cpu", weights_only=True)
        if any(content.get(key) != value for key, value in self.belongs_to.items()):
            raise ValueError(f"{self.path} belongs to a training with other options or data; delete it to start anew")
        for name in ("network", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(content[name])
        return [EpochResult(**values) for values in content["results"]]
