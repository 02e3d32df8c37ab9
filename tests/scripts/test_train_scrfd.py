from __future__ import annotations

import csv
import gzip
import json
import shutil
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import numpy as np
import onnx
from click.testing import CliRunner, Result
from drawn_scenes import drawn_scenes

from facetally.models.weights import sha256_of
from scripts.train_scrfd import fingerprint, labelled_scenes, main

NAME = "facetally_scrfd_500m"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images with their table, and a manifest without the hash of the weights."""
    folder = tmp_path_factory.mktemp("places")
    scenes = drawn_scenes(20)
    with zipfile.ZipFile(folder / "faces.zip", "w") as archive:
        for scene in scenes:
            archive.writestr(scene.name, scene.content)
    with gzip.open(folder / "faces.csv.gz", "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "split", "x1", "y1", "x2", "y2", "ignore"])
        for number, scene in enumerate(scenes):
            writer.writerow([scene.name, "val" if number == 0 else "train", *scene.boxes[0].tolist(), number % 2])
    (folder / "models").mkdir()
    (folder / "models/manifest.csv").write_text(f"name,file,sha256,bytes\n{NAME},{NAME}.onnx,,\n")
    return folder


def train(places: Path, output: Path, *words: str) -> Result:
    labelled = f"{places / 'faces.zip'}+{places / 'faces.csv.gz'}"
    return CliRunner().invoke(
        main, ["--labelled", labelled, "-o", str(output), "--epochs", "1", "--workers", "0", *words]
    )


@pytest.fixture(scope="module")
def first(places: Path) -> Path:
    """Weights trained for one epoch."""
    done = train(places, places / "models")
    assert done.exit_code == 0, done.output
    return places / "models" / f"{NAME}.onnx"


def test_only_images_of_the_training_split_are_used(places: Path) -> None:
    scenes = list(labelled_scenes(places / "faces.zip", places / "faces.csv.gz"))
    assert len(scenes) == 19
    assert [bool(scene.is_ignored[0]) for scene in sorted(scenes, key=lambda scene: int(scene.name[:-4]))][:2] == [
        True,
        False,
    ]


def test_the_fingerprint_changes_with_images_and_boxes() -> None:
    scenes = drawn_scenes(3)
    assert fingerprint(scenes) == fingerprint(drawn_scenes(3))
    assert len({fingerprint(other) for other in (scenes, scenes[:2], drawn_scenes(3, seed=1))}) == 3


def test_a_short_training_writes_weights_with_their_card_and_hash(places: Path, first: Path) -> None:
    card = json.loads(onnx.load(first).metadata_props[0].value)
    assert (card["name"], card["seed"], card["pictures"], card["teacher"]) == (NAME, 0, 19, "none")
    assert len(card["losses"]) == 1
    assert sha256_of(first) in (places / "models/manifest.csv").read_text()
    again = train(places, places / "models")
    assert again.exit_code == 0
    assert json.loads(onnx.load(first).metadata_props[0].value)["losses"] == card["losses"]


def test_a_training_continues_from_exported_weights(places: Path, first: Path, tmp_path: Path) -> None:
    for folder, start in (("fresh", []), ("second", ["--start", str(first)])):
        done = train(places, tmp_path / folder, "--seed", "5", *start)
        assert done.exit_code == 0, done.output
    models = {path.parent.name: onnx.load(path) for path in (*tmp_path.glob("*/*.onnx"), first)}
    models["first"] = models.pop(first.parent.name)
    deepest = {
        name: onnx.numpy_helper.to_array(tensor).ravel()
        for name, model in models.items()
        for tensor in model.graph.initializer
        if tensor.name == "network.backbone.stages.3.5.3.weight"
    }
    assert np.corrcoef(deepest["first"], deepest["second"])[0, 1] > 0.9
    assert np.corrcoef(deepest["first"], deepest["fresh"])[0, 1] < 0.1
    starts = {name: json.loads(model.metadata_props[0].value)["start"] for name, model in models.items()}
    assert starts == {"first": "none", "fresh": "none", "second": sha256_of(first)}


def test_images_without_labels_are_refused_without_a_teacher(places: Path, tmp_path: Path) -> None:
    shutil.copy(places / "faces.zip", tmp_path)
    refused = train(places, tmp_path / "out", "--unlabelled", str(tmp_path / "faces.zip"))
    assert refused.exit_code != 0
    assert "need a teacher" in str(refused.exception)
