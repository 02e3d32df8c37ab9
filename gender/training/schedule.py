"""The learning rate of a stage."""

from __future__ import annotations

import math

from facetally.gender.training.recipes import Recipe, Stage

WARM_UP_STEPS = 100
"""The learning rate of a stage rises to its initial value over this many steps."""


class LearningRateSchedule:
    """The learning rate of a stage: a warm-up, then the recipe's schedule."""

    def __init__(self, recipe: Recipe, stage: Stage, steps_per_epoch: int) -> None:
        self._recipe, self._stage = recipe, stage
        self._steps = steps_per_epoch * stage.epochs
        self._warm_up = min(WARM_UP_STEPS, steps_per_epoch)
        self._state = {"step": 0, "factor": 1.0, "best": math.inf, "stale": 0}

    def rate(self) -> float:
        """The rate of the next step."""
        step = self._state["step"]
        factor = self._state["factor"] * min(1.0, (step + 1) / self._warm_up)
        if self._recipe.schedule == "cosine":
            factor *= 0.5 * (1 + math.cos(math.pi * step / self._steps))
        return self._stage.learning_rate * factor

    def next_rate(self) -> float:
        """Returns the rate of the next step and advances by one step."""
        rate = self.rate()
        self._state["step"] += 1
        return rate

    def after_epoch(self, selection_loss: float) -> None:
        """On a plateau, halves the rate after more than `patience_epochs` epochs in a row without a lower loss."""
        if self._recipe.schedule != "plateau":
            return
        if selection_loss < self._state["best"]:
            self._state |= {"best": selection_loss, "stale": 0}
            return
        self._state["stale"] += 1
        if self._state["stale"] > self._recipe.patience_epochs:
            self._state |= {"factor": self._state["factor"] / 2, "stale": 0}

    def state_dict(self) -> dict[str, float]:
        """Everything that changes during training."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Resumes from a `state_dict`."""
        self._state = dict(state)
