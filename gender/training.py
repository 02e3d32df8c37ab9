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
    on_step: Callable[[int, int, float], None] = lambda *_: None,
) -> Iterator[EpochResult]:
    """Trains for the epochs that are left and yields each one's result after its state is saved.

    The held-out crops are only looked at: nothing is chosen by them, the last epoch is the result.

    Args:
        network: returns (B, 2) logits, class 1 female; changed in place.
        train_set, held_out: labelled crops.
        options: the recipe.
        state_path: where the state lies after each epoch; if it is there, training goes on from it.
        on_step: called with (step, steps in all, loss) after each batch.

    Raises:
        ValueError: the state at `state_path` belongs to other options.
    """
    network.to(memory_format=torch.channels_last)
    learnable = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learnable, options.learning_rate)
    steps_per_epoch = len(train_set) // options.batch_size
    total_steps = steps_per_epoch * options.epochs
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(total_steps, 1))
    first_epoch = _resume(state_path, network, optimizer, schedule, options)
    for epoch in range(first_epoch, options.epochs):
        started = time.perf_counter()
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
        _save(state_path, network, optimizer, schedule, options, epoch + 1)
        yield EpochResult(
            epoch=epoch + 1,
            train_loss=loss_sum / max(steps_per_epoch, 1),
            train_accuracy=right / max(steps_per_epoch * options.batch_size, 1),
            held_out_loss=held_out_loss,
            held_out_accuracy=evaluation.accuracy,
            seconds=time.perf_counter() - started,
        )


def _save(path: Path, network: Any, optimizer: Any, schedule: Any, options: TrainingOptions, epochs: int) -> None:
    state = {
        "epochs": epochs,
        "options": asdict(options),
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
    }
    temporary = path.with_name(path.name + ".part")
    torch.save(state, temporary)
    temporary.replace(path)


def _resume(path: Path, network: Any, optimizer: Any, schedule: Any, options: TrainingOptions) -> int:
    """Loads the state if there is one; returns the number of epochs already done."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["options"] != asdict(options):
        raise ValueError(f"{path} was written with other options; delete it to start anew")
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return int(state["epochs"])
