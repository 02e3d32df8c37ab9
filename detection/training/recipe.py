"""The training recipe of a detector, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field

from facetally.detection.training.augment import SceneAugmentOptions
from facetally.detection.training.losses import LossOptions
from facetally.detection.training.network import SCRFD_500M, ScrfdNetworkOptions
from facetally.detection.training.scenes import SceneKind


@dataclass(frozen=True)
class ScrfdRecipe:
    """Everything that determines a training except images, teacher and seed."""

    name: str = "facetally_scrfd_500m"
    network: ScrfdNetworkOptions = SCRFD_500M
    augment: SceneAugmentOptions = field(default_factory=SceneAugmentOptions)
    loss: LossOptions = field(default_factory=LossOptions)
    size_px: int = 320
    """Side of the training images."""
    batch_size: int = 16
    epochs: int = 20
    epoch_scenes: int = 6400
    shares: tuple[tuple[SceneKind, float], ...] = (("labelled", 0.5), ("taught", 0.4), ("faceless", 0.1))
    """Shares of an epoch's scenes, by kind; the share of a kind without scenes goes to the others."""
    learning_rate: float = 2e-3
    """Of AdamW; it warms up over the first epoch, stays constant, and falls to zero over the last epochs. The constant
    part does not depend on the number of epochs, so that a training can be made longer (Hägele et al., "Scaling Laws
    and Compute-Optimal Training Beyond Fixed Training Durations", NeurIPS 2024)."""
    fall: float = 0.25
    """Share of the epochs over which the learning rate falls."""
    weight_decay: float = 0.02
    max_gradient: float = 10.0
    """Gradients are clipped to this norm."""
    average_decay: float = 0.9995
    """Decay of the exponential moving average of the weights, which is the result of the training."""

    @property
    def held_epochs(self) -> int:
        """Number of epochs before the learning rate falls."""
        return self.epochs - max(1, round(self.epochs * self.fall))
