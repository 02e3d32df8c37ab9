"""Who may import whom, how long a module may grow, and front doors that open fast."""

from __future__ import annotations

import ast
import configparser
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"facetally": "pipeline", "facetally.detection": "detection", "facetally.gender": "gender"}
"""Where the packages lie; `setup.cfg` maps them alike. Scripts are imported by their folder's name."""
INNER = ("facetally.detection", "facetally.gender")
"""Rooms that know nothing of ours but themselves, ..."""
KNOWN_INSIDE = {"facetally.files", "facetally.networks"}
"""... and how to write a file whole and to run a network."""
LEVELS = (
    {"formatting", "child_processes", "csv_cells", "datasets", "networks", "threads"},
    {"errors"},
    {"video_files", "files"},
    {"storage"},
    {"options", "inputs", "local_page", "log", "problems"},
    {"video", "csv_rows", "charts"},
    {"tracks"},
    {"models", "results"},
    {"batch", "images", "training", "truth"},
    {"quantification"},
    {"labelling"},
    {"validation", "tallies", "exports", "inspection", "drawing"},
    {"reporting", "live"},
    {"jobs"},
    {"cli"},
    {"__main__"},
)
"""What lies in `pipeline/`, the lowest first: each imports only itself and what lies on levels below its own."""
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
MAX_MODULE_LINES = 350
MAX_BODY_LINES = 45
HEAVY = ("torch", "onnxruntime", "cv2", "pandas", "pyarrow", "numpy", "scipy", "av", "jinja2")


def modules() -> dict[str, Path]:
    """All modules of ours by their dotted names; a package goes by its folder's name."""
    found = {}
    for package, folder in {**FOLDERS, "scripts": "scripts"}.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


OURS = modules()


def imported(source: str, package: str = "") -> Iterator[str]:
    """The dotted names of our modules that a source imports, wherever in it that stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] + "." if node.level else ""
            start = (base + (node.module or "")).strip(".")
            names = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ("facetally", "scripts", *FOLDERS.values()):
                yield name if name in OURS else name.rpartition(".")[0] or name


@cache
def imports_of(name: str) -> frozenset[str]:
    path = OURS[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return frozenset(imported(path.read_text(encoding="utf-8"), package))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import facetally.cli.main", ["facetally.cli.main"]),
        ("from facetally import cli, __version__", ["facetally.cli", "facetally"]),
        ("from facetally.cli.main import main", ["facetally.cli.main"]),
        ("def late():\n    from facetally.gender.model import networks as n", ["facetally.gender.model.networks"]),
        ("from . import cli\nfrom .batch.run import run_videos", ["facetally.cli", "facetally.batch.run"]),
        ("import pipeline.cli", ["pipeline"]),
        ("import numpy, os.path\nfrom collections import abc", []),
    ],
)
def test_every_way_to_import_is_seen(source: str, names: list[str]) -> None:
    assert list(imported(source, "facetally")) == names


def test_everything_of_ours_goes_by_its_installed_name() -> None:
    for name in OURS:
        strays = imports_of(name) - OURS.keys()
        assert not strays, f"{name} imports {strays}: write facetally, facetally.detection or facetally.gender"


@pytest.mark.parametrize("room", INNER)
def test_an_inner_room_knows_only_itself(room: str) -> None:
    own = [name for name in OURS if name.startswith(room)]
    assert own
    for name in own:
        others = {other for other in imports_of(name) - KNOWN_INSIDE if not other.startswith(room)}
        assert not others, f"{name} must not import {others}: join the two in pipeline/, and hand a function down"


def test_nothing_imports_a_script_but_scripts() -> None:
    for name in OURS:
        scripts = {other for other in imports_of(name) if other.startswith("scripts")}
        assert name.startswith("scripts") or not scripts, f"{name} must not import {scripts}: move it out of scripts/"


def test_there_is_no_circle_of_imports() -> None:
    graph = {name: imports_of(name) - {"facetally"} for name in OURS if name != "facetally"}
    TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


def test_inside_the_pipeline_imports_run_downwards() -> None:
    for name in OURS:
        if name == "facetally" or not name.startswith("facetally.") or name.startswith(INNER):
            continue
        own = name.split(".")[1]
        assert own in LEVEL_OF, f"{own} is new in pipeline/: give it a level in LEVELS, above all that it imports"
        for other in imports_of(name) - {"facetally"}:
            room = other.split(".")[1]
            if not other.startswith(INNER) and room != own:
                higher = f"{name} must not import {other}: move what both need to a level below them"
                assert LEVEL_OF[room] < LEVEL_OF[own], higher


@pytest.mark.parametrize("name", OURS)
def test_a_module_fits_its_budget(name: str) -> None:
    lines = OURS[name].read_text(encoding="utf-8").splitlines()
    assert len(lines) < MAX_MODULE_LINES, f"{name} is too long: find what else it is about, and part it"


@pytest.mark.parametrize("name", [name for name in OURS if name.startswith("facetally")])
def test_a_function_fits_its_budget(name: str) -> None:
    source = OURS[name].read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
            assert lines < MAX_BODY_LINES, f"{name}.{node.name} has {lines} lines: part it into steps with names"


def test_setup_cfg_names_every_package_and_no_other() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    named = set(config["options"]["packages"].split())
    found = {name for name, path in OURS.items() if path.name == "__init__.py"} - {"scripts"}
    assert named == found | {"facetally.bundled"}, "bring [options] packages in setup.cfg up to date"


def loaded_by(code: str) -> set[str]:
    """Which heavy libraries a fresh interpreter has loaded after running some code."""
    code += f"\nimport json, sys\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_by("import facetally.cli.main") == set()


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]], ids=" ".join)
def test_help_is_answered_without_anything_heavy(words: list[str]) -> None:
    code = f"""from facetally.cli.main import main
try:
    main({words})
except SystemExit as end:
    assert not end.code"""
    assert loaded_by(code) == set()


def test_a_run_with_onnx_files_needs_no_torch() -> None:
    loaded = loaded_by("import facetally.batch.run, facetally.models.engines, facetally.reporting.report")
    assert "torch" not in loaded
    assert "numpy" in loaded
