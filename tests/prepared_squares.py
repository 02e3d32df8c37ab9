"""Prepared squares of drawn scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from drawn_scenes import drawn_scenes

from facetally.detection.training.prepared import SquareStore
from facetally.detection.training.preparing import prepare
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import Scene, SceneKind
from facetally.detection.training.teacher import Teacher


def sources(scenes: Sequence[Scene]) -> list[tuple[SceneKind, Callable[[], Scene]]]:
    """The scenes as `prepare` takes them."""
    return [(scene.kind, partial(lambda own: own, scene)) for scene in scenes]


def prepared(folder: Path, recipe: ScrfdRecipe, count: int = 24, passes: int = 1) -> SquareStore:
    """Squares of drawn scenes, four of each, without a teacher."""
    return prepared_from(drawn_scenes(count), folder, recipe, passes=passes)


def prepared_from(
    scenes: Sequence[Scene],
    folder: Path,
    recipe: ScrfdRecipe,
    *,
    teacher: Teacher | None = None,
    passes: int = 1,
    shard_squares: int = 512,
) -> SquareStore:
    """Squares of these scenes."""
    parts = prepare(
        sources(scenes), folder, recipe, seed=0, passes=passes, teacher=teacher, shard_squares=shard_squares
    )
    assert all(done <= total for done, total in parts)
    return SquareStore(folder)
