from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("matplotlib")
pytest.importorskip("onnxscript")

import torch

import facetally.training.train
import scripts.finetune_gender_classifier as finetuning
from facetally.gender.classifier import FaceGenderClassifier

NAME = "mobilenetv2_gender_utkface"
MARGIN_PX = 16

pytestmark = pytest.mark.real


def finetune(shared: Path, folder: Path) -> str:
    """Runs the command in this process and returns its stdout."""
    options = {
        "data": shared / "data/UTKFace.zip",
        "backbone": shared / "models/mobilenet_v2_imagenet_trunk.pth",
        "detector": shared / "models/scrfd/scrfd_500m_kps.onnx",
        "output": folder / "models",
        "reports": folder / "reports",
        "work": folder / "work",
        "epochs": 1,
        "limit": 64,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with redirect_stdout(StringIO()) as stdout:
        finetuning.main.main(words, standalone_mode=False)
    return stdout.getvalue()


def results_in(folder: Path) -> list[dict[str, Any]]:
    """The results of the epochs, times included, from the training's state."""
    results: list[dict[str, Any]] = torch.load(folder / "work/state.pth", weights_only=True)["results"]
    return results


def middles_in(folder: Path) -> np.ndarray:
    """The cached crops without their margin."""
    (path,) = folder.glob("work/crops/utkface-*/crops.npy")
    return np.asarray(np.load(path)[:, MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX], np.uint8)


@pytest.fixture(scope="module")
def first_run(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("finetuning")
    return folder, finetune(shared, folder)


def test_a_smoke_run_writes_weights_history_and_report(first_run: tuple[Path, str]) -> None:
    folder, _ = first_run
    crops = middles_in(folder)
    assert crops.shape == (64, 112, 112, 3)
    assert [result["epoch"] for result in results_in(folder)] == [1]
    assert "23708 images read" in (folder / "reports/GENDER_FINETUNING_RESULTS.md").read_text()
    assert (folder / "reports/gender_finetuning_curves.png").stat().st_size > 5000
    from_pth, from_onnx = (FaceGenderClassifier(folder / f"models/{NAME}{s}") for s in (".pth", ".onnx"))
    assert from_pth.card == from_onnx.card
    assert from_pth.card.data["backbone"] == "mobilenet_v2_imagenet_trunk.pth"
    predictions = from_pth.predict(crops).female_prob
    assert np.allclose(from_onnx.predict(crops).female_prob, predictions, atol=1e-4)


def test_only_the_result_goes_to_stdout(first_run: tuple[Path, str]) -> None:
    folder, stdout = first_run
    metrics = json.loads((folder / "work/evaluation/metrics.json").read_text())["gender"]
    assert json.loads(stdout) == {key: metrics[key] for key in ("accuracy", "male_recall", "female_recall")}


def test_repeating_the_command_does_not_train_again(
    shared: Path, first_run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, stdout = first_run
    results = results_in(folder)
    network = FaceGenderClassifier(folder / f"models/{NAME}.pth")
    crops = middles_in(folder)[:8]
    # the export takes seconds, and the file already exists
    monkeypatch.setattr(facetally.training.train, "export_onnx", lambda *_: None)
    again = finetune(shared, folder)
    assert repr(results_in(folder)) == repr(results)  # repr, because NaN is not equal to itself
    assert again.splitlines()[-1] == stdout.splitlines()[-1]
    predictions = FaceGenderClassifier(folder / f"models/{NAME}.pth").predict(crops).female_prob
    assert np.array_equal(predictions, network.predict(crops).female_prob)
