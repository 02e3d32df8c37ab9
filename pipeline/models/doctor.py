"""Checks an installation: missing packages and weights, packages that overwrite each other, the GPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from facetally.errors import MissingModelError, PipelineError
from facetally.formatting import command
from facetally.models.weights import ModelKind, find_model
from facetally.options import RunOptions

LIBRARIES = ("av", "numpy", "onnx", "onnxruntime", "opencv-python", "pandas", "pyarrow")
RIVALS = (
    ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    ("onnxruntime", "onnxruntime-gpu"),
)
"""Packages that overwrite each other's files: at most one of each group may be installed."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    status: Literal["ok", "MISSING", "FAILED"]
    text: str
    fix: str = ""
    """What to do about it; empty for status ok."""


def findings(models_dir: Path | None = None) -> Iterator[Finding]:
    """Runs all checks and yields their results."""
    yield Finding("ok", f"{os.cpu_count()} CPU cores")
    for name in LIBRARIES:
        yield _library(name)
    for rivals in RIVALS:
        yield from _rivals(rivals)
    yield _devices()
    options = RunOptions()
    yield _model(options.detector, "detector", models_dir)
    yield _model(options.classifier, "classifier", models_dir)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _library(name: str) -> Finding:
    version = _version(name)
    provided_by_rival = any(name in rivals and any(_version(r) for r in rivals) for rivals in RIVALS)
    if version or provided_by_rival:
        return Finding("ok", f"{name} {version or 'in another build'}")
    return Finding("MISSING", f"{name} is not installed", fix=command("pip", "install", name))


def _rivals(names: tuple[str, ...]) -> Iterator[Finding]:
    present = [name for name in names if _version(name)]
    if len(present) > 1:
        fix = f"{command('pip', 'uninstall', '-y', *present)} && {command('pip', 'install', present[0])}"
        yield Finding("FAILED", f"{' and '.join(present)} overwrite each other", fix=fix)


def _devices() -> Finding:
    try:
        import onnxruntime
    except ImportError as error:
        return Finding("FAILED", f"onnxruntime does not load: {error}", fix="pip install --force-reinstall onnxruntime")
    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return Finding("ok", "onnxruntime can use the GPU" if has_cuda else "onnxruntime runs on the CPU only")


def _model(name: str, kind: ModelKind, models_dir: Path | None) -> Finding:
    try:
        file = find_model(name, kind, models_dir)
    except MissingModelError as error:
        return Finding("MISSING", error.what, error.fix)
    except PipelineError as error:
        return Finding("FAILED", error.what, error.fix)
    return Finding("ok", f"{kind} {name}: {file.path} (verified; licence: {file.licence})")
