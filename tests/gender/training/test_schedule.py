from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch

from facetally.gender.training.recipes import RECIPES, Stage
from facetally.gender.training.schedule import WARM_UP_STEPS, LearningRateSchedule

RECIPE = replace(RECIPES["facetally"], schedule="constant", patience_epochs=2)
STAGE = Stage(4, 0.1)


def test_the_rate_rises_over_its_first_steps_and_stays() -> None:
    pace = LearningRateSchedule(RECIPE, STAGE, 1000)
    rates = [pace.next_rate() for _ in range(200)]
    assert rates[:3] == pytest.approx([0.001, 0.002, 0.003])
    assert rates[WARM_UP_STEPS - 2] < rates[WARM_UP_STEPS - 1] == 0.1
    assert set(rates[WARM_UP_STEPS:]) == {0.1}


def test_a_warm_up_is_over_with_the_first_epoch() -> None:
    pace = LearningRateSchedule(RECIPE, STAGE, 4)
    assert [pace.next_rate() for _ in range(5)] == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])


def test_the_next_rate_is_seen_without_taking_it() -> None:
    pace = LearningRateSchedule(RECIPE, STAGE, 4)
    assert [pace.rate(), pace.rate(), pace.next_rate(), pace.rate()] == pytest.approx([0.025, 0.025, 0.025, 0.05])


def test_the_cosine_falls_to_zero_over_the_stage() -> None:
    pace = LearningRateSchedule(replace(RECIPE, schedule="cosine"), STAGE, 100)
    rates = [pace.next_rate() for _ in range(400)]
    assert rates[100] == pytest.approx(0.1 * 0.5 * (1 + 0.5**0.5))  # a quarter: the cosine of 45 degrees
    assert rates[200] == pytest.approx(0.05)
    assert rates[300] == pytest.approx(0.1 * 0.5 * (1 - 0.5**0.5))
    assert 0 < rates[399] < 1e-5
    assert pace.rate() == 0


@pytest.mark.parametrize("losses", [[3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 5, 5], [1, 2, 3, 4, 0.5, 2, 3, 4, 5, 6, 7, 8]])
def test_a_plateau_halves_the_rate_as_torchs_schedule_does(losses: list[float]) -> None:
    pace = LearningRateSchedule(replace(RECIPE, schedule="plateau"), STAGE, 1)
    optimizer = torch.optim.Adam([torch.zeros(1)], 0.1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, threshold=0)
    ours, expected = [], []
    for loss in losses:
        pace.after_epoch(loss)
        theirs.step(loss)
        ours.append(pace.rate())
        expected.append(optimizer.param_groups[0]["lr"])
    assert ours == pytest.approx(expected)
    assert len(set(ours)) > 1


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_other_schedules_do_not_look_at_the_loss(schedule: str) -> None:
    pace = LearningRateSchedule(replace(RECIPE, schedule=schedule), STAGE, 100)
    before = pace.rate()
    for _ in range(10):
        pace.after_epoch(1.0)
    assert pace.rate() == before


def test_a_pace_goes_on_where_its_state_was_taken() -> None:
    recipe = replace(RECIPE, schedule="plateau", patience_epochs=0)
    first, second = LearningRateSchedule(recipe, STAGE, 4), LearningRateSchedule(recipe, STAGE, 4)
    for loss in (2.0, 3.0):
        first.next_rate()
        first.after_epoch(loss)
    second.load_state_dict(first.state_dict())
    assert second.rate() == first.rate() == pytest.approx(0.1 * 3 / 4 / 2)
    first.next_rate()
    assert second.rate() == pytest.approx(0.1 * 3 / 4 / 2)  # two paces, not one
    second.after_epoch(2.5)
    assert second.rate() == pytest.approx(0.1 * 3 / 4 / 4)  # the best loss came along
