from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch

from facetally.gender.model.card import trainings_of
from facetally.gender.model.checkpoint import load_checkpoint
from facetally.gender.model.networks import BACKBONES, FaceNetwork
from facetally.gender.training.augment import VIDEO, AugmentOptions
from facetally.gender.training.distillation import TARGET_COLUMNS
from facetally.gender.training.inference import normalise
from facetally.gender.training.losses import face_loss
from facetally.gender.training.recipes import RECIPES, Recipe, Stage

AGES = ("age-resnet50", "age-resnet34", "age-efficientnet-b0")
FACES = ("faces-resnet50", "faces-resnet34", "faces-efficientnet-b0")


def values(recipe: Recipe, names: str) -> list[Any]:
    return [getattr(recipe, name) for name in names.split()]


def first_batch(recipe: Recipe) -> tuple[FaceNetwork, torch.Tensor, torch.Tensor]:
    """The network of a recipe in its first stage, its output for two random crops, and their loss."""
    torch.manual_seed(0)
    network = FaceNetwork(recipe.network, recipe.layout.column_count).train()
    network.freeze_first(recipe.stages[0].frozen_blocks)
    side = recipe.stages[0].size_px or recipe.size_px
    output = network(normalise(torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8), recipe))
    labels = torch.tensor([1.0, 0.0]), torch.tensor([30.0, float("nan")]), torch.ones(2)
    return network, output, face_loss(output, *labels, layout=recipe.layout, options=recipe.loss)


