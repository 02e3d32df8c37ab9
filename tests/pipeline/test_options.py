"""The options of a run, and that their digest differs if any of them does."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from facetally.errors import OptionError
from facetally.options import RunOptions, Sampling

HASHES = {"detector": "d" * 64, "classifier": "c" * 64}


def leaves() -> list[tuple[str, str | None]]:
    """Every option as (stage or plain option, option of the stage or None)."""
    found: list[tuple[str, str | None]] = []
    for field in fields(RunOptions):
        value = getattr(RunOptions(), field.name)
        found += [(field.name, None)] if isinstance(value, str) else [(field.name, name) for name in asdict(value)]
    return found


def other(value: Any) -> Any:
    """Another allowed value."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, int):
        return value + 32
    return value * 0.9 if value > 1 else value * 0.5 + 0.5 if value < 1 else 1.5


@pytest.mark.parametrize(("stage", "name"), leaves())
def test_any_option_changes_the_digest(stage: str, name: str | None) -> None:
    options = RunOptions()
    value = getattr(options, stage)
    changed = other(value) if name is None else replace(value, **{name: other(getattr(value, name))})
    assert replace(options, **{stage: changed}).digest(HASHES) != options.digest(HASHES)


@pytest.mark.parametrize("role", ["detector", "classifier"])
def test_other_weights_change_the_digest(role: str) -> None:
    assert RunOptions().digest(HASHES | {role: "e" * 64}) != RunOptions().digest(HASHES)


def test_the_digest_is_the_same_in_every_run() -> None:
    reordered = dict(reversed(HASHES.items()))
    assert RunOptions().digest(HASHES) == RunOptions().digest(reordered)
    assert len(RunOptions().digest(HASHES)) == 16


@pytest.mark.parametrize("every_s", [-0.1, 3601, float("nan"), float("inf")])
def test_an_invalid_interval_is_an_error_with_a_fix(every_s: float) -> None:
    with pytest.raises(OptionError, match="--every") as caught:
        Sampling(every_s=every_s)
    assert "--every 0.2" in caught.value.fix
