from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
import torch
from click.testing import CliRunner, Result
from drawn_identities import drawn_folder

from facetally.detection.embedding import FaceEmbedder
from facetally.detection.faces import ImageArray
from facetally.detection.training.embedding_faces import FaceFolder
from facetally.detection.training.embedding_network import EmbeddingNetworkOptions
from facetally.detection.training.embedding_training import EmbeddingRecipe
from facetally.files import sha256_of
from scripts import train_face_embedding
from scripts.train_face_embedding import main, persons_of

DETECTOR = Path(__file__).resolve().parents[2] / "models" / "facetally_scrfd_500m.onnx"
NAME = "facetally_face_embedding"
SMALL = EmbeddingRecipe(network=EmbeddingNetworkOptions(32, (8, 16), (0, 1)), batch_size=16, warm_up=2)


@pytest.fixture(scope="module")
def astronaut() -> ImageArray:
    """(300, 300, 3) BGR with one face."""
    return np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[:300, 100:400, ::-1])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network, whatever its recipe is by default."""
    monkeypatch.setattr(train_face_embedding, "EmbeddingRecipe", lambda: SMALL)
    monkeypatch.setattr(train_face_embedding, "stop_on_signals", lambda: lambda: False)


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)


def prepared(source: str, output: Path, *words: str) -> FaceFolder:
    invoke("prepare", source, "-o", output, "--detector", DETECTOR, *words)
    return FaceFolder.load(output)


def train(folder: Path, *words: object) -> Result:
    return invoke("train", folder / "faces", "--work", folder / "work", "-o", folder / "models", *words)


def test_portraits_are_cut_with_the_persons_of_a_table(tmp_path: Path, astronaut: ImageArray) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png", "unlisted.png"):
        cv2.imwrite(str(tmp_path / "images" / name), astronaut)
    cv2.imwrite(str(tmp_path / "images" / "empty.png"), np.zeros_like(astronaut))
    with (tmp_path / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "actor"], ["a.png", "Eileen_C"], ["b.png", "E. C"], ["empty.png", "No"]])
    folder = prepared(f"{tmp_path / 'images'}+{tmp_path / 'people.csv'}", tmp_path / "faces")
    assert folder.persons == ("eileen c", "e. c")
    assert folder.vectors.shape == (2, 0)
    assert folder.crops.shape == (2, 104, 104, 3)


def test_persons_may_be_named_by_folders(tmp_path: Path, astronaut: ImageArray) -> None:
    (tmp_path / "images" / "Eileen").mkdir(parents=True)
    (tmp_path / "images" / "Mixed").mkdir()
    for person in ("Eileen", "Mixed"):
        cv2.imwrite(str(tmp_path / "images" / person / "1.png"), astronaut)
    folder = prepared(str(tmp_path / "images"), tmp_path / "faces", "--folders", "--unknown", "Mixed")
    assert folder.persons == ("eileen", "")


def test_all_faces_of_a_scene_are_cut_and_are_nobody(tmp_path: Path, astronaut: ImageArray) -> None:
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "two.png"), np.hstack([astronaut, astronaut]))
    assert prepared(str(tmp_path / "images"), tmp_path / "faces", "--scenes").persons == ("", "")


def test_a_table_may_call_its_persons_persons(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,person\na.png,Ada\n")
    assert persons_of(tmp_path / "t.csv") == {"a.png": "Ada"}


@pytest.mark.usefixtures("small")
def test_a_training_exports_its_weights_and_records_them(tmp_path: Path) -> None:
    drawn_folder(tmp_path / "faces")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/manifest.csv").write_text(f"name,file,sha256,bytes\n{NAME},{NAME}.onnx,,\n")
    done = train(tmp_path, "--steps", 4, "--select-every", 4)
    weights = tmp_path / "models" / f"{NAME}.onnx"
    assert "step 4: teacher" in done.output
    assert "area" in done.output
    assert FaceEmbedder(weights).recipe == SMALL.crop
    assert sha256_of(weights) in (tmp_path / "models/manifest.csv").read_text()
    assert json.loads((tmp_path / "work" / f"{NAME}.best.json").read_text())["area"] > 0


@pytest.fixture
def exported(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Trainings leave the parameters of the small network here, by folder, and write no files, which takes seconds."""
    request.getfixturevalue("small")
    parameters: dict[str, torch.Tensor] = {}

    def export(network: torch.nn.Module, path: Path, *_: object) -> None:
        parameters[path.parent.name] = torch.cat([part.detach().flatten() for part in network.parameters()])

    monkeypatch.setattr(train_face_embedding, "export_embedding", export)
    return parameters


def test_a_training_that_was_stopped_resumes(
    tmp_path: Path, exported: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn_folder(tmp_path / "faces")
    calls: list[int] = []

    def stop_after_two() -> Callable[[], bool]:
        return lambda: calls.append(1) or len(calls) > 2  # type: ignore[func-returns-value]

    with monkeypatch.context() as patch:
        patch.setattr(train_face_embedding, "stop_on_signals", stop_after_two)
        assert "stopped" in train(tmp_path, "--steps", 4, "--select-every", 4).output
    assert "models" not in exported
    assert torch.load(tmp_path / "work" / f"{NAME}.state", weights_only=True)["step"] == 2
    assert "step 4" in train(tmp_path, "--steps", 4, "--select-every", 4).output
    assert "models" in exported


def test_another_training_continues_from_the_weights(tmp_path: Path, exported: dict[str, torch.Tensor]) -> None:
    drawn_folder(tmp_path / "faces")
    train(tmp_path, "--steps", 2)
    first = exported.pop("models")
    state = tmp_path / "work" / f"{NAME}.state"
    moved = state.rename(tmp_path / "first.state")
    train(tmp_path, "--steps", 2, "--start", moved, "--seed", 1)
    assert not torch.equal(exported["models"], first)
    assert np.corrcoef(exported["models"], first)[0, 1] > 0.9


def test_nobody_held_out_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_folder(tmp_path / "faces", per_person=0, strangers=20)
    monkeypatch.setattr(train_face_embedding, "EmbeddingRecipe", lambda: replace(SMALL, person_share=0))
    assert "nobody is held out" in train(tmp_path, "--steps", 1, "--select-every", 1).output
