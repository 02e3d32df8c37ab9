from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch
from torch import nn

import gender.training
from gender.networks import MobileNetV2Gender
from gender.training import CropSet, EpochResult, TrainingOptions, evaluate, predict_logits, train

MARGIN_PX = 4
OUTER_PX = 32 + 2 * MARGIN_PX
OPTIONS = TrainingOptions(epochs=2, batch_size=8, learning_rate=1e-2, seed=3)


def bright_women_dark_men(count: int, seed: int) -> CropSet:
    random = np.random.default_rng(seed)
    is_female = random.random(count) < 0.5
    crops = random.integers(0, 60, (count, OUTER_PX, OUTER_PX, 3)) + 190 * is_female[:, None, None, None]
    return CropSet(crops.astype(np.uint8), is_female, MARGIN_PX)


TRAIN_SET, HELD_OUT = bright_women_dark_men(32, seed=1), bright_women_dark_men(12, seed=2)


def small_network(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    body = [nn.Conv2d(3, 4, 5, stride=4), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*body, nn.Dropout(dropout), nn.Linear(4, 2))


def small_network_with_dropout() -> nn.Module:
    return small_network(0.5)


def frozen_mobilenet() -> nn.Module:
    torch.manual_seed(0)
    network = MobileNetV2Gender()
    network.freeze_first(7)
    return network


class Redness(nn.Module):
    """Logits (0, mean red after normalisation)."""

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        red = crops[:, 0].mean(dim=(1, 2))
        return torch.stack([torch.zeros_like(red), red], 1)


def run(network: nn.Module, state: Path, options: TrainingOptions = OPTIONS, **changes: Any) -> list[EpochResult]:
    sets = {"train_set": TRAIN_SET, "held_out": HELD_OUT} | changes
    return list(train(network, sets["train_set"], sets["held_out"], options, state))


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_bright_and_dark_crops_are_told_apart(tmp_path: Path) -> None:
    network = small_network()
    before = evaluate(network, HELD_OUT)[0].accuracy
    results = run(network, tmp_path / "state.pth", replace(OPTIONS, epochs=6))
    assert [r.epoch for r in results] == [1, 2, 3, 4, 5, 6]
    assert results[-1].train_loss < results[0].train_loss
    assert before < results[-1].held_out_accuracy == 1 == evaluate(network, HELD_OUT)[0].accuracy


@pytest.mark.parametrize("build", [small_network, small_network_with_dropout, frozen_mobilenet])
def test_training_killed_in_its_second_epoch_ends_in_the_same_weights(
    tmp_path: Path, build: Callable[[], nn.Module]
) -> None:
    def kill_at_6(step: int, _steps: int, _loss: float) -> None:
        if step == 6:
            raise KeyboardInterrupt

    uninterrupted = build()
    whole = run(uninterrupted, tmp_path / "whole.pth")
    with pytest.raises(KeyboardInterrupt):
        list(train(build(), TRAIN_SET, HELD_OUT, OPTIONS, tmp_path / "state.pth", on_step=kill_at_6))
    resumed = build()  # as a new process builds it
    rest = run(resumed, tmp_path / "state.pth")
    assert [r.epoch for r in rest] == [1, 2]
    assert same(weights(resumed), weights(uninterrupted))
    assert rest[1].held_out_loss == whole[1].held_out_loss


def test_finished_training_is_loaded_and_not_repeated(tmp_path: Path) -> None:
    network = small_network()
    results = run(network, tmp_path / "state.pth")
    again = small_network()
    assert not same(weights(again), weights(network))
    assert run(again, tmp_path / "state.pth") == results  # seconds too
    assert same(weights(again), weights(network))


def test_a_state_of_other_options_is_refused(tmp_path: Path) -> None:
    run(small_network(), tmp_path / "state.pth")
    with pytest.raises(ValueError, match="other options"):
        run(small_network(), tmp_path / "state.pth", replace(OPTIONS, augment=replace(OPTIONS.augment, max_shift=0)))


def test_a_state_of_other_data_is_refused(tmp_path: Path) -> None:
    run(small_network(), tmp_path / "state.pth")
    with pytest.raises(ValueError, match="or data"):
        list(train(small_network(), TRAIN_SET, HELD_OUT, OPTIONS, tmp_path / "state.pth", identity="other crops"))


def test_too_few_crops_for_a_batch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too few"):
        run(small_network(), tmp_path / "state.pth", train_set=bright_women_dark_men(7, seed=1))


def test_frozen_blocks_stay_and_the_later_ones_learn(tmp_path: Path) -> None:
    network = frozen_mobilenet()
    before = weights(network)
    run(network, tmp_path / "state.pth", replace(OPTIONS, epochs=1))
    changed = {name for name, tensor in weights(network).items() if not torch.equal(tensor, before[name])}
    blocks = {int(name.split(".")[1]) for name in changed if name.startswith("features.")}
    assert blocks == set(range(7, 19))
    assert {"classifier.1.weight", "features.7.conv.0.0.weight", "features.7.conv.0.1.running_mean"} <= changed


def test_held_out_crops_have_no_say_in_the_weights(tmp_path: Path) -> None:
    first, second = small_network(), small_network()
    run(first, tmp_path / "first.pth")
    run(second, tmp_path / "second.pth", held_out=bright_women_dark_men(5, seed=9))
    assert same(weights(first), weights(second))


def test_every_step_is_told_with_the_number_of_all(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    list(train(small_network(), TRAIN_SET, HELD_OUT, OPTIONS, tmp_path / "s", on_step=lambda *s: told.append(s[:2])))
    assert told == [(step, 8) for step in range(1, 9)]  # 32 crops / 8 a batch * 2 epochs


def test_only_training_augments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("augmented")

    monkeypatch.setattr(gender.training, "augment", refuse)
    network = small_network()
    assert np.array_equal(predict_logits(network, HELD_OUT), predict_logits(network, HELD_OUT))
    assert evaluate(network, HELD_OUT) == evaluate(network, HELD_OUT)
    with pytest.raises(AssertionError, match="augmented"):
        run(network, tmp_path / "state.pth")


def test_every_epoch_has_its_own_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def spy(crops: torch.Tensor, margin_px: int, *_: Any) -> torch.Tensor:
        seen.append(crops)
        return crops[:, :, margin_px:-margin_px, margin_px:-margin_px]

    monkeypatch.setattr(gender.training, "augment", spy)
    run(small_network(), tmp_path / "state.pth")
    epochs = torch.cat(seen).mean((1, 2, 3)).reshape(2, 32)
    assert not torch.equal(epochs[0], epochs[1])
    assert torch.equal(epochs[0].sort().values, epochs[1].sort().values)  # all crops, once each


def test_predictions_see_the_middle_only_and_no_dropout() -> None:
    network = small_network_with_dropout().train()
    logits = predict_logits(network, HELD_OUT)
    other_margin = np.random.default_rng(0).integers(0, 256, HELD_OUT.crops.shape, dtype=np.uint8)
    middle = slice(MARGIN_PX, OUTER_PX - MARGIN_PX)
    other_margin[:, middle, middle] = HELD_OUT.crops[:, middle, middle]
    assert np.ptp(logits) > 0.01
    assert np.array_equal(predict_logits(network.train(), replace(HELD_OUT, crops=other_margin)), logits)


def test_the_batch_size_does_not_change_predictions() -> None:
    network = small_network()
    assert np.allclose(predict_logits(network, HELD_OUT, batch_size=5), predict_logits(network, HELD_OUT), atol=1e-5)


def test_evaluation_counts_class_1_as_female_and_averages_the_loss() -> None:
    crops = np.zeros((3, 8, 8, 3), np.uint8)
    crops[:2, :, :, 0] = 255  # the first two are red: told female
    evaluation, loss = evaluate(Redness(), CropSet(crops, np.array([True, False, False]), margin_px=2))
    assert vars(evaluation) == {
        "male_as_male": 1,
        "male_as_female": 1,
        "female_as_male": 0,
        "female_as_female": 1,
    }
    red, black = (1 - 0.485) / 0.229, -0.485 / 0.229
    expected = math.log1p(math.exp(-red)) + math.log1p(math.exp(red)) + math.log1p(math.exp(black))
    assert loss == pytest.approx(expected / 3, abs=1e-5)


def test_crops_and_labels_are_picked_together() -> None:
    crops = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.full((1, 2, 2, 3), 51, np.uint8)
    some = CropSet(crops, np.array([True, False, True]), 0)[np.array([True, False, True])]
    assert len(some) == 2 and some.is_female.tolist() == [True, True]
    tensor = some.tensor(np.array([1]))
    assert tensor.shape == (1, 3, 2, 2)
    assert torch.allclose(tensor, torch.tensor(0.4))  # 2 * 51 / 255
