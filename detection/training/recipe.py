"""How a detector is trained, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field

from facetally.detection.training.augment import SceneAugmentOptions
from facetally.detection.training.losses import LossOptions
from facetally.detection.training.network import SCRFD_500M, ScrfdNetworkOptions


@dataclass(frozen=True)
class ScrfdRecipe:
    """All that determines a training besides pictures, teacher and seed."""

    name: str = "facetally_scrfd_500m"
    network: ScrfdNetworkOptions = SCRFD_500M
    augment: SceneAugmentOptions = field(default_factory=SceneAugmentOptions)
    loss: LossOptions = field(default_factory=LossOptions)
    size_px: int = 320
    """Side of the pictures that are learnt from."""
    batch_size: int = 16
    epochs: int = 20
    epoch_scenes: int = 6400
    shares: tuple[tuple[str, float], ...] = (("labelled", 0.5), ("taught", 0.4), ("faceless", 0.1))
    """Of an epoch's scenes, by kind; what a kind without scenes leaves goes to the others."""
    learning_rate: float = 2e-3
    """Of AdamW; it warms up over the first epoch, holds, and falls to zero over the last `fall` of the epochs. The
    held part is the same however many epochs there are, so that a training can be made longer (Hägele et al.,
    "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations", NeurIPS 2024)."""
    fall: float = 0.25
    weight_decay: float = 0.02
    max_gradient: float = 10.0
    """Longer gradients are shortened to this norm."""
    average_decay: float = 0.998
    """Of the running average of the weights, which is what is kept (EMA)."""

    @property
    def held_epochs(self) -> int:
        """Epochs before the rate falls."""
        return self.epochs - max(1, round(self.epochs * self.fall))
