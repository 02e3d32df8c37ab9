"""Fixtures that are shared by several files."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # the processes of a parallel run share the cores
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

from browser import launched
from drawn_world import MIXED, filmed, one_person

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from small_scrfd import SmallScrfd

ROOT = Path(__file__).resolve().parent.parent

# Without __pycache__, each of the hundreds of child processes that tests start would compile the package anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

gc.disable()  # until all tests are collected, as modules and tests stay

with suppress(ImportError):
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "facetally",
        max_examples=int(os.environ.get("FACETALLY_EXAMPLES", "150")),
        derandomize="FACETALLY_EXAMPLES" not in os.environ,  # one commit, one result; a search for more is asked for
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    settings.load_profile("facetally")


COSTLY = ("browser", "small_embedding", "small_scrfd", "weights_pair", "wheel")
"""Fixtures of the whole session that take seconds: in a parallel run, all tests that use one go to the same process."""
FIRST = (
    *("tests/test_wheel.py", "tests/scripts/test_campaign.py", "tests/test_working_folder.py"),
    *("tests/pipeline/labelling/test_real_labelling.py", "tests/scripts/test_train_scrfd.py"),
    *("tests/scripts/test_dirty_videos.py", "tests/pipeline/truth/check/test_checkup.py"),
    *("tests/scripts/test_finetune_gender_classifier.py", "tests/pipeline/reporting/test_in_a_browser.py"),
    *("tests/pipeline/training/test_train.py", "tests/pipeline/live/", "tests/detection/training/test_training.py"),
)
"""Tests that take long one after the other: a parallel run begins with them, so that no process is left with one while
the others have nothing to do."""

WAITING = (
    *("tests/pipeline/batch/test_ray.py", "tests/pipeline/live/test_camera", "tests/pipeline/live/test_recordings.py"),
    *("tests/pipeline/live/test_rtsp.py", "tests/pipeline/live/test_window.py"),
    "tests/scripts/test_campaign.py::test_runs_on_ray_that_were_killed_resume_to_the_same_bytes",
    "tests/scripts/test_campaign.py::test_the_memory_of_a_live_picture_is_flat_for_half_a_minute",
)
"""Tests that wait for a camera, or for Ray, most of their time. In a parallel run all go to one process, so that no
two of them wait at once while the cores have nothing to do. Besides, there can be one cluster of Ray only."""


def pytest_configure(config: pytest.Config) -> None:
    """Each process of a parallel run of all tests begins to collect at another file.

    Rewriting the assertions of a file takes longer than all else that collecting does. So each process does it for its
    part of the files, and finds the others in __pycache__.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if worker and [Path(word).resolve() for word in config.args] == [ROOT / "tests"]:
        files = [str(path) for path in all_test_files()]
        first = len(files) * int(worker) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        config.args[:] = [*files[first:], *files[:first]]


def all_test_files() -> list[Path]:
    return sorted((ROOT / "tests").rglob("test_*.py"))


@pytest.hookimpl(wrapper=True)  # marks before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    if "PYTEST_XDIST_WORKER" in os.environ:  # all processes must have the same order
        places = {path: number for number, path in enumerate(all_test_files())}
        items.sort(key=lambda item: places.get(item.path, len(places)))
    for item in items:
        if group := group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))
    yield
    items.sort(key=lambda item: next((at for at, path in enumerate(FIRST) if item.nodeid.startswith(path)), len(FIRST)))


def group_of(item: pytest.Item) -> str | None:
    """Tests that wait, or share a costly fixture, or one of their module, which each process would make anew."""
    if item.nodeid.startswith(WAITING):
        return "waiting"
    if costly := next((name for name in COSTLY if name in getattr(item, "fixturenames", ())), None):
        return costly
    found = getattr(item, "_fixtureinfo", None)
    fixtures = found.name2fixturedefs.items() if found else ()
    own = {name for name, definitions in fixtures if definitions[-1].scope in ("module", "class", "package")}
    if not own:
        return None
    call = getattr(item, "callspec", None)
    values = [f"{name}{call.indices[name]}" for name in sorted(own & call.params.keys())] if call else []
    return "-".join([item.nodeid.partition("::")[0], *values])


def pytest_collection_finish() -> None:
    """Spares the garbage collector the tests and libraries, which stay: it took a fifteenth of the processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


SCHEDULING = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None


@pytest.fixture(autouse=True)
def ordinary_scheduling() -> Iterator[None]:
    """No test may leave a real-time process behind: all that is started after it would have the cores to itself."""
    yield
    if SCHEDULING is not None:
        assert os.sched_getscheduler(0) == SCHEDULING, "this process became a real-time one (see ordinary_priority)"


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
def browser() -> Iterator[Browser]:
    """Chromium as it is installed on this machine; without it the test is skipped."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def small_scrfd(tmp_path_factory: pytest.TempPathFactory) -> SmallScrfd:
    """A small face detector with its export; an export takes seconds, so it is made once."""
    pytest.importorskip("torch")
    from small_scrfd import make_small_scrfd

    return make_small_scrfd(tmp_path_factory.mktemp("small_scrfd"))


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
