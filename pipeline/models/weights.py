"""Finds weights by name and verifies them each time; downloads official ones on request only, never in a run."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TextIO

from facetally.errors import MissingModelError, ModelError
from facetally.files import sha256_of, whole_file
from facetally.formatting import command

CHECKOUT = Path(__file__).resolve().parents[2]
MODELS_VARIABLE = "FACETALLY_MODELS"
SHARED_VARIABLE = "FACETALLY_SHARED"
ALIASES = {"ours": "facetally_scrfd_500m"}
"""Short names, for use on the command line."""
UNTRAINED = "untrained"
"""The name of a classifier that is a backbone alone: it predicts nothing."""
ModelKind = Literal["detector", "classifier", "embedder"]


@dataclass(frozen=True)
class KnownModel:
    """A line of models/manifest.csv: one file with the weights of a model."""

    name: str
    kind: ModelKind
    file: str
    sha256: str
    bytes: int
    url: str
    """Where `pull` fetches a .zip with the file; empty for weights that are included, or not available."""
    archive_sha256: str
    licence: str
    note: str


@dataclass(frozen=True)
class ModelFile:
    """Weights on this machine, with the hash of their content."""

    name: str
    path: Path
    sha256: str
    licence: str
    is_known: bool = False
    """Whether its content is that of a model in the manifest."""


def bundled_folder() -> Path:
    """The folder with our own weights and the manifest."""
    return Path(str(resources.files("facetally.bundled")))


def cache_folder() -> Path:
    """Where `pull` stores the weights it fetches."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("facetally")) / "models"


def shared_folder() -> Path:
    """The folder with data, weights and clips beside a development checkout; need not exist."""
    return Path(os.environ.get(SHARED_VARIABLE) or CHECKOUT.parent / "shared")


def folders(models_dir: Path | None = None) -> list[Path]:
    """The folders that are searched for weights, in this order."""
    chosen = models_dir or os.environ.get(MODELS_VARIABLE)
    found = [Path(chosen)] if chosen else []
    return [*found, bundled_folder(), cache_folder(), shared_folder() / "models" / "scrfd"]


def manifest() -> list[KnownModel]:
    """All known weights.

    Raises:
        ModelError: the installation lacks its manifest.
    """
    path = bundled_folder() / "manifest.csv"
    if not path.exists():
        raise ModelError(f"{path} is missing", fix="install facetally again: pip install --force-reinstall facetally")
    with path.open(newline="") as file:
        return [KnownModel(**(row | {"bytes": int(row["bytes"] or 0)})) for row in _rows(file)]


def manifest_by_name() -> dict[str, list[KnownModel]]:
    """The manifest's lines by name, in its order; raises ModelError as `manifest` does."""
    entries: dict[str, list[KnownModel]] = {}
    for model in manifest():
        entries.setdefault(model.name, []).append(model)
    return entries


def _rows(file: TextIO) -> Iterator[dict[str, Any]]:
    yield from csv.DictReader(file)