def test_the_recipes_are_listed_by_their_names() -> None:
    names = ["gender-utkface", "genderage", *AGES, "gender-focal", "gender-age-128", "facetally", *FACES]
    assert list(RECIPES) == [recipe.name for recipe in RECIPES.values()] == names


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_learns_from_a_batch(name: str) -> None:
    recipe = RECIPES[name]
    network, output, loss = first_batch(recipe)
    assert output.shape == (2, recipe.layout.column_count)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
    assert loss.isfinite() and loss > 0
    learnable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert learnable and all(p.grad is not None and p.grad.isfinite().all() for p in learnable)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_known_options(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.network.backbone in BACKBONES
    assert recipe.schedule in ("cosine", "plateau", "constant")
    assert recipe.balance in ("none", "weights", "oversample")
    assert recipe.stages


def test_gender_utkface_tunes_the_last_blocks_with_adam_for_ten_epochs() -> None:
    recipe = RECIPES["gender-utkface"]
    assert recipe.network.backbone == "mobilenet_v2" and recipe.layout.column_count == 2
    assert recipe.stages == (Stage(10, 1e-3, frozen_blocks=7),)
    assert recipe.weight_decay == 0


def test_genderage_scales_pixels_to_0_to_1_and_has_its_layers() -> None:
    recipe = RECIPES["genderage"]
    crops = torch.tensor([0, 255], dtype=torch.uint8).repeat(1, 112, 112 // 2, 3).reshape(1, 112, 112, 3)
    network_input = normalise(crops, recipe)
    assert network_input.shape == (1, 3, recipe.size_px, recipe.size_px) == (1, 3, 112, 112)
    assert set(network_input.flatten().tolist()) == {0, 1}
    network = FaceNetwork(recipe.network, recipe.layout.column_count)
    convolutions = [m for m in network.features.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [32, 64, 128, 256, 512]
    assert [(c.kernel_size, c.stride[0]) for c in convolutions] == [((3, 3), 2)] + [((3, 3), 1)] * 4
    assert sum(isinstance(m, torch.nn.MaxPool2d) for m in network.modules()) == 4
    assert vars(recipe.network) == {"backbone": "five_blocks", "hidden": 128, "dropout": 0.5, "hidden_dropout": 0.3}
    assert sum(p.numel() for p in network.parameters()) == 1_569_568 + 512 * 128 + 128 + 128 * 3 + 3


def test_genderage_trains_with_its_documented_options() -> None:
    recipe = RECIPES["genderage"]
    assert vars(recipe.layout) == {"gender": "two_logits", "age": "per_100"}
    assert (recipe.loss.gender_weight, recipe.loss.age_weight, recipe.loss.focal_gamma) == (1, 2, 0)
    assert recipe.stages == (Stage(50, 1e-3),)
    assert values(recipe, "schedule patience_epochs weight_decay") == ["plateau", 5, 0]
    assert recipe.early_stop_epochs is not None


@pytest.mark.parametrize("name", AGES)
def test_age_recipes_train_the_head_first_and_then_everything_at_a_lower_rate(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.network.backbone == name.removeprefix("age-").replace("-", "_")
    assert vars(recipe.layout) == {"gender": "none", "age": "per_100"}
    head, whole = recipe.stages
    assert (head.frozen_blocks, whole.frozen_blocks) == (None, 0)
    assert whole.learning_rate < head.learning_rate
    assert recipe.weight_decay > 0 and recipe.schedule == "plateau"


@pytest.mark.parametrize("name", FACES)
def test_a_backbone_is_trained_on_faces_for_each_age_recipe_and_takes_teachers(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.network.backbone == RECIPES[name.replace("faces", "age")].network.backbone
    assert recipe.layout == TARGET_COLUMNS
    assert recipe.thawed() == recipe


def test_only_one_age_recipe_has_the_focal_error() -> None:
    assert [RECIPES[name].loss.focal_age_gamma for name in AGES] == [1, 0, 0]


def test_gender_focal_has_its_documented_options() -> None:
    recipe = RECIPES["gender-focal"]
    assert values(recipe, "size_px balance tune_threshold early_stop_epochs schedule weight_decay") == [
        *(224, "oversample", True, 5, "plateau", 0)
    ]
    assert recipe.stages == (Stage(25, 1e-5),)
    assert (recipe.loss.focal_alpha, recipe.loss.focal_gamma) == (0.5, 1.5)
    assert vars(recipe.layout) == {"gender": "female_logit", "age": "none"}
    assert (recipe.network.hidden, recipe.network.hidden_dropout) == (128, 0.3)
    assert recipe.augment.max_shear and recipe.augment.max_turn_degrees and recipe.augment.max_brightness


def test_gender_age_128_freezes_the_backbone_and_then_all_but_its_last_layers() -> None:
    recipe = RECIPES["gender-age-128"]
    assert values(recipe, "size_px batch_size") == [128, 128]
    assert [(s.epochs, s.learning_rate) for s in recipe.stages] == [(15, 1e-3), (15, 1e-4)]
    assert recipe.stages[0].frozen_blocks is None
    assert (recipe.network.hidden, recipe.network.hidden_dropout) == (128, 0.3)
    assert vars(recipe.layout) == {"gender": "two_logits", "age": "per_100"}


def test_only_the_production_model_is_trained_with_video_augmentation() -> None:
    assert [recipe.name for recipe in RECIPES.values() if recipe.augment == VIDEO] == ["facetally"]
    probs = [f"{change}_prob" for change in ("gamma", "grey", "cover", "blur", "shrink", "noise", "jpeg")]
    only_for_video = ["max_tint", *probs]
    assert not any(getattr(AugmentOptions(), name) for name in only_for_video)
    assert all(getattr(VIDEO, name) for name in only_for_video)


def test_different_recipes_have_different_representations() -> None:
    recipe = RECIPES["facetally"]
    assert repr(replace(recipe, loss=replace(recipe.loss, age_weight=0.4))) != repr(recipe)
    assert len({repr(recipe) for recipe in RECIPES.values()}) == 11


def test_a_shortened_recipe_has_no_more_epochs_than_asked_for() -> None:
    recipe = replace(RECIPES["facetally"], stages=(Stage(28, 1e-3), Stage(12, 5e-4)))
    assert [stage.epochs for stage in recipe.shortened(20).stages] == [20, 12]
    assert recipe.shortened(None) == recipe


def test_a_thawed_recipe_freezes_nothing() -> None:
    frozen = RECIPES["gender-age-128"]
    assert [stage.frozen_blocks for stage in frozen.stages] == [None, 9]
    assert frozen.thawed() == replace(frozen, stages=(Stage(15, 1e-3), Stage(15, 1e-4)))


def test_the_production_weights_were_trained_with_the_current_recipe() -> None:
    card = load_checkpoint(Path(__file__).resolve().parents[3] / "models" / "facetally.pth")[1]
    made, recipe = card.training, json.loads(json.dumps(asdict(RECIPES["facetally"])))
    stages = [Stage(**stage) for training in trainings_of(made) for stage in training["stages"]]
    assert stages == [Stage(**stage) for stage in recipe.pop("stages")]
    assert card.mirrored == recipe["mirrored"]
    augment = asdict(AugmentOptions()) | made["augment"]  # weights may be older than an option that they do not use
    assert recipe == {key: made[key] for key in recipe} | {"augment": json.loads(json.dumps(augment))}
