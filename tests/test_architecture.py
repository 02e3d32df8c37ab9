"""Who may import whom: the rooms, the levels inside `pipeline/`, and front doors that open fast."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "scripts": {"scripts", "pipeline", "detection", "gender"},
    "pipeline": {"pipeline", "detection", "gender"},
    "detection": {"detection"},
    "gender": {"gender"},
}
"""Which rooms each room may import."""
LEVELS = (
    {"errors", "child_processes"},
    {"options", "statistics", "forecast"},
    {"csv_rows", "quantifiers", "cli_options", "config", "nal", "skipping", "read_ahead"},
    {"decoding", "weights", "inputs", "truth", "names", "correction"},
    {"video"},
    {"follow", "doctor", "truth_formats", "readings", "face_cutting"},
    {"truth_cvat", "truth_mot", "truth_label_studio", "truth_timeline", "alignment"},
    {"people", "truth_placing", "label_findings"},
    {"truth_import"},
    {"tables", "engines", "model_evaluation", "model_page"},
    {"ledger", "model_training"},
    {"workers"},
    {"plan"},
    {"run", "tally", "progress", "matching", "predict", "training_display"},
    {"judging", "truth_check", "annotate"},
    {"measures", "calibration"},
    {"abstention"},
    {"validate"},
    {"compare", "contact_sheet"},
    {"report"},
    {"validation_report"},
    {"summary"},
    {"cli_run", "cli_truth", "cli_predict", "cli_models"},
    {"cli"},
)
"""Modules of `pipeline/`, the lowest first: each imports only from levels below its own."""
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
HEAVY = ("torch", "onnxruntime", "cv2", "pandas", "pyarrow", "numpy", "scipy", "av", "jinja2")


def modules(room: str) -> dict[str, Path]:
    """The modules of a room by their dotted names; a package goes by its folder's name."""
    paths = sorted((ROOT / room).rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


OURS = {name for room in ALLOWED for name in modules(room)}


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
            if name.split(".")[0] in ALLOWED:
                yield name if name in OURS else name.rpartition(".")[0] or name


def imports_of(name: str, path: Path) -> set[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return set(imported(path.read_text(encoding="utf-8"), package))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import pipeline.cli", ["pipeline.cli"]),
        ("from pipeline import cli, __version__", ["pipeline.cli", "pipeline"]),
        ("from pipeline.cli import main", ["pipeline.cli"]),
        ("def late():\n    from gender import networks as n", ["gender.networks"]),
        ("from . import cli\nfrom .run import Plan", ["pipeline.cli", "pipeline.run"]),
        ("import numpy, os.path\nfrom collections import abc", []),
    ],
)
def test_every_way_to_import_is_seen(source: str, names: list[str]) -> None:
    assert list(imported(source, "pipeline")) == names


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_the_rooms_it_may(room: str) -> None:
    found = modules(room)
    assert found
    for name, path in found.items():
        forbidden = {other for other in imports_of(name, path) if other.split(".")[0] not in ALLOWED[room]}
        assert not forbidden, f"{name} must not import {forbidden}"


@pytest.mark.parametrize("room", ALLOWED)
def test_no_room_has_a_circle_of_imports(room: str) -> None:
    graph = {name: imports_of(name, path) - {room} for name, path in modules(room).items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


def test_inside_the_pipeline_imports_run_downwards() -> None:
    for name, path in modules("pipeline").items():
        if name == "pipeline":
            continue
        own = name.split(".")[1]
        assert own in LEVEL_OF, f"{name} is new: give it a level in LEVELS"
        for other in imports_of(name, path) - {"pipeline"}:
            if other.startswith("pipeline."):
                assert LEVEL_OF[other.split(".")[1]] < LEVEL_OF[own], f"{name} must not import {other}"


def loaded_by(code: str) -> set[str]:
    """Which heavy libraries a fresh interpreter has loaded after running some code."""
    code += f"\nimport json, sys\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_by("import pipeline.cli") == set()


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]], ids=" ".join)
def test_help_is_answered_without_anything_heavy(words: list[str]) -> None:
    code = f"from pipeline.cli import main\ntry:\n    main({words})\nexcept SystemExit as end:\n    assert not end.code"
    assert loaded_by(code) == set()


def test_a_run_with_onnx_files_needs_no_torch() -> None:
    loaded = loaded_by("import pipeline.run, pipeline.engines, pipeline.report")
    assert "torch" not in loaded
    assert "numpy" in loaded
