"""Fixtures that are shared by several files."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from drawn_world import MIXED, filmed, one_person

ROOT = Path(__file__).resolve().parent.parent

with suppress(ImportError):
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "facetally",
        max_examples=int(os.environ.get("FACETALLY_EXAMPLES", "150")),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    settings.load_profile("facetally")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real clips, weights and labels; if absent, skips, or fails under FACETALLY_REAL=1."""
    folder = Path(os.environ.get("FACETALLY_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        if os.environ.get("FACETALLY_REAL") == "1":
            pytest.fail(f"needs ../shared: {folder} does not exist, and FACETALLY_REAL=1 requires it")
        pytest.skip("needs ../shared")
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 25 frames/s with one red square. Copy it before changing it."""
    return filmed(tmp_path_factory.mktemp("clip") / "red.mp4", one_person())


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with man.mp4, mixed.mp4 and woman.mp4. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("films")
    filmed(folder / "man.mp4", one_person("blue"))
    filmed(folder / "mixed.mp4", MIXED)
    filmed(folder / "woman.mp4", one_person("red"))
    return folder
