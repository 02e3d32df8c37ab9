from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch

from facetally.gender.training.recipes import RECIPES, Schedule, Stage
from facetally.gender.training.schedule import WARM_UP_STEPS, LearningRateSchedule

RECIPE = replace(RECIPES["facetally"], schedule="constant", patience_epochs=2)
STAGE = Stage(4, 0.1)


def test_the_rate_rises_over_its_first_steps_and_stays_constant() -> None:
    schedule = LearningRateSchedule(RECIPE, STAGE, 1000)
    rates = [schedule.next_rate() for _ in range(200)]
    assert rates[:3] == pytest.approx([0.001, 0.002, 0.003])
    assert rates[WARM_UP_STEPS - 2] < rates[WARM_UP_STEPS - 1] == 0.1
    assert set(rates[WARM_UP_STEPS:]) == {0.1}


def test_the_warm_up_ends_within_the_first_epoch() -> None:
    schedule = LearningRateSchedule(RECIPE, STAGE, 4)
    assert [schedule.next_rate() for _ in range(5)] == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])


def test_reading_the_rate_does_not_advance_it() -> None:
    schedule = LearningRateSchedule(RECIPE, STAGE, 4)
    assert [schedule.rate(), schedule.rate(), schedule.next_rate(), schedule.rate()] == pytest.approx(
        [0.025, 0.025, 0.025, 0.05]
    )


def test_the_cosine_falls_to_zero_over_the_stage() -> None:
    schedule = LearningRateSchedule(replace(RECIPE, schedule="cosine"), STAGE, 100)
    rates = [schedule.next_rate() for _ in range(400)]
    assert rates[100] == pytest.approx(0.1 * 0.5 * (1 + 0.5**0.5))  # a quarter: the cosine of 45 degrees
    assert rates[200] == pytest.approx(0.05)
    assert rates[300] == pytest.approx(0.1 * 0.5 * (1 - 0.5**0.5))
    assert 0 < rates[399] < 1e-5
    assert schedule.rate() == 0


@pytest.mark.parametrize("losses", [[3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 5, 5], [1, 2, 3, 4, 0.5, 2, 3, 4, 5, 6, 7, 8]])
def test_a_plateau_halves_the_rate_like_torchs_scheduler(losses: list[float]) -> None:
    schedule = LearningRateSchedule(replace(RECIPE, schedule="plateau"), STAGE, 1)
    optimizer = torch.optim.Adam([torch.zeros(1)], 0.1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, threshold=0)
    ours, expected = [], []
    for loss in losses:
        schedule.after_epoch(loss)
        theirs.step(loss)
        ours.append(schedule.rate())
        expected.append(optimizer.param_groups[0]["lr"])
    assert ours == pytest.approx(expected)
    assert len(set(ours)) > 1


@pytest.mark.parametrize("name", ["constant", "cosine"])
def test_other_schedules_ignore_the_loss(name: Schedule) -> None:
    schedule = LearningRateSchedule(replace(RECIPE, schedule=name), STAGE, 100)
    before = schedule.rate()
    for _ in range(10):
        schedule.after_epoch(1.0)
    assert schedule.rate() == before


def test_a_schedule_resumes_from_its_state() -> None:
    recipe = replace(RECIPE, schedule="plateau", patience_epochs=0)
    first, second = LearningRateSchedule(recipe, STAGE, 4), LearningRateSchedule(recipe, STAGE, 4)
    for loss in (2.0, 3.0):
        first.next_rate()
        first.after_epoch(loss)
    second.load_state_dict(first.state_dict())
    assert second.rate() == first.rate() == pytest.approx(0.1 * 3 / 4 / 2)
    first.next_rate()
    assert second.rate() == pytest.approx(0.1 * 3 / 4 / 2)  # two separate schedules
    second.after_epoch(2.5)
    assert second.rate() == pytest.approx(0.1 * 3 / 4 / 4)  # the best loss is part of the state
