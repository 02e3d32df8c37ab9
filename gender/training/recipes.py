"""The training recipes: one frozen value for each, by the name that `facetally train` takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from facetally.gender.attributes import Gender
from facetally.gender.model.networks import IMAGENET_MEAN, IMAGENET_STD, NetworkOptions
from facetally.gender.model.outputs import OutputLayout
from facetally.gender.training.augment import VIDEO, AugmentOptions
from facetally.gender.training.losses import LossOptions

Schedule = Literal["cosine", "plateau", "constant"]
Balance = Literal["weights", "weights by age", "oversample", "oversample by age", "none"]


@dataclass(frozen=True)
class Stage:
    """A part of a training, with its own optimizer and schedule."""

    epochs: int
    """At most; early stopping may end the stage earlier."""
    learning_rate: float
    """At the start."""
    frozen_blocks: int | None = 0
    """Number of leading blocks of the backbone to freeze; None: the whole backbone."""
    size_px: int | None = None
    """Side of the crops in this stage; None: the recipe's. Small crops train much faster."""
    start_share: float = 0.0
    """Weight, at most 1, of the starting weights in the stage's result; the rest is the final weights. The average of
    two good sets of weights is often better than either (WiSE-FT, Wortsman et al., CVPR 2022)."""


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a training except data, starting weights and seed."""

    name: str
    network: NetworkOptions
    layout: OutputLayout
    stages: tuple[Stage, ...]
    loss: LossOptions = field(default_factory=LossOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    size_px: int = 112
    """Side of the input crops of the finished network."""
    pixel_mean: tuple[float, float, float] = IMAGENET_MEAN
    pixel_std: tuple[float, float, float] = IMAGENET_STD
    class_names: tuple[Gender, Gender] = ("male", "female")
    """The order of two logits."""
    ages: tuple[int, int] = (0, 200)
    """Youngest and oldest age to train and evaluate on, both included; faces without an age are always included."""
    batch_size: int = 64
    epoch_faces: int | None = None
    """Faces per epoch; None: each face once. Shorter epochs mean more frequent checkpoints."""
    weight_decay: float = 0.0
    """Of AdamW; 0 is Adam."""
    schedule: Schedule = "cosine"
    """"cosine" to zero over a stage, "plateau" (halved when the selection loss stops falling), or "constant"."""
    patience_epochs: int = 5
    """Patience of the "plateau" schedule."""
    early_stop_epochs: int | None = None
    """A stage ends after this many epochs without a lower selection loss, and the best epoch's weights are kept;
    None: the last epoch is the result."""
    balance: Balance = "none"
    """How to balance women and men: "weights" in the loss, per set; "oversample" the rarer gender; or "none". With "by
    age" they are balanced within each band of age, where the gender that is common among the young may be rare."""
    average_decay: float | None = None
    """Decay of the exponential moving average of the weights that is evaluated and kept; None: no averaging."""
    tune_threshold: bool = False
    """Choose the decision threshold on the selection split; otherwise the threshold is a probability of 0.5."""
    mirrored: bool = False
    """Average the output for a single crop with that for its mirror image, which takes twice as long."""

    @property
    def female_index(self) -> int:
        """Which of two logits is female."""
        return self.class_names.index("female")

    def last_stage(self) -> Recipe:
        """The recipe for continuing a finished training: its last stage only."""
        return replace(self, stages=self.stages[-1:])

    def thawed(self) -> Recipe:
        """The recipe without frozen blocks, for a network that is not pretrained: random features must be trained."""
        return replace(self, stages=tuple(replace(stage, frozen_blocks=0) for stage in self.stages))

    def open_ended(self) -> Recipe:
        """What a training has in common with a longer one that resumes it: all but the length of the last stage.

        Under a cosine schedule every epoch depends on the total number, so such a training cannot be made longer.
        """
        if self.schedule == "cosine":
            return self
        return replace(self, stages=(*self.stages[:-1], replace(self.stages[-1], epochs=0)))

    def shortened(self, epochs: int | None) -> Recipe:
        """The recipe with at most this many epochs per stage, for a quick trial; None: unchanged."""
        if epochs is None:
            return self
        return replace(self, stages=tuple(replace(stage, epochs=min(epochs, stage.epochs)) for stage in self.stages))