def record_in_manifest(manifest_path: Path, name: str, weights_path: Path) -> None:
    """Writes the hash and size of newly trained weights into the line of `name`."""
    with manifest_path.open(newline="") as file:
        rows = list(_rows(file))
    for row in rows:
        if row["name"] == name and row["file"] == weights_path.name:
            row |= {"sha256": sha256_of(weights_path), "bytes": str(weights_path.stat().st_size)}
    with whole_file(manifest_path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def find_model(name_or_path: str, kind: ModelKind, models_dir: Path | None = None) -> ModelFile:
    """Finds the weights for a name or a path, and verifies them.

    Args:
        name_or_path: a name from the manifest, an alias, or a path that ends in .onnx or .pth.
        kind: detector or classifier.
        models_dir: searched before all other folders.

    Raises:
        ModelError: the name is not known, the weights are not on this machine, or they differ from the manifest.
    """
    if name_or_path.endswith((".onnx", ".pth")):
        path = Path(name_or_path)
        if not path.is_file():
            raise ModelError(
                f"no such weights file: {path}", fix="check the path, or name a model: facetally models list"
            )
        digest = sha256_of(path)
        known = next((m for m in manifest() if m.sha256 == digest), None)
        if path.suffix == ".onnx" and not known:
            _refuse_foreign_parts(path)
        if known:
            return ModelFile(known.name, path, digest, known.licence, is_known=True)
        return ModelFile(path.stem, path, digest, "not known")
    name = ALIASES.get(name_or_path, name_or_path)
    entries = [model for model in manifest() if model.name == name and model.kind == kind]
    if not entries:
        short = {full: alias for alias, full in ALIASES.items()}
        names = sorted({short.get(model.name, model.name) for model in manifest() if model.kind == kind})
        raise ModelError(
            f"no {kind} is called {name_or_path!r}", fix=f"choose one of: {', '.join(names)}, or give a path"
        )
    for path, known in _present(entries, models_dir):
        return verified(path, known)
    can_pull = any(entry.url for entry in entries)
    fix = command("facetally", "models", "pull", name_or_path) if can_pull else "install facetally again"
    raise MissingModelError(f"the weights of {kind} {name_or_path!r} are not on this machine", fix=fix)


def _refuse_foreign_parts(path: Path) -> None:
    """Raises ModelError if an ONNX file stores its tensors in other files: it could name any file of the machine."""
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception:  # not ONNX: loading it gives a better error
        return
    tensors = (part for part in _parts(model) if isinstance(part, onnx.TensorProto))
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
        raise ModelError(
            f"{path} stores its tensors in other files", fix="save it as one file: onnx.save(onnx.load(...), path)"
        )


def _parts(message: Any) -> Iterator[Any]:
    """A protobuf message and all messages within it: a graph's nodes, their attributes, the graphs in these."""
    yield message
    for field, value in message.ListFields():
        if field.message_type:
            for part in value if isinstance(value, Sequence) else [value]:
                yield from _parts(part)


def _present(entries: list[KnownModel], models_dir: Path | None) -> Iterator[tuple[Path, KnownModel]]:
    for folder in folders(models_dir):
        for known in entries:
            if (folder / known.file).is_file():
                yield folder / known.file, known


def verified(path: Path, known: KnownModel) -> ModelFile:
    """The file, if its content has the hash stated in the manifest.

    Raises:
        ModelError: it is damaged, or another file.
    """
    digest = sha256_of(path)
    if digest != known.sha256:
        pull_again = command("facetally", "models", "pull", known.name)
        again = pull_again if known.url else "git checkout models/, or install facetally again"
        raise ModelError(
            f"{path} is damaged: its SHA-256 is {digest[:16]}..., expected {known.sha256[:16]}...",
            fix=f"delete {path}, then: {again}",
        )
    return ModelFile(known.name, path, digest, known.licence, is_known=True)


def located(models_dir: Path | None = None) -> dict[str, list[tuple[Path, KnownModel]]]:
    """The files on this machine by name, best first; an empty list for a model without any."""
    return {name: list(_present(entries, models_dir)) for name, entries in manifest_by_name().items()}


def downloadable(name: str) -> KnownModel:
    """The manifest's entry that `pull` would fetch.

    Raises:
        ModelError: the name is not known, or cannot be fetched.
    """
    for model in manifest():
        if model.name == name and model.url:
            return model
    names = [model.name for model in manifest() if model.url]
    raise ModelError(f"{name!r} cannot be fetched", fix=f"choose one of: {', '.join(names)}")


def pull(model: KnownModel, folder: Path) -> ModelFile:
    """Fetches the .zip of a model, checks its hash, and moves the model's file out of it into `folder`.

    Raises:
        ModelError: no network, or the content differs from the manifest.
    """
    import urllib.error
    import urllib.request
    import zipfile

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        archive = Path(work) / "pack.zip"
        try:
            with urllib.request.urlopen(model.url, timeout=60) as response, archive.open("wb") as file:
                shutil.copyfileobj(response, file)
        except (urllib.error.URLError, OSError) as error:
            raise ModelError(
                f"{model.url} cannot be fetched: {getattr(error, 'reason', error)}",
                fix="on a machine with network: facetally models pull, then facetally models bundle; "
                f"unpack it here and set {MODELS_VARIABLE} to the folder",
            ) from error
        if sha256_of(archive) != model.archive_sha256:
            raise ModelError(f"{model.url} is not the expected file (its SHA-256 differs)", fix="try again later")
        fetched = Path(work) / model.file
        with zipfile.ZipFile(archive) as pack:
            member = next((n for n in pack.namelist() if PurePosixPath(n).name == model.file), None)
            if member is None:
                raise ModelError(f"{model.url} does not hold {model.file}", fix="try again later")
            with pack.open(member) as source, fetched.open("wb") as target:
                shutil.copyfileobj(source, target)
        verified(fetched, model)
        fetched.replace(folder / model.file)
    return verified(folder / model.file, model)


def bundle(archive_path: Path, models_dir: Path | None = None) -> list[ModelFile]:
    """Packs all verified weights of this machine into one .zip, for a machine without network."""
    import zipfile

    files = [verified(*found[0]) for found in located(models_dir).values() if found]
    with whole_file(archive_path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file.path, file.path.name)
    return files
