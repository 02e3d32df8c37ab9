"""How each known system is trained: one frozen value a recipe, by the name that `facetally train` takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from facetally.gender.model.networks import IMAGENET_MEAN, IMAGENET_STD, NetworkOptions
from facetally.gender.model.outputs import OutputLayout
from facetally.gender.training.augment import VIDEO, AugmentOptions
from facetally.gender.training.losses import LossOptions


@dataclass(frozen=True)
class Stage:
    """A part of a training, with an optimizer and a schedule of its own."""

    epochs: int
    """At most; early stopping may end the stage before."""
    learning_rate: float
    """At the start."""
    frozen_blocks: int | None = 0
    """Leading blocks of the trunk kept as they are; None: the whole trunk."""
    size_px: int | None = None
    """Side of the crops in this stage, where it is not the recipe's: small crops are learnt from much faster."""
    start_share: float = 0.0
    """Of the weights that the stage starts from in its result, at most 1; the rest are those it ends with. What lies
    between two good sets of weights is often better than both (WiSE-FT, Wortsman et al., CVPR 2022)."""


@dataclass(frozen=True)
class Recipe:
    """All that determines a training besides data, starting weights and seed."""

    name: str
    network: NetworkOptions
    layout: OutputLayout
    stages: tuple[Stage, ...]
    loss: LossOptions = field(default_factory=LossOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    size_px: int = 112
    """Side of the crops that the finished network reads."""
    pixel_mean: tuple[float, float, float] = IMAGENET_MEAN
    pixel_std: tuple[float, float, float] = IMAGENET_STD
    class_names: tuple[str, str] = ("male", "female")
    """The order of two logits."""
    ages: tuple[int, int] = (0, 200)
    """Youngest and oldest face trained and evaluated on, both included; faces without an age always are."""
    batch_size: int = 64
    epoch_faces: int | None = None
    """Faces of an epoch; None: each once. Shorter epochs mean more frequent checkpoints."""
    weight_decay: float = 0.0
    """Of AdamW; 0 is Adam."""
    schedule: str = "cosine"
    """"cosine" to zero over a stage, "plateau" (halved when the selection loss stops falling), or "constant"."""
    patience_epochs: int = 5
    """Of the plateau."""
    early_stop_epochs: int | None = None
    """A stage ends after so many epochs without a lower selection loss, and the best epoch's weights are kept;
    None: the last epoch is the result."""
    balance: str = "none"
    """Women and men made equal: by "weights" in the loss of each set, by an "oversample" of the rarer, or "none"."""
    average_decay: float | None = None
    """Of the running average of the weights that is evaluated and kept (EMA); None: the weights themselves."""
    tune_threshold: bool = False
    """Choose the decision threshold on the selection split; otherwise it is a probability of 0.5."""
    mirrored: bool = False
    """Tell a single crop by the mean of the outputs for it and for its mirror image, which takes twice as long."""

    @property
    def female_index(self) -> int:
        """Which of two logits is female."""
        return self.class_names.index("female")

    def last_stage(self) -> Recipe:
        """What a finished network goes on with."""
        return replace(self, stages=self.stages[-1:])

    def thawed(self) -> Recipe:
        """For a network that nothing has taught yet: keeping random features as they are teaches nothing."""
        return replace(self, stages=tuple(replace(stage, frozen_blocks=0) for stage in self.stages))

    def open_ended(self) -> Recipe:
        """What a training shares with a longer one that goes on from it: all but the end of the last stage.

        A cosine schedule comes down to the end, and so every epoch of it hangs on how many there are.
        """
        if self.schedule == "cosine":
            return self
        return replace(self, stages=(*self.stages[:-1], replace(self.stages[-1], epochs=0)))

    def shortened(self, epochs: int | None) -> Recipe:
        """With at most so many epochs a stage, to try things out; None: as it is."""
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
)

RECIPES = {recipe.name: recipe for recipe in _RECIPES}