_AGE_STAGES = (Stage(5, 1e-3, frozen_blocks=None), Stage(20, 1e-4))


def _age_recipe(name: str, backbone: str) -> Recipe:
    return Recipe(
        name,
        NetworkOptions(backbone, hidden=256, dropout=0.3, hidden_dropout=0.3),
        OutputLayout("none", "per_100"),
        _AGE_STAGES,
        LossOptions(focal_age_gamma=1.0 if backbone == "resnet50" else 0.0),
        weight_decay=1e-4,
        schedule="plateau",
        patience_epochs=3,
        early_stop_epochs=5,
    )


def _faces_recipe(backbone: str) -> Recipe:
    """Trains a backbone on faces, for `--backbone` of another recipe; a `--teacher` adds ages that labels lack."""
    return Recipe(
        f"faces-{backbone.replace('_', '-')}",
        NetworkOptions(backbone),
        OutputLayout("two_logits", "distribution"),
        (Stage(8, 1e-3, size_px=80), Stage(2, 4e-4)),
        LossOptions(gender_smoothing=0.05),
        epoch_faces=20_480,
        weight_decay=0.02,
        balance="weights",
        average_decay=0.999,
    )


_RECIPES = (
    Recipe(
        "gender-utkface",
        NetworkOptions(),
        OutputLayout("two_logits"),
        (Stage(10, 1e-3, frozen_blocks=7),),
        ages=(18, 80),
        batch_size=32,
    ),
    Recipe(
        "genderage",
        NetworkOptions("five_blocks", hidden=128, dropout=0.5, hidden_dropout=0.3),
        OutputLayout("two_logits", "per_100"),
        (Stage(50, 1e-3),),
        LossOptions(age_weight=2.0),
        pixel_mean=(0.0, 0.0, 0.0),
        pixel_std=(1.0, 1.0, 1.0),
        class_names=("female", "male"),
        schedule="plateau",
        early_stop_epochs=10,
    ),
    _age_recipe("age-resnet50", "resnet50"),
    _age_recipe("age-resnet34", "resnet34"),
    _age_recipe("age-efficientnet-b0", "efficientnet_b0"),
    Recipe(
        "gender-focal",
        NetworkOptions(hidden=128, dropout=0.0, hidden_dropout=0.3),
        OutputLayout("female_logit"),
        (Stage(25, 1e-5),),
        LossOptions(focal_alpha=0.5, focal_gamma=1.5),
        AugmentOptions(max_turn_degrees=15, max_shear=0.1, zoom=(0.9, 1.1), max_contrast=0, max_saturation=0),
        size_px=224,
        batch_size=32,
        schedule="plateau",
        patience_epochs=3,
        early_stop_epochs=5,
        balance="oversample",
        tune_threshold=True,
    ),
    Recipe(
        "gender-age-128",
        NetworkOptions(hidden=128, dropout=0.0, hidden_dropout=0.3),
        OutputLayout("two_logits", "per_100"),
        (Stage(15, 1e-3, frozen_blocks=None), Stage(15, 1e-4, frozen_blocks=9)),
        size_px=128,
        batch_size=128,
        schedule="constant",
    ),
    Recipe(
        "facetally",
        NetworkOptions(),
        OutputLayout("two_logits", "distribution"),
        (
            Stage(28, 1e-3, frozen_blocks=3, size_px=80),
            Stage(30, 5e-4, frozen_blocks=3),
            Stage(16, 6e-4, frozen_blocks=3),
            Stage(12, 4e-4),
            Stage(30, 6e-4),
            Stage(30, 6e-4, start_share=0.5),
        ),
        LossOptions(gender_smoothing=0.05, age_weight=0.3),
        VIDEO,
        epoch_faces=20_480,
        weight_decay=0.02,
        balance="weights",
        average_decay=0.999,
        mirrored=True,
    ),
    _faces_recipe("resnet50"),
    _faces_recipe("resnet34"),
    _faces_recipe("efficientnet_b0"),
)

RECIPES = {recipe.name: recipe for recipe in _RECIPES}
